//! Where a seal goes (sections 5.5.2 and following).

use serde::{Deserialize, Serialize};

/// Where a seal goes. Places are in points from the lower left corner of the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// 1 keyword, 2 page and coordinates, 3 across the seam of pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_type: Option<i64>,
    /// Pages: `1`, or `1-3,5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_page: Option<String>,
    /// Horizontal place, or offset from the keyword.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_x: Option<f64>,
    /// Vertical place, or offset from the keyword.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_y: Option<f64>,
    /// The keyword; needed when `sign_type` is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Width that the seal is scaled to, in the unit of its own width (5.8); that width when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}
