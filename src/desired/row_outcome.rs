//! A row of a flow while it is rendered, and the result.

use super::item::Item;
use super::suspicion::Suspicion;
use crate::diagnostic::Diagnostic;
use crate::expr::{Fingerprint, Scope};
use crate::sheet::Row;

/// A row and the result of rendering it.
#[derive(Debug)]
pub struct RenderedRow {
    /// The row number, or 1 for the only item of a flow without rows.
    pub number: u64,
    /// The row, or `None` when it cannot be read or the flow has no rows.
    pub row: Option<Row>,
    /// The item's key, or `None` when it cannot be rendered.
    pub key: Option<String>,
    /// The fingerprint of the cells, or `None` without them.
    pub cells: Option<Fingerprint>,
    /// The result of rendering the row.
    pub outcome: Outcome,
}

/// A row with its rendered key. The other fields are not rendered yet.
#[derive(Debug)]
pub struct KeyedRow {
    /// The row number, or 1 for the only item of a flow without rows.
    pub number: u64,
    /// The row, or `None` when it cannot be read or the flow has no rows.
    pub row: Option<Row>,
    /// The item's key, or `None` when it cannot be rendered.
    pub key: Option<String>,
    /// The fingerprint of the cells, or `None` without them.
    pub cells: Option<Fingerprint>,
    /// The scope to render the other fields in, or the outcome when it is already known.
    pub(super) scope: Result<Scope, Outcome>,
    /// The suspicious values found in the key.
    pub(super) suspicions: Vec<Suspicion>,
}

impl KeyedRow {
    /// Returns whether the flow's `where` excludes the row.
    pub fn is_left_out(&self) -> bool {
        matches!(self.scope, Err(Outcome::Skipped))
    }
}

/// The result of rendering a row.
#[derive(Debug)]
pub enum Outcome {
    /// The row is valid.
    Item(Box<Item>),
    /// The flow's `where` excludes the row.
    Skipped,
    /// The row is invalid, with the errors found.
    Invalid(Vec<Diagnostic>),
}
