//! `treaty status` and `treaty audit`: what is recorded, and whether it is so.

use clap::ValueEnum;

use crate::id::AddressPattern;

pub(super) const STATUS: &str = "\
Show what the ledger knows, by flow and state.

Nothing is asked of the API, no sheet is read, and a run that is under way is not disturbed.";

pub(super) const AUDIT: &str = "\
Ask the API about every item that the last run worked on, and say whether each is there exactly once.

Only asks, at the configured pace. What was found is kept while it goes on: an audit that was ended goes on \
where it was. The report is reports/<run>/audit.csv.

Exit codes: 0 all are there exactly once, 3 something is missing or different, 4 something is unproven.";

/// Which of what is recorded.
#[derive(Debug, clap::Args)]
pub(crate) struct Matching {
    /// Only these, such as flows.loans; * stands for any text
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) target: Vec<AddressPattern>,
    /// But not these
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<AddressPattern>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) matching: Matching,
    /// Also list the items that failed, and why
    #[arg(long)]
    pub(crate) failed: bool,
    /// Also list the items that are in doubt, and why
    #[arg(long)]
    pub(crate) in_doubt: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) matching: Matching,
    /// The items that this run worked on last; the last run's when absent
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
    /// Every item that is recorded
    #[arg(long, conflicts_with = "run")]
    pub(crate) all: bool,
    /// Begin anew: forget what an earlier audit of the run has found
    #[arg(long)]
    pub(crate) again: bool,
}
