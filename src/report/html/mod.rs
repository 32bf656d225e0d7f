//! Writes `report.html`: the run on one page that people open, search, print and forward.
//!
//! The page is one file without external resources. Items are added one by one, and memory is
//! bounded whatever their number: failures are grouped by cause, times are counted in buckets, and
//! at most 10,000 items are retained, those that need attention first. The figures in the
//! page head are those of `run.json`. This module reads neither the ledger nor the sheet.

mod bars;
mod chart;
mod data;
mod environment;
mod file_url;
mod head;
mod item;
mod listed;
mod page;
mod retained;
mod template;
mod ticks;
mod time_buckets;
mod words;

pub use environment::{STYLE, content_policy, page_environment};
pub use item::{PageItem, PageSigner};
pub use page::HtmlReport;
pub use words::exit as exit_meaning;
