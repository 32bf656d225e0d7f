//! `report.html`: a run's items, told one by one, turned into one page that people open, search, print and pass on.
//!
//! The page is one file that asks the network for nothing. However many items there are, what is held is bounded:
//! causes are folded, moments are counted in buckets, and of the items the first ten thousand are kept, with those
//! that need a person before all others. The numbers at its head are those of `run.json`. Knows no ledger and no
//! sheet: it is told.

mod bars;
mod causes;
mod curve;
mod data;
mod fold;
mod frame;
mod head;
mod kept;
mod listed;
mod moments;
mod page;
mod seen;
mod ticks;
mod words;

pub use page::Page;
pub use seen::{Seen, SeenSigner};
