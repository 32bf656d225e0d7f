//! The input of the report of one flow.

use super::id_set::IdSet;
use super::status::Counts;
use super::summary::UnrecordedFailure;
use crate::desired::{FlowRows, Outcome};
use crate::diagnostic::Diagnostic;
use crate::expr::Fingerprint;
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
    /// Passes the items without a row to a visitor. The ids are those of the reported rows.
    pub rest: &'a (dyn Fn(&IdSet, &mut ItemVisitor<'_>) -> Result<(), FlowReportError> + Sync),
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
pub type ActionLookup<'a> = dyn Fn(usize, &RowFacts<'_>) -> Option<RowAction<'a>> + Sync + 'a;

/// The planned action of a row.
#[derive(Debug, Clone, Copy)]
pub struct RowAction<'a> {
    /// The action.
    pub action: ItemAction,
    /// Why the plan refused the row, if it is well-formed.
    pub refusal: Option<&'a Diagnostic>,
}

impl From<ItemAction> for RowAction<'_> {
    fn from(action: ItemAction) -> Self {
        Self {
            action,
            refusal: None,
        }
    }
}

/// The facts about a row on which its planned action depends.
pub struct RowFacts<'a> {
    /// The key of its item, if known.
    pub key: Option<&'a str>,
    /// The fingerprint of its cells.
    pub cells: Option<Fingerprint>,
    /// The recorded item.
    pub record: Option<&'a ItemRecord>,
    /// The rendering result; only rows without a recorded item are rendered.
    pub outcome: Option<&'a Outcome>,
}

/// Receives the key and the planned action of an item.
pub type ItemVisitor<'a> = dyn FnMut(&str, ItemAction) -> Result<(), FlowReportError> + 'a;

/// The result of the report of one flow.
#[derive(Debug, Default)]
pub struct ReportedFlow {
    /// The number of items by status.
    pub counts: Counts,
    /// The number of rows that were not used, and whose contract of an earlier version exists.
    pub unused: u64,
    /// The rows that differ from the recorded item with their key.
    pub differing: DifferingRows,
    /// The rows that failed before anything was recorded of them, at most
    /// [`UnrecordedFailure::LISTED`].
    pub failed_rows: Vec<UnrecordedFailure>,
    /// Why the sheet cannot be read any more. The report has the items of the ledger only.
    pub unreadable: Option<std::io::Error>,
    /// Whether the rows could not be read. Failed rows that the ledger does not record are unknown.
    pub is_without_sheet: bool,
}

/// Rows that differ from the recorded item with their key. Reports show the recorded state of these
/// items, without the cells of the sheet.
#[derive(Debug, Default)]
pub struct DifferingRows {
    /// Their number.
    pub count: u64,
    /// The row numbers and keys of the first ones, at most [`DifferingRows::NAMED`].
    pub first: Vec<(u64, String)>,
}

impl DifferingRows {
    /// The number of rows that are named.
    pub const NAMED: usize = 10;

    /// Counts a row.
    pub(super) fn add(&mut self, number: u64, key: &str) {
        self.count += 1;
        if self.first.len() < Self::NAMED {
            self.first.push((number, key.to_owned()));
        }
    }
}

/// An error that prevents a report.
#[derive(Debug, thiserror::Error)]
pub enum FlowReportError {
    /// A report file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
