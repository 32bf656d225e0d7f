//! Positions of seals (section 5.5.2).

use serde::{Deserialize, Serialize};

/// The position of a seal. Coordinates are in points from the lower left corner of the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
