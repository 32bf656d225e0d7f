//! Pictures on pages: seals where they are asked for, and one seal over the edges of many pages.
//!
//! What a page drew before is wrapped, so that its transforms do not reach the stamps.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hayro::hayro_interpret::TransformExt;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use tiny_skia::Pixmap;

use super::append::inherited;
use super::fields::{PdfError, load, save};
use super::font::{Writing, ems, packed};
use super::page::look;

/// A picture to be put on a page. Lengths are points, from the lower left of the page as it is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stamp<'a> {
    /// The page, from 1.
    pub page: u32,
    /// Where its lower left corner stands.
    pub x: f64,
    /// Where its lower left corner stands.
    pub y: f64,
    /// How wide it is shown.
    pub width: f64,
    /// How high it is shown.
    pub height: f64,
    /// A PNG; what is transparent in it stays so.
    pub image: &'a [u8],
    /// One line below the picture, such as when it was signed.
    pub text: Option<&'a str>,
}

/// The size of the line below a picture, in points.
const TEXT: f64 = 8.0;

/// The PDF with pictures on its pages; those for pages that it does not have are left out.
///
/// Fails for what is no PDF, and for an image that is no PNG.
pub fn stamp(bytes: &[u8], stamps: &[Stamp<'_>]) -> Result<Vec<u8>, PdfError> {
    let mut desk = Desk::new(bytes)?;
    for stamp in stamps {
        desk.put(stamp)?;
    }
    desk.finish()
}

/// The PDF with a seal over the right edges of pages: cut into as many slices as there are pages, one on each.
///
/// `y` is its lower edge; `width` and `height` are those of the whole seal, in points. Pages that the PDF does not have
/// are left out, and get no slice. Fails for what is no PDF, and for an image that is no PNG.
pub fn seam(
    bytes: &[u8],
    image: &[u8],
    pages: &[u32],
    y: f64,
    width: f64,
    height: f64,
) -> Result<Vec<u8>, PdfError> {
    let mut desk = Desk::new(bytes)?;
    let pages: Vec<u32> = (pages.iter().copied())
        .filter(|page| desk.pages.contains_key(page))
        .collect();
    let slice = width / f64::from(u32::try_from(pages.len().max(1)).unwrap_or(u32::MAX));
    for (page, nth) in pages.into_iter().zip(0_u32..) {
        let id = desk.image(image)?;
        let right = desk.pages[&page].width;
        let left = right - slice;
        let whole = left - slice * f64::from(nth);
        desk.draw(
            page,
            id,
            &format!(
                "q {left:.3} {y:.3} {slice:.3} {height:.3} re W n \
                 {width:.3} 0 0 {height:.3} {whole:.3} {y:.3} cm /TreatySeal{} Do Q\n",
                id.0
            ),
        );
    }
    desk.finish()
}

/// A page that is worked on.
struct Leaf {
    id: ObjectId,
    width: f64,
    /// From what is shown to the page's own space: the six numbers of `cm`.
    matrix: [f64; 6],
    drawing: String,
    images: Vec<ObjectId>,
    has_text: bool,
}

struct Desk<'a> {
    document: Document,
    pages: BTreeMap<u32, Leaf>,
    images: BTreeMap<&'a [u8], ObjectId>,
    writing: Writing,
    font: ObjectId,
}

impl<'a> Desk<'a> {
    fn new(bytes: &[u8]) -> Result<Self, PdfError> {
        let mut document = load(bytes)?;
        let font = document.new_object_id();
        let looks = look(bytes, |pdf| -> Vec<_> {
            let shown = pdf.pages().iter().map(|page| {
                let back = page.initial_transform(false).to_kurbo().inverse();
                (f64::from(page.render_dimensions().0), back.as_coeffs())
            });
            shown.collect()
        })?;
        let pages = document.get_pages().into_iter().zip(looks);
        let pages = pages.map(|((number, id), (width, matrix))| {
            let leaf = Leaf {
                id,
                width,
                matrix,
                drawing: String::new(),
                images: Vec::new(),
                has_text: false,
            };
            (number, leaf)
        });
        Ok(Self {
            pages: pages.collect(),
            document,
            images: BTreeMap::new(),
            writing: Writing::default(),
            font,
        })
    }

