//! The signers of a contract in signing order, and the places of their seals in its documents.

use serde::Serialize;

use super::document::Composed;
use super::seals::{SealLook, looks};
use crate::api::{POINTS_PER_PIXEL, Position, SealCenter};
use crate::desired::{Item, Resources, Signer};
use crate::pdf::{OverlayBox, OverlayColor, Spot};

/// A signer and the places of its seals.
#[derive(Debug, Serialize)]
pub(super) struct SignerView {
    /// The number in signing order, from 1.
    pub(super) order: usize,
    pub(super) name: String,
    /// The owners of the seals and signatures.
    owners: String,
    /// The seals and signatures.
    marks: String,
    /// Whether it signs without being asked.
    is_automatic: bool,
    /// The signers that must have signed before.
    after: String,
    pub(super) places: Vec<PlaceView>,
}

/// Where a signer signs in a document.
#[derive(Debug, Serialize)]
pub(super) struct PlaceView {
    /// The name of the document in the flow.
    pub(super) document: String,
    text: String,
    /// The reason why the service will refuse the position.
    pub(super) problem: Option<String>,
}

/// The drawings over a document.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) boxes: Vec<OverlayBox>,
    pub(super) notes: Vec<(OverlayColor, String)>,
}

/// Returns the signers of an item, and the marks of each of its documents. A document that cannot
/// be shown has none.
pub(super) fn signers(
    item: &Item,
    resources: &Resources,
    documents: &[Result<Composed, String>],
) -> (Vec<SignerView>, Vec<Marks>) {
    let mut marks: Vec<Marks> = documents.iter().map(|_| Marks::default()).collect();
    let mut views = Vec::new();
    for (signer, order) in item.signers.iter().zip(1..) {
        let looks = looks(signer, item, resources);
        let mut places = Vec::new();
        for (at, document) in item.documents.iter().enumerate() {
            let placement = signer.placements.iter().find(|own| own.document == at);
            if placement.is_none() && !signer.placements.is_empty() {
                continue;
            }
            let place = |text: String, problem| PlaceView {
                document: document.label.clone(),
                text,
                problem,
            };
            let positions = placement.map_or(&[][..], |own| &own.positions[..]);
            if positions.is_empty() {
                let owners = joined(looks.iter().map(|look| &*look.owner));
                let note = t!(
                    "%{order} %{signer} (%{owners}): free position",
                    order = order,
                    signer = signer.name,
                    owners = owners
                );
                marks[at].notes.push((color(signer), note.into_owned()));
                places.push(place(
                    t!("free position: the signer chooses it").into_owned(),
                    None,
                ));
            }
            for position in positions {
                let shown = documents[at].as_ref().ok();
                let problem = shown.and_then(|shown| {
                    let centers = centers(position, shown);
                    let labels = Labels {
                        signer,
                        order,
                        looks: &looks,
                    };
                    labels.draw(position, &centers, shown, &mut marks[at]);
                    problem(position, &centers, shown)
                });
                places.push(place(described(position), problem));
            }
        }
        views.push(SignerView {
            order,
            name: signer.name.clone(),
            owners: joined(looks.iter().map(|look| &*look.owner)),
            marks: joined(looks.iter().map(|look| &*look.mark)),
            is_automatic: signer.kind.signs_at_once(),
            after: signer.after.join(", "),
            places,
        });
    }
    (views, marks)
}

fn joined<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut all: Vec<&str> = texts.collect();
    all.dedup();
    all.join("; ")
}

fn color(signer: &Signer) -> OverlayColor {
    if signer.kind.signs_at_once() {
        OverlayColor::Red
    } else {
        OverlayColor::Blue
    }
}

fn keyword(position: &Position) -> &str {
    position.key.as_deref().unwrap_or_default().trim()
}

fn centers(position: &Position, document: &Composed) -> Vec<SealCenter> {
    let keywords = match position.sign_type {
        Some(1) => document.find(keyword(position)),
        _ => Vec::new(),
    };
    let keywords: Vec<SealCenter> = keywords.iter().map(Spot::center).collect();
    position.centers(&keywords, document.sizes.len())
}

