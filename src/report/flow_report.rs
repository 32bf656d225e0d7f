//! The input of the report of one flow.

use crate::desired::{FlowRows, Outcome};
use crate::diagnostic::Diagnostic;
use crate::ledger::{ItemRecord, LedgerError, Records};
use crate::plan::ItemAction;
use crate::util::atomic_file::FileError;

/// The input of the report of one flow.
pub struct FlowReport<'a> {
    /// The name of the flow.
    pub flow: &'a str,
    /// The rows of the flow; `None` if they cannot be read.
    pub rows: Option<&'a FlowRows<'a>>,
    /// The names of the signers in declaration order.
    pub signers: Vec<&'a str>,
    /// Returns the planned action of a row.
    pub action: &'a ActionLookup<'a>,
    /// Passes the items without a row to a visitor.
    pub rest: &'a (dyn Fn(&mut ItemVisitor<'_>) -> Result<(), FlowReportError> + Sync),
    /// Returns why a well-formed row was refused, by row number.
    pub refused: &'a (dyn Fn(u64) -> Option<&'a Diagnostic> + Sync),
    /// The recorded items.
    pub ledger: &'a dyn Records,
    /// The id of the run in the ledger.
    pub run: i64,
    /// The error message of items that were not started.
    pub unstarted_message: &'a str,
    /// Whether the statuses show the signing progress; otherwise they show the result of the run.
    pub signing: bool,
}

/// Returns the planned action of a row, by its index in sheet order; `None` omits the row from the
/// report.
pub type ActionLookup<'a> = dyn Fn(usize, &RowFacts<'_>) -> Option<ItemAction> + Sync + 'a;

/// The facts about a row on which its planned action depends.
pub struct RowFacts<'a> {
    /// The key of its item, if known.
    pub key: Option<&'a str>,
    /// The recorded item.
    pub record: Option<&'a ItemRecord>,
    /// The rendering result; only rows without a recorded item are rendered.
    pub outcome: Option<&'a Outcome>,
}

/// Receives the key and the planned action of an item.
pub type ItemVisitor<'a> = dyn FnMut(&str, ItemAction) -> Result<(), FlowReportError> + 'a;

/// An error that prevents a report.
#[derive(Debug, thiserror::Error)]
pub enum FlowReportError {
    /// A report file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The sheet cannot be read again.
    #[error("the sheet cannot be read: {0}")]
    Sheet(std::io::Error),
}
