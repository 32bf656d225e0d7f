//! What can be said on the command line.

mod state;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ColorChoice, Parser, Subcommand, ValueEnum};
use state::STATE;

use crate::address::AddressPattern;
use crate::manifest::{Millis, Tolerance};
use crate::plan::{Observe, Retry};

pub(super) use state::{
    Adopt, Consent, Export, Forget, Import, List, Settle, Settlement, Show, State, StateCommand,
};
use watch::{AUDIT, LISTEN, REPORT, REVOKE, STATUS, SYNC};
pub(super) use watch::{
    Audit, Format, Listen, Matching, Report, Revoke, Status, Sync, Until, Waiting,
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const EXIT_CODES: &str = "\
Exit codes:
  0 done   2 plan: there are changes   3 some items failed   4 some items are in doubt
  64 wrong usage   65 invalid manifests or rows   69 endpoint not reachable
  75 another run holds the ledger   77 credentials missing or refused   130 interrupted   1 anything else

Credentials come from TREATY_APP_ID and TREATY_APP_SECRET, or from the files that
TREATY_APP_ID_FILE and TREATY_APP_SECRET_FILE name; the sandbox needs none.";

const LOG_FILE: &str =
    "Append log lines to this file as JSON: level debug, or what -vvv or TREATY_LOG sets";

const VERBOSE: &str = "Write log lines to standard error: -v info, -vv debug, -vvv trace. TREATY_LOG sets filters \
instead, such as info,treaty::client=trace";

/// Turns manifests and a spreadsheet into accounts, seals, templates and contracts at an e-signature API.
#[derive(Debug, Parser)]
#[command(name = "treaty", version, styles = STYLES, after_help = EXIT_CODES, max_term_width = 100)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, clap::Args)]
pub(super) struct Global {
    /// The project's folder: the one with treaty.yaml
    #[arg(short, long, global = true, default_value = ".", value_name = "FOLDER")]
    pub(super) project: PathBuf,
    /// The environment; the project's default when absent
    #[arg(
        short,
        long,
        global = true,
        env = "TREATY_ENVIRONMENT",
        value_name = "NAME"
    )]
    pub(super) environment: Option<String>,
    /// The format of progress, logs and errors on standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
    #[arg(long, global = true, value_name = "FILE", help = LOG_FILE)]
    pub(super) log_file: Option<PathBuf>,
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help = VERBOSE)]
    pub(super) verbose: u8,
    /// Print only errors and results; with --log-format json also warnings
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// One flat JSON object a line, with timestamp and level
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    pub(super) fn write_global(self) {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        match choice {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write out a new project from a starter
    Init(Init),
    /// Check everything that can be known without a call
    Validate(Validate),
    /// Show what apply would do
    Plan(Plan),
    /// Do it; safe to run again at any time
    Apply(Apply),
    /// Go on with what was sent: add waiting signers, archive, download
    #[command(long_about = SYNC)]
    Sync(Sync),
    /// Receive callbacks, and ask for the flows that they tell of
    #[command(long_about = LISTEN)]
    Listen(Listen),
    /// End flows that are under way, or ask one of their signers anew
    #[command(long_about = REVOKE)]
    Revoke(Revoke),
    /// Show what the ledger knows, by flow and state
    #[command(long_about = STATUS)]
    Status(Status),
    /// Write the reports of a run again, as things stand now
    #[command(long_about = REPORT)]
    Report(Report),
    /// Ask the API about every item that was sent, and say whether each is there once
    #[command(long_about = AUDIT)]
    Audit(Audit),
    /// Look at what is recorded, and correct it
    #[command(long_about = STATE)]
    State(State),
    /// Ask the API one question, by operation and fields
    Ask(Ask),
    /// Serve the emulated API on this machine
    Sandbox(Sandbox),
    /// Print the manifest language as JSON Schema, for editors
    #[command(long_about = SCHEMA)]
    Schema(Schema),
}

impl Command {
    /// The name on the command line, for logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Validate(_) => "validate",
            Self::Plan(_) => "plan",
            Self::Apply(_) => "apply",
            Self::Sync(_) => "sync",
            Self::Listen(_) => "listen",
            Self::Revoke(_) => "revoke",
            Self::Status(_) => "status",
            Self::Report(_) => "report",
            Self::Audit(_) => "audit",
            Self::State(_) => "state",
            Self::Ask(_) => "ask",
            Self::Sandbox(_) => "sandbox",
            Self::Schema(_) => "schema",
        }
    }

    /// Whether the command keeps a log in the folder of its run's reports.
    pub(super) fn has_run_log(&self) -> bool {
        matches!(self, Self::Apply(_) | Self::Sync(_))
    }
}

const SCHEMA: &str = "\
Print the manifest language as JSON Schema (draft-07), for editors and other programs.

An editor that knows the schema completes fields and shows what they mean, and underlines what is wrong \
while it is written. Those that use the YAML language server find it by a comment in a file's first line:

  # yaml-language-server: $schema=.treaty/schema/project.json

