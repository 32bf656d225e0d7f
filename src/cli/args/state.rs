//! The arguments of `treaty state …`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::shared::{Consent, Matching};
use super::values::Format;
use crate::address::Address;

pub(super) const STATE: &str = "\
List, show and correct the recorded state.

Addresses look like accounts.acme, seals.contract-seal, templates.loan and 'flows.loans[\"HT-1\"]'. Accounts of \
rows are addressed by their thirdId: 'accounts[\"C-17\"]'. state list prints all recorded addresses.

These commands change nothing at the service.";

#[derive(Debug, clap::Args)]
pub(crate) struct State {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// List all recorded resources and items
    #[command(after_help = "\
Examples:
  treaty state list
  treaty state list --target flows.loans --format json")]
    List(List),
    /// Show the record of one resource or item
    #[command(after_help = "\
Examples:
  treaty state show accounts.acme
  treaty state show 'flows.loans[\"HT-1\"]' --format json")]
    Show(Show),
    /// Remove a resource or item from the ledger
    #[command(long_about = FORGET, after_help = "\
Examples:
  treaty state forget templates.loan
  treaty state forget 'flows.loans[\"HT-1\"]' --yes")]
    Forget(Forget),
    /// Record a resource or flow that exists at the service
    #[command(long_about = ADOPT, after_help = "\
Examples:
  treaty state adopt accounts.acme 4bd35c1d
  treaty state adopt 'flows.loans[\"HT-1\"]' 123456")]
    Adopt(Adopt),
    /// Record the outcome of a resource or item in doubt
    #[command(long_about = SETTLE, after_help = "\
Examples:
  treaty state settle 'flows.loans[\"HT-1\"]' done 123456
  treaty state settle 'flows.loans[\"HT-1\"]' again")]
    Settle(Settle),
    /// Record a flow under another name
    #[command(long_about = MV, after_help = "\
Examples:
  treaty state mv flows.loan flows.loans
  treaty -e production state mv flows.loan flows.loans --yes --confirm production")]
    Mv(Move),
    /// Export the ledger as JSON lines
    #[command(after_help = "\
Examples:
  treaty state export backup.jsonl
  treaty -e production state export | gzip > backup.jsonl.gz")]
    Export(Export),
    /// Create an empty ledger, before the first run
    #[command(long_about = INIT, after_help = "\
Examples:
  treaty -e production state init --confirm production")]
    Init(InitLedger),
    /// Import an exported ledger into an empty one
    #[command(after_help = "\
Examples:
  treaty state import backup.jsonl
  treaty -e production state import backup.jsonl --confirm production")]
    Import(Import),
}

const INIT: &str = "\
Create an empty ledger, before the first run.

A saved plan needs a ledger, so that it is never made from an empty memory by mistake. It is refused if the ledger \
exists, or if its marker or a report shows that it existed.";

const FORGET: &str = "\
Remove a resource or item from the ledger.

It remains at the service. The next apply treats it as new: an item whose row is still in the sheet is sent again.";

const MV: &str = "\
Record a flow under another name.

Its items keep their keys and contracts: a renamed flow sends nothing again. An entry in moved: of the manifests does \
the same in every environment with the next apply.";

const ADOPT: &str = "\
Record a resource or flow that exists at the service.

- Account: ID must be the id that account/idexchange returns.
- Seal: ID must be a seal of its account.
- Template: the template is assumed to equal the current file of the manifest.
- Item: ID is the id of its flow. The row must be in the sheet. The next apply adds missing signers.";

const SETTLE: &str = "\
Record the outcome of a resource or item in doubt.

- done ID: it took effect. ID is the id of the flow, account or seal. The next apply continues with the remaining steps.
- again: it did not take effect. The next apply sends it again.";

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) matching: Matching,
    /// The output format; json prints one object per line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The address of the resource or item
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Address,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Forget {
    /// The address of the resource or item
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Move {
    /// The recorded flow, such as flows.loan
    #[arg(value_name = "FROM")]
    pub(crate) from: Address,
    /// Its new address, such as flows.loans
    #[arg(value_name = "TO")]
    pub(crate) to: Address,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Adopt {
    /// The address of the resource or item
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Address,
    /// Its id at the service; for an item, the flow id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Settle {
    /// The address of the resource or item
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Address,
    /// The outcome
    #[arg(value_enum, value_name = "done|again")]
    pub(crate) how: Settlement,
    /// Its id at the service, if it took effect; for an item, the flow id
    #[arg(value_name = "ID", required_if_eq("how", "done"))]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Settlement {
    /// It took effect
    Done,
    /// It did not take effect; the next apply sends it again
    Again,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InitLedger {
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The file to write [default: standard output]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The file that state export has written
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) consent: Consent,
}
