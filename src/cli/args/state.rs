//! `treaty state …`: what is recorded, looked at and corrected.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::{Format, Matching};
use crate::address::Address;

pub(super) const STATE: &str = "\
Look at what is recorded, and correct it.

Addresses look like accounts.acme, seals.contract-seal, templates.loan and 'flows.loans[\"HT-1\"]'. People of \
rows are in no manifest: 'accounts[\"C-17\"]' names an account by its thirdId. state list shows all of them.

Nothing here calls an operation that changes something at the service.";

#[derive(Debug, clap::Args)]
pub(crate) struct State {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// List everything that is recorded
    List(List),
    /// Show all that is known of one thing or item
    Show(Show),
    /// Forget a thing or an item: the next apply does not know that it was there
    Forget(Forget),
    /// Record what exists elsewhere, or was made by hand
    #[command(long_about = ADOPT)]
    Adopt(Adopt),
    /// Say what became of something that is in doubt
    #[command(long_about = SETTLE)]
    Settle(Settle),
    /// Write the ledger out as lines of JSON
    Export(Export),
    /// Read a ledger that was exported, into one that is not there yet or empty
    Import(Import),
}

const ADOPT: &str = "\
Record what exists elsewhere, or was made by hand.

An account: its id must be what account/idexchange answers. A seal: it must be one of its account's. \
A template: it counts as made of the manifest's file as it is now. An item: the id is that of its flow, \
and the row must be in the sheet; signers that the flow does not have yet are added by the next apply.";

const SETTLE: &str = "\
Say what became of something that is in doubt.

done ID: it was done. ID is the flow's id for an item, the account's or the seal's for a thing. The next apply \
goes on with what is left, if anything is.
again: it was not done. The next apply sends it again.";

/// What a command that changes the ledger wants to hear.
#[derive(Debug, clap::Args)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// The name of a protected environment
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) matching: Matching,
    /// How it is written; json: one object a line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Which thing or item
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Address,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Forget {
    /// Which thing or item
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Adopt {
    /// Which thing or item
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Address,
    /// Its id at the service; an item's is that of its flow
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Settle {
    /// Which thing or item
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Address,
    /// What became of it
    #[arg(value_enum, value_name = "done|again")]
    pub(crate) how: Settlement,
    /// Its id at the service, if it was done; an item's is that of its flow
    #[arg(value_name = "ID", required_if_eq("how", "done"))]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Settlement {
    /// It was done
    Done,
    /// It was not done: the next apply sends it again
    Again,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Where to; standard output when absent
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// What state export has written
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) consent: Consent,
}
