//! The arguments of `treaty plan` and `treaty apply`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::ValueEnum;

use super::shared::{LedgerChoice, Waiting};
use super::values::{duration, tolerance};
use crate::address::AddressPattern;
use crate::manifest::{Millis, Tolerance};
use crate::plan::{Observe, Retry};

pub(super) const PLAN: &str = "\
Show what apply would change, without changing anything.

The plan lists the actions on accounts, seals and templates, the number of items by action, the API requests, and \
the duration at the configured rate limit.";

pub(super) const APPLY: &str = "\
Build a plan, show it, ask for confirmation and execute it.

Completed items are not sent again, so an interrupted or failed apply can be repeated. The results are written to \
reports/<run>/.

With FILE, the plan that treaty plan -o has saved is applied. It is the approval: nothing is asked. If anything that \
it depends on has changed, nothing is done.

Exit codes: 0 all done, 3 some items failed, 4 some items are in doubt, 5 the saved plan does not apply any more, \
130 interrupted.";

/// The addresses and lookups of a plan.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Selected {
    /// Select addresses, such as accounts.acme or flows.loan; * matches any text
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) target: Vec<AddressPattern>,
    /// Exclude addresses
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<AddressPattern>,
    /// The accounts to look up at the service
    #[arg(long, value_enum, default_value_t = ObserveArg::All, value_name = "WHICH")]
    pub(crate) observe: ObserveArg,
    /// Send these items again under the same key, although a contract was sent for them
    ///
    /// The earlier contract is revoked first if it can still be signed. Signed contracts and items in
    /// doubt are refused. An address, or a pattern as for --target. The other rows are applied as
    /// usual. After an interruption, a plain apply continues; a contract that was sent again is not
    /// sent once more if the command is repeated.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "retry")]
    pub(crate) reissue: Vec<AddressPattern>,
    /// Set all fields of these accounts again, although the ledger records them as set
    ///
    /// The fields of an account cannot be read back from the service. Only accounts of manifests.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) force_update: Vec<AddressPattern>,
    /// Process only items that failed, items in doubt, or contracts that were rejected or expired
    ///
    /// Items in doubt are looked up at the service again. Rejected and expired contracts are sent
    /// again under the same key: their signers are asked again.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) retry: Option<RetryArg>,
    /// The most items of a flow to revoke; overrides failures.revoke
    ///
    /// Items are revoked when their rows were removed from the sheet or have changed, and before they
    /// are sent again with --reissue. A count or a
    /// share of the items of the flow that can be revoked.
    #[arg(long, value_name = "N|P%", value_parser = tolerance)]
    pub(crate) max_revoke: Option<Tolerance>,
    /// The most accounts and grants that prune may remove; default 1
    ///
    /// A count, or a share of what is recorded and no longer declared.
    #[arg(long, value_name = "N|P%", value_parser = tolerance)]
    pub(crate) max_delete: Option<Tolerance>,
    /// Show all actions instead of samples
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObserveArg {
    /// Accounts of manifests, and accounts of rows that are not recorded
    All,
    /// Accounts of manifests
    Resources,
    /// No accounts; the plan uses the ledger only
    None,
}

impl From<Observe> for ObserveArg {
    fn from(observe: Observe) -> Self {
        match observe {
            Observe::All => Self::All,
            Observe::Resources => Self::Resources,
            Observe::None => Self::None,
        }
    }
}

impl From<ObserveArg> for Observe {
    fn from(arg: ObserveArg) -> Self {
        match arg {
            ObserveArg::All => Self::All,
            ObserveArg::Resources => Self::Resources,
            ObserveArg::None => Self::None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// Text for people
    Text,
    /// One JSON object
    Json,
    /// Markdown for the description of a merge request
    Markdown,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selected: Selected,
    /// The output format
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub(crate) format: PlanFormat,
    /// Exit with code 2 if there are changes, otherwise 4 for items in doubt, 3 for blocked rows
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Compare the ledger with the service, too: accounts, seals, and contracts that have not ended
    ///
    /// One read request for each such contract. What cannot be read is named.
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Save the plan to this file, for treaty apply FILE
    ///
    /// The file has actions, keyed fingerprints and contract keys; no personal data and no secrets.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The time for which the saved plan may be applied, such as 24h [default: no limit]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "output")]
    pub(crate) valid_for: Option<Millis>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowPlan {
    /// The file that treaty plan -o has written
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Show all actions instead of samples
    #[arg(long)]
    pub(crate) all: bool,
    /// The output format
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub(crate) format: PlanFormat,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    /// A saved plan: exactly it is applied, without a question, or nothing
    #[arg(value_name = "FILE", conflicts_with_all = [
        "target", "exclude", "observe", "reissue", "force_update", "retry", "max_revoke", "max_delete",
        "accept_ledger"
    ])]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selected: Selected,
    /// The most failed items that are tolerated; overrides failures.tolerate
    ///
    /// If more items fail, no new item is started. A count or a share of the items.
    #[arg(long, value_name = "N|P%", value_parser = tolerance)]
    pub(crate) max_failures: Option<Tolerance>,
    /// Send the first N items, and the others only if none of them failed
    ///
    /// Asks before the others are sent, unless --yes is given. Stops if one of the first items failed
    /// or is in doubt.
    #[arg(long, value_name = "N")]
    pub(crate) canary: Option<NonZeroU64>,
    /// With --canary, wait until all signers of the first items have signed
    #[arg(long, requires = "canary")]
    pub(crate) until_signed: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    pub(crate) yes: bool,
    /// Confirm a protected environment by its name
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// Confirm that a flow is new and not a renamed one; for protected environments
    ///
    /// Can be repeated. A renamed flow is declared with moved, and sends nothing again.
    #[arg(long, value_name = "FLOW")]
    pub(crate) new_flow: Vec<String>,
    #[command(flatten)]
    pub(crate) ledger: LedgerChoice,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// Write metrics in the Prometheus text format to this file
    ///
    /// The file is written even if the command fails.
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RetryArg {
    /// Items that failed
    Failed,
    /// Items in doubt
    InDoubt,
    /// Contracts that a signer refused
    Rejected,
    /// Contracts whose signing deadline passed
    Expired,
}

impl From<Retry> for RetryArg {
    fn from(retry: Retry) -> Self {
        match retry {
            Retry::Failed => Self::Failed,
            Retry::InDoubt => Self::InDoubt,
            Retry::Rejected => Self::Rejected,
            Retry::Expired => Self::Expired,
        }
    }
}

impl From<RetryArg> for Retry {
    fn from(arg: RetryArg) -> Self {
        match arg {
            RetryArg::Failed => Self::Failed,
            RetryArg::InDoubt => Self::InDoubt,
            RetryArg::Rejected => Self::Rejected,
            RetryArg::Expired => Self::Expired,
        }
    }
}