    fn put(&mut self, stamp: &Stamp<'a>) -> Result<(), PdfError> {
        if !self.pages.contains_key(&stamp.page) {
            return Ok(());
        }
        let id = self.image(stamp.image)?;
        let Stamp {
            x,
            y,
            width,
            height,
            ..
        } = *stamp;
        let mut drawing = format!(
            "q {width:.3} 0 0 {height:.3} {x:.3} {y:.3} cm /TreatySeal{} Do Q\n",
            id.0
        );
        if let Some(text) = stamp.text.filter(|text| !text.is_empty()) {
            let left = x + (width - ems(text) * TEXT) / 2.0;
            // Writing to a string cannot fail.
            let _ = writeln!(
                drawing,
                "BT 0 g /TreatySans {TEXT} Tf {left:.3} {:.3} Td {} Tj ET",
                y - TEXT * 1.2,
                self.writing.show(text)
            );
        }
        let has_text = stamp.text.is_some();
        self.draw(stamp.page, id, &drawing);
        if let Some(leaf) = self.pages.get_mut(&stamp.page) {
            leaf.has_text |= has_text;
        }
        Ok(())
    }

    fn draw(&mut self, page: u32, image: ObjectId, drawing: &str) {
        if let Some(leaf) = self.pages.get_mut(&page) {
            leaf.drawing += drawing;
            leaf.images.push(image);
        }
    }

    /// The image in the document; the same one is there once.
    fn image(&mut self, png: &'a [u8]) -> Result<ObjectId, PdfError> {
        if let Some(id) = self.images.get(png) {
            return Ok(*id);
        }
        let pixmap = Pixmap::decode_png(png)
            .map_err(|error| PdfError::NoPdf(format!("an image is no PNG: {error}")))?;
        let (mut colors, mut alphas) = (Vec::new(), Vec::new());
        // Viewers blend neighbours when they scale: what is transparent takes the color that was seen last, lest the
        // edges turn dark.
        let mut color = [255; 3];
        for pixel in pixmap.pixels() {
            let pixel = pixel.demultiply();
            if pixel.alpha() > 127 {
                color = [pixel.red(), pixel.green(), pixel.blue()];
            }
            colors.extend(match pixel.alpha() {
                0 => color,
                _ => [pixel.red(), pixel.green(), pixel.blue()],
            });
            alphas.push(pixel.alpha());
        }
        let part = |space: &str| {
            dictionary! {
                "Type" => "XObject",
                "Subtype" => "Image",
                "Width" => i64::from(pixmap.width()),
                "Height" => i64::from(pixmap.height()),
                "ColorSpace" => space,
                "BitsPerComponent" => 8,
            }
        };
        let mask = packed(Stream::new(part("DeviceGray"), alphas));
        let mask = self.document.add_object(mask);
        let mut head = part("DeviceRGB");
        head.set("SMask", mask);
        let id = self.document.add_object(packed(Stream::new(head, colors)));
        self.images.insert(png, id);
        Ok(id)
    }

    fn finish(mut self) -> Result<Vec<u8>, PdfError> {
        let has_text = self.pages.values().any(|leaf| leaf.has_text);
        let opening = self
            .document
            .add_object(Stream::new(dictionary! {}, b"q\n".to_vec()));
        for leaf in self.pages.values() {
            if !leaf.drawing.is_empty() {
                paint(&mut self.document, leaf, opening, self.font);
            }
        }
        if has_text {
            self.writing.embed(&mut self.document, self.font)?;
        }
        save(self.document)
    }
}

/// Adds a page's drawing to its content, and what that needs to its resources.
fn paint(document: &mut Document, leaf: &Leaf, opening: ObjectId, font: ObjectId) {
    let mut closing = "Q ".repeat(1 + open_states(document, leaf.id));
    let _ = write!(closing, "q ");
    for number in leaf.matrix {
        let _ = write!(closing, "{number:.4} ");
    }
    let _ = writeln!(closing, "cm\n{}Q", leaf.drawing);
    let closing = Stream::new(dictionary! {}, closing.into_bytes());
    let closing = document.add_object(packed(closing));
    let mut contents = vec![Object::Reference(opening)];
    contents.extend(
        document
            .get_page_contents(leaf.id)
            .into_iter()
            .map(Object::Reference),
    );
    contents.push(Object::Reference(closing));

    let mut resources = inherited(document, leaf.id, b"Resources")
        .map(|resources| dictionary_of(document, resources))
        .unwrap_or_default();
    let mut add = |kind: &str, name: String, id: ObjectId| {
        let mut part = resources
            .get(kind.as_bytes())
            .map(|part| dictionary_of(document, part))
            .unwrap_or_default();
        part.set(name, id);
        resources.set(kind, part);
    };
    for image in &leaf.images {
        add("XObject", format!("TreatySeal{}", image.0), *image);
    }
    if leaf.has_text {
        add("Font", "TreatySans".to_owned(), font);
    }
    if let Ok(page) = document.get_dictionary_mut(leaf.id) {
        page.set("Contents", contents);
        page.set("Resources", resources);
    }
}

fn dictionary_of(document: &Document, object: &Object) -> Dictionary {
    let object = document.dereference(object).map(|(_, object)| object);
    object
        .and_then(Object::as_dict)
        .cloned()
        .unwrap_or_default()
}

