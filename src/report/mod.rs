//! Reports of a run for the people who supplied the sheet: CSV, XLSX, JSON, HTML, `JUnit` and
//! Prometheus text.
//!
//! A report combines the rows of a sheet, in sheet order, with the recorded items and the planned
//! actions. A file appears completely or not at all. This module imports neither
//! `client` nor `execute`, `sync` or `repair`.

mod audit;
mod causes;
mod columns;
mod csv;
mod errors;
mod failed_tables;
mod flow;
mod flow_report;
mod fold;
mod html;
mod id_set;
mod junit;
mod latest;
mod metrics;
mod outputs;
mod record_status;
mod remove;
mod row;
mod status;
mod summary;
mod tables;
mod xlsx;

pub use audit::{AuditJournal, AuditLine, JournalError};
pub use causes::{Cause, Causes};
pub use errors::ErrorTable;
pub use flow_report::{
    ActionLookup, DifferingRows, FlowReport, FlowReportError, ItemVisitor, ReportedFlow, RowAction,
    RowFacts,
};
pub use html::{
    HtmlReport, PageItem, PageSigner, STYLE, content_policy, exit_meaning, page_environment,
};
pub use id_set::IdSet;
pub use latest::point_latest;
pub use metrics::{Metrics, write_metrics};
pub use outputs::Reports;
pub use record_status::recorded;
pub use status::{Counts, Status};
pub use summary::{CallCount, Calls, SCHEMA, Summary, TakenAccounts, UnrecordedFailure};
