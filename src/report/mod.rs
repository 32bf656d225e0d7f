//! Reports: what a run did, for the people who sent the sheet.
//!
//! The ledger's records and the plan's decisions, folded over the sheet's rows in their order. Files appear whole or
//! not at all. Knows neither client nor apply.

mod audit;
mod csv;
mod errors;
mod flow;
mod html;
mod junit;
mod latest;
mod metrics;
mod outputs;
mod row;
mod summary;

pub use audit::{AuditJournal, AuditLine, JournalError};
pub use errors::ErrorTable;
pub use flow::{Decided, Each, FlowReport, FlowReportError, RowFacts, StepNames};
pub use html::{Page, Seen, SeenSigner};
pub use latest::point_latest;
pub use metrics::{Metrics, write_metrics};
pub use outputs::Reports;
pub use row::{Counts, Status, recorded};
pub use summary::{CallCount, Calls, SCHEMA, Summary};
