//! Groups of options that several commands have.

use super::values::{Until, duration, until};
use crate::address::AddressPattern;
use crate::manifest::Millis;

/// The selected recorded addresses.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Matching {
    /// Select addresses, such as flows.loans; * matches any text
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) target: Vec<AddressPattern>,
    /// Exclude addresses
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<AddressPattern>,
}

/// The options for waiting until all items have ended.
#[derive(Debug, clap::Args)]
pub(crate) struct Waiting {
    /// Continue until all items have ended
    #[arg(long)]
    pub(crate) wait: bool,
    /// The minimum time between two polls of a flow
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration, requires = "wait")]
    pub(crate) every: Millis,
    /// The end of waiting: a time of day in Asia/Shanghai (06:00) or a duration (2h)
    ///
    /// A time of day within the last four hours counts as passed.
    #[arg(long, value_name = "TIME", value_parser = until, requires = "wait")]
    pub(crate) until: Option<Until>,
}

/// The reaction to a ledger that is missing, older than its records elsewhere, or another one.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct LedgerChoice {
    /// Start with an empty ledger although there was one, or although accounts exist already
    ///
    /// Contracts that an earlier ledger has sent are sent again. Contracts that the ledger records are
    /// not.
    #[arg(long, conflicts_with = "accept_ledger")]
    pub(crate) new_ledger: bool,
    /// Continue with a ledger that is older than the last run, or another one
    ///
    /// Contracts that this ledger does not record are sent again. Record them first with treaty
    /// state adopt.
    #[arg(long)]
    pub(crate) accept_ledger: bool,
}

/// The confirmation of commands that change the ledger.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Consent {
    /// Do not ask for confirmation
    #[arg(long)]
    pub(crate) yes: bool,
    /// Confirm a protected environment by its name
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
}
