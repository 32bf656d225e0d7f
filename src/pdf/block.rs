//! The blocks of a text: what an HTML fragment is read into and what the layout sets on pages.

/// The font size of text that is not a heading, in points.
pub(super) const BODY: f64 = 10.5;

/// A block of text; it begins on a new line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// A heading, a paragraph or a list item.
    Text {
        /// The text; `\n` is a line break.
        text: String,
        /// The font size in points.
        size: f64,
        bold: bool,
        /// The number of lists around it.
        depth: u32,
        /// The list marker before the first line, such as `1. `; empty outside lists.
        marker: String,
        centered: bool,
    },
    /// The rows of a table.
    Table(Vec<Vec<Cell>>),
    /// A horizontal rule.
    Rule,
}

/// A table cell.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) bold: bool,
    /// The number of columns that the cell spans, at least 1.
    pub(super) span: usize,
}
