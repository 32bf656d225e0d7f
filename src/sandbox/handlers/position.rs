//! Checks of signature positions (API 5.5.2).

use super::session::Session;
use crate::address::DocId;
use crate::api::operation::Refusal;
use crate::api::{ErrorCode, POINTS_PER_PIXEL, Position, page_list};
use crate::sandbox::document_store::Sizes;

/// The limit of a page's width, in points. Applies if the page sizes cannot be read.
const MAX_PAGE_WIDTH: f64 = 14_400.0;
/// The minimum of `scale`.
const MIN_SCALE: f64 = 1.0;

fn invalid(message: impl std::fmt::Display) -> Refusal {
    Refusal::new(ErrorCode::PARAMETER, message)
}

fn not_on_document(message: impl std::fmt::Display) -> Refusal {
    Refusal::new(ErrorCode::FLOW_CHECK, message)
}

/// Refuses a position that is not valid or not on the document.
pub(super) fn check(
    session: &mut Session<'_>,
    doc: &DocId,
    position: &Position,
) -> Result<(), Refusal> {
    let Some(sign_type) = position.sign_type else {
        return Err(ErrorCode::NO_SIGN_TYPE.into());
    };
    // The page sizes of some encrypted documents cannot be read.
    let sizes = session.documents.page_sizes(session.world, doc);
    let sizes = sizes.as_deref().map(Vec::as_slice);
    check_scale(position, sizes)?;
    let listed = listed_pages(position, sizes)?;
    match sign_type {
        1 => check_keyword(session, doc, position, listed.as_deref())?,
        2 if listed.is_none() || position.pos_x.is_none() || position.pos_y.is_none() => {
            return Err(invalid("signType 2 requires posPage, posX and posY"));
        }
        2 => {}
        3 => check_seam(listed.as_deref(), sizes)?,
        other => return Err(invalid(format_args!("signType cannot be {other}"))),
    }
    match sizes {
        Some(sizes) => check_on_page(session, doc, position, sizes),
        None => Ok(()),
    }
}

/// Refuses a `scale` that is too small, or wider than the widest page.
fn check_scale(position: &Position, sizes: Option<&Sizes>) -> Result<(), Refusal> {
    let widths = sizes.into_iter().flatten().map(|(width, _)| *width);
    let widest = widths.reduce(f64::max).unwrap_or(MAX_PAGE_WIDTH);
    match position.scale {
        Some(scale) if scale < MIN_SCALE || scale * POINTS_PER_PIXEL > widest => {
            Err(invalid(format_args!("scale cannot be {scale}")))
        }
        _ => Ok(()),
    }
}

/// Returns the pages of `posPage`. Refuses pages that the document does not have.
fn listed_pages(position: &Position, sizes: Option<&Sizes>) -> Result<Option<Vec<u32>>, Refusal> {
    let Some(text) = position.pos_page.as_deref() else {
        return Ok(None);
    };
    let pages = page_list(text).ok_or_else(|| invalid(format_args!("posPage cannot be {text}")))?;
    let is_missing = |page: &&u32| sizes.is_some_and(|sizes| page_size(sizes, **page).is_none());
    match pages.iter().find(is_missing) {
        Some(page) => Err(not_on_document(format_args!(
            "the document has no page {page}"
        ))),
        None => Ok(Some(pages)),
    }
}

/// Returns the size of a page, counted from 1.
fn page_size(sizes: &Sizes, page: u32) -> Option<(f64, f64)> {
    let index = usize::try_from(page).ok()?.checked_sub(1)?;
    sizes.get(index).copied()
}

/// Refuses a keyword that is not on the document, or not on the listed pages.
fn check_keyword(
    session: &mut Session<'_>,
    doc: &DocId,
    position: &Position,
    listed: Option<&[u32]>,
) -> Result<(), Refusal> {
    let key = position.key.as_deref().unwrap_or_default().trim();
    if key.is_empty() {
        return Err(ErrorCode::NO_KEYWORD.into());
    }
    let spots = session.documents.keyword_positions(session.world, doc, key);
    if spots.is_empty() {
        return Err(not_on_document(format_args!(
            "keyword {key} is not in the document"
        )));
    }
    if let (Some(listed), Some(text)) = (listed, &position.pos_page)
        && !spots.iter().any(|spot| listed.contains(&spot.page))
    {
        return Err(not_on_document(format_args!(
            "keyword {key} is not on page {text}"
        )));
    }
    Ok(())
}

/// Refuses a seam on fewer than two pages (API 2, term 10).
fn check_seam(listed: Option<&[u32]>, sizes: Option<&Sizes>) -> Result<(), Refusal> {
    let has_two_pages = match (listed, sizes) {
        (Some(pages), _) => pages.iter().any(|page| *page != pages[0]),
        (None, Some(sizes)) => sizes.len() > 1,
        (None, None) => true,
    };
    if !has_two_pages {
        return Err(not_on_document("a seam requires at least two pages"));
    }
    Ok(())
}

/// Refuses a signature whose center is not on its page. Of several matches of a keyword, one on its
/// page is enough.
fn check_on_page(
    session: &mut Session<'_>,
    doc: &DocId,
    position: &Position,
    sizes: &Sizes,
) -> Result<(), Refusal> {
    let centers = session.documents.centers(session.world, doc, position);
    let is_outside = |(page, x, y): &(u32, f64, f64)| {
        page_size(sizes, *page)
            .is_none_or(|(width, height)| !(0.0..=width).contains(x) || !(0.0..=height).contains(y))
    };
    let is_keyword = position.sign_type == Some(1);
    let outside = if is_keyword && !centers.iter().all(is_outside) {
        None
    } else {
        centers.iter().find(|center| is_outside(center))
    };
    match outside {
        Some((page, x, y)) => Err(not_on_document(format_args!(
            "position {x}, {y} is outside page {page}"
        ))),
        None => Ok(()),
    }
}
