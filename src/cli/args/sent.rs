//! The arguments of the commands that work on sent items: `treaty sync`, `listen`, `revoke`,
//! `status`, `report` and `audit`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::shared::{Consent, Matching, Waiting};
use super::values::{Format, duration};
use crate::address::AddressPattern;
use crate::manifest::Millis;
use crate::webhook::CallbackPath;

pub(super) const SYNC: &str = "\
Poll sent contracts: add deferred signers, archive, and download signed documents.

Needs only the ledger, not the sheet. If no contract is in progress, no request is sent. With --wait, sync continues until all \
contracts have ended, or until --until. It polls a flow again after a tenth of the time since its last change, but \
not before --every and not later than 6 hours. Flows of recorded callbacks are polled immediately.

Exit codes: 0 done, also if contracts wait for signers, 3 some items failed, 4 some items are in doubt, 130 interrupted.";

pub(super) const LISTEN: &str = "\
Receive the callbacks of the service (API 5.9) and poll the flows that they name.

Each callback is verified, recorded and acknowledged. Then its flow is polled; a callback alone changes nothing. While \
another run holds the lease, callbacks are still recorded: a run with --wait polls their flows, otherwise listen does so \
after the run. Several listeners behind a load balancer can share a ledger on one machine. TLS is terminated by the \
load balancer.

GET /healthz reports whether callbacks can be recorded. GET /metrics returns counts in the Prometheus text format. \
Ctrl-C, SIGTERM or SIGHUP stops listen with exit code 0.";

pub(super) const REVOKE: &str = "\
Revoke flows that are in progress (sign/revoke), or reissue the task of one signer. Revoked flows cannot be signed.

With --signer, only the task of that signer is revoked (sign/contract/undoTask) and created again, for example after a \
wrong mobile number. Correct the row first: the account is updated from the row. Other changes in the row are refused.

A revoked item is not sent again by the next apply, even if its row is still in the sheet.";

pub(super) const STATUS: &str = "\
Show what happened and what to do: the last run, the recorded items by flow and status, and why items failed.

Reads only the ledger and run.json, without the lease; only --view sends requests. Shows for each flow the number of \
items by status, the age of the oldest, and the pending signers; then failures by cause. Written to a file, --links has one line for each pending signer, with \
address, signer, age and link separated by tabs.";

pub(super) const REPORT: &str = "\
Write the reports of a run again, with the current recorded status.

Reads the ledger and, if available, the sheet, and sends no request; run treaty sync first to update the ledger. The reports of the last \
run contain every row of the sheet and all items of the run. The reports of an earlier run (--run) contain the items \
that no later run has processed.";

pub(super) const AUDIT: &str = "\
Look up every item of the last run at the service and check that it exists exactly once.

Sends only read requests, at the configured rate. Results are stored continuously, so that an interrupted audit can be \
continued. The report is reports/<run>/audit.csv.

Exit codes: 0 all that were sent exist exactly once, 3 some are missing or different, 4 some are unproven.";

#[derive(Debug, clap::Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) matching: Matching,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// Continue with a ledger that is older than the last run, or another one
    ///
    /// Deferred signers that were added since then may be asked again.
    #[arg(long)]
    pub(crate) accept_ledger: bool,
    /// Write metrics in the Prometheus text format to this file
    ///
    /// The file is written even if the command fails.
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

impl Status {
    /// Returns whether items are listed.
    pub(crate) fn lists_items(&self) -> bool {
        self.failed || self.in_doubt || self.interrupted || self.rejected || self.expired
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Runs {
    /// The number of runs to list, the newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub(crate) last: u32,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) matching: Matching,
    /// The run whose reports are written [default: the last run]
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Listen {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:8088", value_name = "ADDRESS")]
    pub(crate) addr: SocketAddr,
    /// The path that the service calls
    #[arg(long, default_value = "/callback", value_name = "PATH")]
    pub(crate) path: CallbackPath,
    /// The maximum age of a callback signature
    ///
    /// Also the maximum time that the signature may be in the future.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub(crate) max_age: Millis,
    /// The maximum number of connections of one client address that are served; more wait
    ///
    /// Behind a reverse proxy, all callbacks come from its address.
    #[arg(long, value_name = "NUMBER", default_value = "64")]
    pub(crate) connections_per_address: NonZeroUsize,
    /// Only record callbacks
    ///
    /// sync --wait or another listener polls the flows.
    #[arg(long)]
    pub(crate) no_confirm: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Revoke {
    /// Select items, such as flows.loans; * matches any text
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub(crate) target: Vec<AddressPattern>,
    /// Exclude addresses
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<AddressPattern>,
    /// Only reissue the task of this signer
    #[arg(long, value_name = "SIGNER")]
    pub(crate) signer: Option<String>,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, Clone, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) matching: Matching,
    /// Also list failed items with the error
    #[arg(long)]
    pub(crate) failed: bool,
    /// Also list items in doubt with the reason
    #[arg(long)]
    pub(crate) in_doubt: bool,
    /// Also list items and resources whose run was interrupted; the next apply continues them
    #[arg(long)]
    pub(crate) interrupted: bool,
    /// Also list contracts that a signer refused
    #[arg(long)]
    pub(crate) rejected: bool,
    /// Also list contracts whose signing deadline passed
    #[arg(long)]
    pub(crate) expired: bool,
    /// Also list the pending signers with age and signing link
    ///
    /// Links are shortened on a terminal and complete in a file.
    #[arg(long)]
    pub(crate) links: bool,
    /// Also request a link to view each flow; with --links
    #[arg(long, requires = "links")]
    pub(crate) view: bool,
    /// Also list name and mobile number of each signer, from the sheet; with --links
    ///
    /// They are private data, which the ledger does not contain. A signer whose row is not in the
    /// sheet as it was sent has none.
    #[arg(long, requires = "links")]
    pub(crate) with_people: bool,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) matching: Matching,
    /// Audit the items that this run was the last to process [default: the last run]
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
    /// Audit all recorded items
    #[arg(long, conflicts_with = "run")]
    pub(crate) all: bool,
    /// Discard the stored results of an earlier audit
    #[arg(long)]
    pub(crate) again: bool,
}