/// Describes a position.
fn described(position: &Position) -> String {
    let pages = position.pos_page.as_deref().unwrap_or_default();
    let pages = if pages.contains(['-', ',']) {
        t!("pages %{pages}", pages = pages)
    } else {
        t!("page %{page}", page = pages)
    };
    let number = |number: Option<f64>| number.unwrap_or(0.0);
    let (x, y) = (number(position.pos_x), number(position.pos_y));
    match position.sign_type {
        Some(1) if (x, y) == (0.0, 0.0) => t!("at the text %{text}", text = keyword(position)),
        Some(1) => t!(
            "at the text %{text}, moved by %{x}, %{y}",
            text = keyword(position),
            x = x,
            y = y
        ),
        Some(3) => t!("across the edges of %{pages}", pages = pages),
        _ => t!("%{pages}, at %{x}, %{y}", pages = pages, x = x, y = y),
    }
    .into_owned()
}

/// Returns the reason why the service will refuse a position.
fn problem(position: &Position, centers: &[SealCenter], document: &Composed) -> Option<String> {
    let is_keyword = position.sign_type == Some(1);
    if is_keyword && centers.is_empty() {
        let text = keyword(position);
        return Some(
            t!(
                "the document does not contain the text %{text}",
                text = text
            )
            .into_owned(),
        );
    }
    if let Some((page, ..)) = centers.iter().find(|own| document.size(own.0).is_none()) {
        return Some(t!("the document has no page %{page}", page = page).into_owned());
    }
    if position.sign_type == Some(3) && centers.len() < 2 {
        return Some(t!("a seal across the edges needs at least two pages").into_owned());
    }
    let is_outside = |(page, x, y): &&SealCenter| {
        let (width, height) = document.size(*page).unwrap_or_default();
        !(0.0..=width).contains(x) || !(0.0..=height).contains(y)
    };
    let outside = centers.iter().filter(is_outside).count();
    // Of several matches of a keyword, one on its page is enough.
    let is_wrong = if is_keyword {
        outside == centers.len()
    } else {
        outside > 0
    };
    is_wrong.then(|| t!("the position is outside of the page").into_owned())
}

/// Draws the boxes of a signer.
struct Labels<'a> {
    signer: &'a Signer,
    order: usize,
    looks: &'a [SealLook],
}

impl Labels<'_> {
    fn draw(
        &self,
        position: &Position,
        centers: &[SealCenter],
        document: &Composed,
        marks: &mut Marks,
    ) {
        for (look, index) in self.looks.iter().zip(0_u16..) {
            // `scale` replaces the width of the seal and has the same unit (API 5.5.2).
            let scale = position.scale.map(|scale| scale * POINTS_PER_PIXEL);
            let width = scale.unwrap_or(look.width);
            let height = width * look.height / look.width;
            // The second seal of a signer stands next to the first.
            let shift = width * 1.1 * f64::from(index);
            let is_seam = position.sign_type == Some(3);
            let slices = f64::from(u32::try_from(centers.len().max(1)).unwrap_or(u32::MAX));
            for (page, x, y) in centers {
                let (page_width, page_height) = document.size(*page).unwrap_or_default();
                let lowest = (page_height - height).max(0.0);
                let (x, y, width) = if is_seam {
                    let width = width / slices;
                    (
                        page_width - width,
                        (y - height / 2.0).clamp(0.0, lowest),
                        width,
                    )
                } else {
                    (x + shift - width / 2.0, y - height / 2.0, width)
                };
                marks.boxes.push(OverlayBox {
                    page: *page,
                    x,
                    y,
                    width,
                    height,
                    color: color(self.signer),
                    label: vec![
                        format!("{} {}", self.order, self.signer.name),
                        look.owner.clone(),
                        look.mark.clone(),
                    ],
                });
            }
        }
    }
}
