//! Positions of seals (section 5.5.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The points (1/72 inch) in a pixel of a seal (1/96 inch).
pub const POINTS_PER_PIXEL: f64 = 0.75;

/// The position of a seal. Coordinates are in points from the lower left corner of the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// The type: 1 keyword, 2 page and coordinates, 3 across the edges of all pages (骑缝).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_type: Option<i64>,
    /// The pages: `1` or `1-3,5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_page: Option<String>,
    /// The horizontal coordinate, or the offset from the keyword.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_x: Option<f64>,
    /// The vertical coordinate, or the offset from the keyword.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_y: Option<f64>,
    /// The keyword; required if `sign_type` is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The width of the scaled seal, in the unit of the seal's width (5.8); the width of the seal
    /// if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

/// The center of a seal: page, from 1, and coordinates in points.
pub type SealCenter = (u32, f64, f64);

impl Position {
    /// Returns the pages that are listed. `None` if none are, or if the list is not valid.
    pub fn pages(&self) -> Option<Vec<u32>> {
        self.pos_page.as_deref().and_then(page_list)
    }

    /// Returns the centers of the seals. For a seam only the page and y are meaningful.
    ///
    /// `keywords`: the centers of the keyword in the document. `page_count`: the number of its
    /// pages.
    pub fn centers(&self, keywords: &[SealCenter], page_count: usize) -> Vec<SealCenter> {
        let (x, y) = (self.pos_x.unwrap_or(0.0), self.pos_y.unwrap_or(0.0));
        let listed = self.pages();
        match self.sign_type {
            Some(1) => {
                let is_listed =
                    |page: u32| listed.as_ref().is_none_or(|pages| pages.contains(&page));
                let keywords = keywords.iter().filter(|(page, ..)| is_listed(*page));
                keywords
                    .map(|(page, middle, height)| (*page, middle + x, height + y))
                    .collect()
            }
            Some(3) => {
                let pages = listed.unwrap_or_else(|| (1..).take(page_count).collect());
                pages.into_iter().map(|page| (page, 0.0, y)).collect()
            }
            _ => {
                let pages = listed.unwrap_or_default().into_iter();
                pages.map(|page| (page, x, y)).collect()
            }
        }
    }
}

/// Parses a page list such as `1-3,5`. `None` if the text is not valid.
pub fn page_list(text: &str) -> Option<Vec<u32>> {
    let mut pages = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        // Bounds the memory for a range such as `1-4000000000`.
        if first == 0 || last < first || last - first > 10_000 {
            return None;
        }
        pages.extend(first..=last);
    }
    Some(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_page_lists() {
        assert_eq!(page_list("1-3,5"), Some(vec![1, 2, 3, 5]));
        for invalid in ["", "0", "3-1", "a", "1,"] {
            assert_eq!(page_list(invalid), None, "{invalid}");
        }
    }
}