/// How many graphics states a page's content leaves open.
fn open_states(document: &Document, page: ObjectId) -> usize {
    let Ok(content) = document.get_and_decode_page_content(page) else {
        return 0;
    };
    let mut open = 0_usize;
    for operation in &content.operations {
        match operation.operator.as_str() {
            "q" => open += 1,
            "Q" => open = open.saturating_sub(1),
            _ => {}
        }
    }
    // No real page leaves more open.
    open.min(64)
}

#[cfg(test)]
mod tests {
    use super::super::{append_pdf, find, page_of_html, picture};
    use super::*;

    fn red() -> Vec<u8> {
        let mut pixmap = Pixmap::new(20, 20).unwrap();
        let middle = tiny_skia::Rect::from_xywh(5.0, 0.0, 15.0, 20.0).unwrap();
        let mut paint = tiny_skia::Paint::default();
        paint.set_color_rgba8(255, 0, 0, 255);
        pixmap.fill_rect(middle, &paint, tiny_skia::Transform::identity(), None);
        pixmap.encode_png().unwrap()
    }

    /// Whether a point of a page, in points from its lower left, is red.
    fn is_red(pdf: &[u8], page: u32, x: u32, y: u32) -> bool {
        let (width, height) = super::super::page_sizes(pdf).unwrap()[page as usize - 1];
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let png = picture(pdf, page, width as u32).unwrap().unwrap();
        let pixmap = Pixmap::decode_png(&png).unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let pixel = pixmap.pixel(x, height as u32 - y).unwrap();
        (pixel.red(), pixel.green()) == (255, 0)
    }

    fn turned(rotate: i64, content: &[u8]) -> Vec<u8> {
        let mut document = load(&page_of_html("<p>合同</p>")).unwrap();
        let page = document.get_pages()[&1];
        let stream = document.add_object(Stream::new(dictionary! {}, content.to_vec()));
        let page = document.get_dictionary_mut(page).unwrap();
        page.set("Rotate", rotate);
        page.set("Contents", stream);
        page.set(
            "CropBox",
            vec![10.into(), 20.into(), 510.into(), 720.into()],
        );
        save(document).unwrap()
    }

    #[test]
    fn a_stamp_stands_where_it_is_asked_for_however_the_page_is_turned() {
        let image = red();
        for rotate in [0, 90, 180, 270] {
            // The content leaves states and a transform behind.
            let pdf = turned(rotate, b"q q .5 0 0 .5 100 100 cm 0 0 1 rg");
            let stamp = Stamp {
                page: 1,
                x: 100.0,
                y: 200.0,
                width: 80.0,
                height: 40.0,
                image: &image,
                text: Some("2026-01-02 03:04"),
            };
            let elsewhere = Stamp { page: 7, ..stamp };
            let stamped = super::stamp(&pdf, &[stamp, stamp, elsewhere]).unwrap();
            assert!(is_red(&stamped, 1, 140, 220), "{rotate}");
            assert!(is_red(&stamped, 1, 178, 202), "{rotate}");
            // It is transparent at its left.
            assert!(!is_red(&stamped, 1, 105, 220), "{rotate}");
            assert!(!is_red(&stamped, 1, 140, 245), "{rotate}");
            let spots = find(&stamped, "2026-01-0203:04").unwrap();
            assert_eq!(spots.len(), 1, "{rotate}");
            assert!(spots[0].y < 200.0 && spots[0].y > 180.0 && spots[0].width > spots[0].height);
            let images = load(&stamped).unwrap();
            let images = images.objects.values().filter(|object| {
                let kind = object.as_stream().map(|stream| stream.dict.get(b"Subtype"));
                kind.is_ok_and(|kind| kind.is_ok_and(|kind| kind.as_name().ok() == Some(b"Image")))
            });
            assert_eq!(images.count(), 2);
        }
        let pdf = turned(0, b"");
        let stamp = Stamp {
            page: 1,
            x: 0.0,
            y: 0.0,
            width: 1.0,
            height: 1.0,
            image: b"no image",
            text: None,
        };
        assert!(super::stamp(&pdf, &[stamp]).is_err());
    }

    #[test]
    fn a_seam_is_at_the_right_edges() {
        let page = page_of_html("<p>合同</p>");
        let pdf = append_pdf(&page, &page).unwrap();
        let sealed = seam(&pdf, &red(), &[1, 2, 3], 400.0, 40.0, 40.0).unwrap();
        assert!(!is_red(&sealed, 1, 577, 420) && is_red(&sealed, 1, 590, 420));
        assert!(is_red(&sealed, 2, 577, 420) && is_red(&sealed, 2, 590, 420));
        assert!(!is_red(&sealed, 2, 570, 420));
    }
}
