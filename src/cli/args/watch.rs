//! `treaty sync`, `treaty listen`, `treaty status` and `treaty audit`: what was sent, what is told of it, what is recorded,
//! and whether it is so.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use jiff::civil::Time;

use crate::address::AddressPattern;
use crate::manifest::Millis;
use crate::webhook::CallbackPath;

pub(super) const SYNC: &str = "\
Go on with what was sent: every flow that is under way is asked for, signers whose turn it is are added, what all have \
signed is archived, and its documents are downloaded.

Needs the ledger alone; last month's sheet may be gone. Nothing under way: no call. With --wait it goes on by itself until \
nothing is under way, or --until. A flow is asked for again after a tenth of the time in which nothing has happened in it, \
but not before --every and not later than 6 hours; callbacks that treaty listen has received are answered at once.

Exit codes: 0 also when people are still to sign, 3 something failed, 4 something is in doubt, 130 interrupted.";

pub(super) const LISTEN: &str = "\
Receive the callbacks of the service (section 5.9 of the API document), and bring the flows that they tell of up to date.

Each is verified, written down and answered; then its flow is asked for, for a callback alone changes nothing. While \
another run holds the ledger, callbacks are still received: a run with --wait answers them itself, and after others \
listen does. Several can stand behind a balancer on one machine and one ledger. TLS is the balancer's business.

GET /healthz says whether callbacks can be written down, GET /metrics counts them for Prometheus. Ctrl-C or SIGTERM \
ends it, with exit code 0.";

pub(super) const REVOKE: &str = "\
End flows that are under way (sign/revoke): nobody can sign them any more. Shows how many, and asks.

With --signer only the task of that signer is taken back (sign/contract/undoTask) and made again, in a flow that goes \
on: his mobile was wrong, say. Correct the row first: what the row says of its people now is set before he is asked \
again, and nothing else in the row may differ from what was sent.

What was revoked is not sent again by the next apply, also when its row is still in the sheet.";

pub(super) const STATUS: &str = "\
Show what the ledger knows, by flow and state.

Nothing is asked of the API (but by --view), no sheet is read, and a run that is under way is not disturbed. For each \
flow: how many items stand how, for how long those have waited that wait longest, and for whom. --links written to a file \
has a line for each who is to sign, with tabs between address, signer, age and link.";

pub(super) const REPORT: &str = "\
Write the reports of a run again, with what is recorded now: who has signed and when, what was archived, what ended.

By the ledger, and by the sheet where it can still be read; nothing is asked of the API: treaty sync first brings what is \
recorded up to date. The last run's reports tell of every row of the sheet and of what else the run worked on; those of \
an earlier run (--run) of the items that no later run has worked on.";

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

/// Whether a command goes on until all have signed.
#[derive(Debug, clap::Args)]
pub(crate) struct Waiting {
    /// Go on until nothing is under way any more
    #[arg(long)]
    pub(crate) wait: bool,
    /// The time between two questions about a flow in which something has just happened
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = super::duration, requires = "wait")]
    pub(crate) every: Millis,
    /// When waiting ends: a time of day in Asia/Shanghai (06:00; one of the last four hours is over) or a duration (2h)
    #[arg(long, value_name = "TIME", value_parser = until, requires = "wait")]
    pub(crate) until: Option<Until>,
}

/// When waiting ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// At this time of day, in Asia/Shanghai.
    Clock(Time),
    /// So long after the command was given.
    After(Millis),
}

impl std::str::FromStr for Until {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(after) = text.parse() {
            return Ok(Self::After(after));
        }
        let (hour, minute) = text.split_once(':').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_| ());
        let at = Time::new(number(hour)?, number(minute)?, 0, 0);
        at.map(Self::Clock).map_err(|_| ())
    }
}

fn until(text: &str) -> Result<Until, String> {
    text.parse()
        .map_err(|()| "write it as a time of day or a duration: 06:00 or 2h".to_owned())
}

#[derive(Debug, clap::Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) matching: Matching,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// Write how it went to this file, in the words of Prometheus, however it ended
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) matching: Matching,
    /// The run whose reports are written; the last one when absent
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Listen {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8088", value_name = "ADDRESS")]
    pub(crate) addr: SocketAddr,
    /// The path of the address that the service calls
    #[arg(long, default_value = "/callback", value_name = "PATH")]
    pub(crate) path: CallbackPath,
    /// A callback that was signed longer ago, or so far in the future, is refused
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = super::duration)]
    pub(crate) max_age: Millis,
    /// Only write callbacks down: sync --wait or another listener asks for the flows
    #[arg(long)]
    pub(crate) no_confirm: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// Which items, such as flows.loans; * stands for any text
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub(crate) target: Vec<AddressPattern>,
    /// But not these
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<AddressPattern>,
    /// Only take back this signer's task, and make it again
    #[arg(long, value_name = "SIGNER")]
    pub(crate) signer: Option<String>,
    #[command(flatten)]
    pub(crate) consent: super::Consent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) matching: Matching,
    /// Also list the items that failed, and why
    #[arg(long)]
    pub(crate) failed: bool,
    /// Also list the items that are in doubt, and why
    #[arg(long)]
    pub(crate) in_doubt: bool,
    /// Also list who is to sign, since when, and where: whole links when written to a file
    #[arg(long)]
    pub(crate) links: bool,
    /// With the links, ask the API for an address at which each of them can look at the flow
    #[arg(long, requires = "links")]
    pub(crate) view: bool,
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
