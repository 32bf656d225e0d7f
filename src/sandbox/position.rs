//! Where signatures of the emulated service go (section 5.5.2): what cannot be a place on the document is refused.

use super::papers::{POINTS, Sizes, page_list};
use super::serve::Session;
use crate::address::DocId;
use crate::api::operation::Refusal;
use crate::api::{ErrorCode, Position};

/// No page is so wide, in points.
const WIDEST: f64 = 14_400.0;
/// What is narrower cannot be seen, in the unit of `scale`.
const NARROWEST: f64 = 1.0;

fn wrong(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(ErrorCode::PARAMETER, what)
}

fn of_flow(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(ErrorCode::FLOW_CHECK, what)
}

/// Whether a position is one, and on the document.
pub(super) fn check(
    session: &mut Session<'_>,
    doc: &DocId,
    position: &Position,
) -> Result<(), Refusal> {
    let Some(sign_type) = position.sign_type else {
        return Err(ErrorCode::NO_SIGN_TYPE.into());
    };
    // Nobody can look into some encrypted documents.
    let sizes = session.papers.page_sizes(session.world, doc);
    let sizes = sizes.as_deref().map(Vec::as_slice);
    scale(position, sizes)?;
    let listed = listed(position, sizes)?;
    match sign_type {
        1 => keyword(session, doc, position, listed.as_deref())?,
        2 if listed.is_none() || position.pos_x.is_none() || position.pos_y.is_none() => {
            return Err(wrong("signType 2 needs posPage, posX and posY"));
        }
        2 => {}
        3 => seam(listed.as_deref(), sizes)?,
        other => return Err(wrong(format_args!("signType cannot be {other}"))),
    }
    match sizes {
        Some(sizes) => on_page(session, doc, position, sizes),
        None => Ok(()),
    }
}

/// A seal is as wide as `scale` says, which must be possible on the document.
fn scale(position: &Position, sizes: Option<&Sizes>) -> Result<(), Refusal> {
    let widths = sizes.into_iter().flatten().map(|(width, _)| *width);
    let widest = widths.reduce(f64::max).unwrap_or(WIDEST);
    match position.scale {
        Some(scale) if scale < NARROWEST || scale * POINTS > widest => {
            Err(wrong(format_args!("scale cannot be {scale}")))
        }
        _ => Ok(()),
    }
}

/// The pages of `posPage`, which the document must have.
fn listed(position: &Position, sizes: Option<&Sizes>) -> Result<Option<Vec<u32>>, Refusal> {
    let Some(text) = position.pos_page.as_deref() else {
        return Ok(None);
    };
    let pages = page_list(text).ok_or_else(|| wrong(format_args!("posPage cannot be {text}")))?;
    let beyond = |page: &&u32| sizes.is_some_and(|sizes| size(sizes, **page).is_none());
    match pages.iter().find(beyond) {
        Some(page) => Err(of_flow(format_args!("the document has no page {page}"))),
        None => Ok(Some(pages)),
    }
}

fn size(sizes: &Sizes, page: u32) -> Option<(f64, f64)> {
    let nth = usize::try_from(page).ok()?.checked_sub(1)?;
    sizes.get(nth).copied()
}

fn keyword(
    session: &mut Session<'_>,
    doc: &DocId,
    position: &Position,
    listed: Option<&[u32]>,
) -> Result<(), Refusal> {
    let key = position.key.as_deref().unwrap_or_default().trim();
    if key.is_empty() {
        return Err(ErrorCode::NO_KEYWORD.into());
    }
    let spots = session.papers.spots(session.world, doc, key);
    if spots.is_empty() {
        return Err(of_flow(format_args!("the document has no text {key}")));
    }
    if let (Some(listed), Some(text)) = (listed, &position.pos_page)
        && !spots.iter().any(|spot| listed.contains(&spot.page))
    {
        return Err(of_flow(format_args!("the pages {text} have no text {key}")));
    }
    Ok(())
}

/// A seam is where pages meet (section 2, 10): of one page there is none.
fn seam(listed: Option<&[u32]>, sizes: Option<&Sizes>) -> Result<(), Refusal> {
    let has_two = match (listed, sizes) {
        (Some(pages), _) => pages.iter().any(|page| *page != pages[0]),
        (None, Some(sizes)) => sizes.len() > 1,
        (None, None) => true,
    };
    if !has_two {
        return Err(of_flow("a seam needs two pages at least"));
    }
    Ok(())
}

/// Whether it can be seen: its middle is on the page, or that of one of several words.
fn on_page(
    session: &mut Session<'_>,
    doc: &DocId,
    position: &Position,
    sizes: &Sizes,
) -> Result<(), Refusal> {
    let centres = session.papers.centres(session.world, doc, position);
    let is_off = |(page, x, y): &(u32, f64, f64)| {
        size(sizes, *page)
            .is_none_or(|(width, height)| !(0.0..=width).contains(x) || !(0.0..=height).contains(y))
    };
    let is_word = position.sign_type == Some(1);
    let off = if is_word && !centres.iter().all(is_off) {
        None
    } else {
        centres.iter().find(|centre| is_off(centre))
    };
    match off {
        Some((page, x, y)) => Err(of_flow(format_args!(
            "page {page} has no place {x}, {y}: it is not so large"
        ))),
        None => Ok(()),
    }
}