treaty init writes both schemas to .treaty/schema/. To write them anew:

  treaty schema project > .treaty/schema/project.json
  treaty schema manifest > .treaty/schema/manifest.json";

#[derive(Debug, clap::Args)]
pub(super) struct Schema {
    /// Of which files
    #[arg(value_enum, default_value_t = SchemaOf::Project, value_name = "FILES")]
    pub(super) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// treaty.yaml; what manifests may hold is part of it
    Project,
    /// Files with accounts, seals, templates and flows
    Manifest,
    /// run.json, which reports the numbers of a run
    Run,
}

#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// Which starter
    #[arg(default_value = "loan")]
    pub(super) starter: String,
    /// Where to; the current folder when absent
    #[arg(value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Validate {}

#[derive(Debug, clap::Args)]
pub(super) struct Selected {
    /// Only this address, such as accounts.acme or flows.loan; * stands for any text
    #[arg(long, value_name = "ADDRESS")]
    pub(super) target: Vec<AddressPattern>,
    /// Not this address
    #[arg(long, value_name = "ADDRESS")]
    pub(super) exclude: Vec<AddressPattern>,
    /// Which accounts are asked for by idexchange
    #[arg(long, value_enum, default_value_t = ObserveArg::All, value_name = "WHICH")]
    pub(super) observe: ObserveArg,
    /// What may be revoked of a flow, since its rows vanished or changed; wins over failures.revoke
    #[arg(long, value_name = "N|P%", value_parser = tolerance)]
    pub(super) max_revoke: Option<Tolerance>,
    /// Show every action and not some of each kind
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ObserveArg {
    /// Those of the project, and those of rows that are not recorded yet
    All,
    /// Those of the project
    Resources,
    /// None: the ledger is believed
    None,
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
pub(super) enum PlanFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// For the description of a merge request
    Markdown,
}

#[derive(Debug, clap::Args)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) selected: Selected,
    /// How the plan is written
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub(super) format: PlanFormat,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    #[command(flatten)]
    pub(super) selected: Selected,
    /// Take only what has failed, or only what is in doubt: that is looked up once more
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(super) retry: Option<RetryArg>,
    /// Failed items, past which nothing new is begun; wins over failures.tolerate
    #[arg(long, value_name = "N|P%", value_parser = tolerance)]
    pub(super) max_failures: Option<Tolerance>,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
    /// The name of a protected environment
    #[arg(long, value_name = "NAME")]
    pub(super) confirm: Option<String>,
    #[command(flatten)]
    pub(super) waiting: Waiting,
    /// Write how it went to this file, in the words of Prometheus, however it ended
    #[arg(long, value_name = "FILE")]
    pub(super) metrics: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RetryArg {
    /// What has failed
    Failed,
    /// What is in doubt
    InDoubt,
}

impl From<RetryArg> for Retry {
    fn from(arg: RetryArg) -> Self {
        match arg {
            RetryArg::Failed => Self::Failed,
            RetryArg::InDoubt => Self::InDoubt,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Ask {
    /// The path of an operation that changes nothing, such as flow/get/viewurl
    #[arg(value_name = "OPERATION")]
    pub(super) operation: String,
    /// The fields of its request: flowId=123456
    #[arg(value_name = "NAME=VALUE")]
    pub(super) fields: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Sandbox {
    /// Where to listen, on this machine only
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "ADDRESS")]
    pub(super) addr: SocketAddr,
    /// Keep no world: begin empty, and forget all at the end
    #[arg(long)]
    pub(super) memory: bool,
    /// Where callbacks go, unless a flow's noticeUrl is an address of this machine
    #[arg(long, value_name = "URL")]
    pub(super) callback: Option<String>,
    /// The time between two attempts to deliver a callback: 1s, 30m
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration)]
    pub(super) callback_interval: Millis,
    /// A signature without a person takes this time: 0s, 2s
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(super) signing_takes: Millis,
    /// Everybody who is asked signs after this time: 0s, 2m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) auto_sign: Option<Millis>,
    /// The share of people who refuse instead: 10%
    #[arg(long, value_name = "P%", default_value = "0%", value_parser = share, requires = "auto_sign")]
    pub(super) refuse: f64,
    /// Who refuses: the same seed, the same people
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        requires = "auto_sign"
    )]
    pub(super) seed: u64,
    /// Calls go wrong as this YAML file says: lost answers, late ones, gateways, refused connections
    #[arg(long, value_name = "FILE")]
    pub(super) faults: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Millis, String> {
    text.parse()
        .map_err(|()| "write it as 500ms, 30s, 10m or 1h".to_owned())
}

fn tolerance(text: &str) -> Result<Tolerance, String> {
    text.parse()
        .map_err(|()| "write it as a count or a share: 20 or 5%".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(Tolerance::Share(share)) => Ok(share),
        _ => Err("write it as 10%".to_owned()),
    }
}
