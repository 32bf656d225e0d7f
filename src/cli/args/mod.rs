//! The arguments of the command line.
#![expect(
    clippy::doc_markdown,
    reason = "the doc comments of arguments are help texts without markup"
)]

mod doctor;
mod language;
mod preview;
mod project;
mod run;
mod sent;
mod shared;
mod shell;
mod state;
mod values;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ColorChoice, Parser, Subcommand, ValueEnum};

use crate::expr::VariableSources;
pub(super) use doctor::Doctor;
pub(super) use language::Language;
pub(super) use preview::Preview;
pub(super) use project::{Ask, Ids, Init, Sandbox, Schema, SchemaOf, Sheet};
pub(super) use run::{Apply, Plan, PlanFormat, Selected, ShowPlan};
pub(super) use sent::{Audit, Listen, Report, Revoke, Runs, Status, Sync};
pub(super) use shared::{Consent, LedgerChoice, Matching, Waiting};
pub(super) use shell::{Completions, Man};
pub(super) use state::{
    Adopt, Export, Forget, Import, InitLedger, List, Move, Settle, Settlement, Show, State,
    StateCommand,
};
pub(super) use values::{Format, Until};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  treaty init my-loans && treaty -p my-loans plan
  treaty apply

Exit codes:
  0 done   2 plan: there are changes   3 some items failed   4 some items are in doubt
  5 apply FILE: the saved plan does not apply any more
  64 wrong usage   65 invalid manifests or rows   69 endpoint not reachable
  75 another run holds the ledger   77 credentials missing or refused   130 interrupted   1 other errors

Credentials are read from TREATY_APP_ID and TREATY_APP_SECRET, or from the files in TREATY_APP_ID_FILE and
TREATY_APP_SECRET_FILE. The sandbox needs none.";

/// The help heading of the global options.
const GLOBAL: &str = "Global options";

/// Creates accounts, seals, templates and contracts at an e-signature API from manifests and
/// spreadsheets
#[derive(Debug, Parser)]
#[command(name = "treaty", version, styles = STYLES, after_help = EXAMPLES, max_term_width = 100)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Args {
    /// Parses the arguments of the process.
    pub(super) fn parse_process() -> Result<Self, clap::Error> {
        let mut args = Self::try_parse()?;
        let global = &mut args.global;
        let is_text = global.log_format == LogFormat::Text && !args.command.prints_json();
        global.shows_project = is_text && !global.quiet;
        Ok(args)
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Global {
    /// The project folder, which contains treaty.yaml
    #[arg(
        short,
        long,
        global = true,
        help_heading = GLOBAL,
        default_value = ".",
        value_name = "FOLDER"
    )]
    pub(super) project: PathBuf,
    /// The environment [default: defaultEnvironment of the project]
    #[arg(
        short,
        long,
        global = true,
        help_heading = GLOBAL,
        env = "TREATY_ENVIRONMENT",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub(super) environment: Option<String>,
    /// Let expressions read an environment variable that treaty.yaml does not list
    ///
    /// Can be repeated. Variables that begin with TREATY_ cannot be allowed.
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_parser = values::env_name,
        value_name = "NAME"
    )]
    pub(super) allow_env: Vec<String>,
    /// Set a variable that treaty.yaml declares; overrides every other value
    ///
    /// Can be repeated. The command line is visible to other users: pass secrets with --var-file or
    /// TREATY_VAR_NAME.
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_parser = values::variable,
        value_name = "NAME=VALUE"
    )]
    pub(super) var: Vec<(String, String)>,
    /// Read variables from a file: .yaml, .json, or lines NAME=VALUE
    ///
    /// Can be repeated; later files override earlier ones.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub(super) var_file: Vec<PathBuf>,
    /// The format of progress, logs and errors on standard error
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_enum,
        default_value_t = LogFormat::Text,
        value_name = "FORMAT"
    )]
    pub(super) log_format: LogFormat,
    /// Append log lines as JSON to this file
    ///
    /// The level is debug; -vvv or TREATY_LOG change it.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub(super) log_file: Option<PathBuf>,
    /// Write log lines to standard error: -v info, -vv debug, -vvv trace
    ///
    /// TREATY_LOG contains filters that override the level, such as info,treaty::client=trace.
    #[arg(
        short,
        long,
        global = true,
        help_heading = GLOBAL,
        action = clap::ArgAction::Count
    )]
    pub(super) verbose: u8,
    /// Print only errors and results
    ///
    /// With --log-format json, warnings are printed, too.
    #[arg(
        short,
        long,
        global = true,
        help_heading = GLOBAL,
        conflicts_with = "verbose"
    )]
    pub(super) quiet: bool,
    /// The language of messages and reports [default: of TREATY_LANG, LC_ALL or LANG]
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_enum,
        value_name = "LANGUAGE"
    )]
    pub(super) lang: Option<Language>,
    /// When to use colors
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_enum,
        default_value_t = Color::Auto,
        value_name = "WHEN"
    )]
    pub(super) color: Color,
    /// Whether the first line of standard error names the project: not if it is quiet, and not if
    /// programs read the output.
    #[arg(skip)]
    pub(super) shows_project: bool,
}

impl Global {
    /// Returns the values of variables on the command line.
    pub(super) fn variables(&self) -> VariableSources {
        VariableSources {
            values: self.var.clone(),
            files: self.var_file.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Text for people
    Text,
    /// One flat JSON object per line, with timestamp and level
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On terminals only
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Sets the color choice of the process.
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
    /// Create a project from a starter, or from a PDF and a sheet
    #[command(long_about = project::INIT, after_help = "\
Examples:
  treaty init my-loans
  treaty init organization my-company
  treaty init --template contract.pdf --sheet loans.xlsx my-loans")]
    Init(Init),
    /// Write an empty workbook with the columns of a flow
    #[command(long_about = project::SHEET, after_help = "\
Examples:
  treaty sheet loans
  treaty sheet loans -o 放款清单.xlsx")]
    Sheet(Sheet),
    /// Check manifests and rows without sending a request
    #[command(after_help = "\
Examples:
  treaty validate
  treaty -p loans -e production validate
  treaty validate --format github")]
    Validate(Validate),
    /// Show filled contracts of a few rows as PDFs, without sending a request
    #[command(long_about = preview::PREVIEW, after_help = "\
Examples:
  treaty preview --open
  treaty preview 'flows.loans[\"HT-1\"]' --png
  treaty preview --fail-on-overflow")]
    Preview(Preview),
    /// Show what apply would change
    #[command(long_about = run::PLAN, after_help = "\
Examples:
  treaty plan
  treaty plan --target flows.loans --format json --detailed-exitcode
  treaty plan -o plan.json --valid-for 24h")]
    Plan(Plan),
    /// Show a saved plan
    #[command(after_help = "\
Examples:
  treaty show plan.json
  treaty show plan.json --format markdown")]
    Show(ShowPlan),
    /// Execute the changes of a plan after confirmation
    #[command(long_about = run::APPLY, after_help = "\
Examples:
  treaty apply
  treaty apply plan.json
  treaty -e production apply --confirm production --wait --until 06:00")]
    Apply(Apply),
    /// Poll sent contracts: add deferred signers, archive, download
    #[command(long_about = sent::SYNC, after_help = "\
Examples:
  treaty sync
  treaty sync --wait --until 2h")]
    Sync(Sync),
    /// Receive callbacks and poll the flows that they name
    #[command(long_about = sent::LISTEN, after_help = "\
Examples:
  treaty -e production listen
  treaty -e production listen --addr 0.0.0.0:8088 --path /treaty")]
    Listen(Listen),
    /// Revoke flows in progress, or reissue the task of one signer
    #[command(long_about = sent::REVOKE, after_help = "\
Examples:
  treaty revoke --target 'flows.loans[\"HT-1\"]'
  treaty revoke --target 'flows.loans[\"HT-1\"]' --signer borrower")]
    Revoke(Revoke),
    /// Show what happened and what to do
    #[command(long_about = sent::STATUS, after_help = "\
Examples:
  treaty status --failed --in-doubt
  treaty status --links --target flows.loans > links.tsv")]
    Status(Status),
    /// List past runs
    #[command(after_help = "\
Examples:
  treaty runs
  treaty runs --last 3 --format json")]
    Runs(Runs),
    /// Write the reports of a run again, with the current status
    #[command(long_about = sent::REPORT, after_help = "\
Examples:
  treaty report
  treaty report --run 2026-11-26T21-00-00")]
    Report(Report),
    /// Check that every sent item exists exactly once at the service
    #[command(long_about = sent::AUDIT, after_help = "\
Examples:
  treaty audit
  treaty audit --all --again")]
    Audit(Audit),
    /// List, show and correct the recorded state
    #[command(long_about = state::STATE, after_help = "\
Examples:
  treaty state list --target flows.loans
  treaty state show accounts.acme")]
    State(State),
    /// Check credentials, endpoint, clock, ledger, disk and proxy
    #[command(long_about = doctor::DOCTOR, after_help = "\
Examples:
  treaty doctor
  treaty -e production doctor --format json")]
    Doctor(Doctor),
    /// Send one read-only API request and print the response
    #[command(after_help = "\
Examples:
  treaty ask sign/contract/detail flowId=123456
  treaty ask account/idexchange thirdId=C-17")]
    Ask(Ask),
    /// Serve the emulated API on this machine
    #[command(after_help = "\
Examples:
  treaty sandbox
  treaty sandbox --memory --auto-sign 2s --refuse 10%")]
    Sandbox(Sandbox),
    /// Print the JSON Schema of a file format
    #[command(long_about = project::SCHEMA, after_help = "\
Examples:
  treaty schema project > .treaty/schema/project.json
  treaty schema manifest > .treaty/schema/manifest.json")]
    Schema(Schema),
    /// Print the completion script of a shell
    #[command(long_about = shell::COMPLETIONS, after_help = "\
Examples:
  treaty completions bash > ~/.local/share/bash-completion/completions/treaty
  treaty completions fish > ~/.config/fish/completions/treaty.fish")]
    Completions(Completions),
    /// Print the manual page
    #[command(after_help = "\
Examples:
  treaty man | man -l -
  treaty man --output ~/.local/share/man/man1")]
    Man(Man),
}

#[derive(Debug, clap::Args)]
pub(super) struct Validate {
    /// The format of the findings on standard output
    #[arg(long, value_enum, default_value_t = FindingsFormat::Text)]
    pub(super) format: FindingsFormat,
}

/// The format of findings on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FindingsFormat {
    /// None; text for people on standard error
    Text,
    /// One JSON object
    Json,
    /// Annotations of GitHub Actions
    Github,
    /// A JUnit report, as GitLab CI and others read it
    Junit,
}

impl Command {
    /// The name of the command, for logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Sheet(_) => "sheet",
            Self::Validate(_) => "validate",
            Self::Preview(_) => "preview",
            Self::Plan(_) => "plan",
            Self::Show(_) => "show",
            Self::Apply(_) => "apply",
            Self::Sync(_) => "sync",
            Self::Listen(_) => "listen",
            Self::Revoke(_) => "revoke",
            Self::Status(_) => "status",
            Self::Runs(_) => "runs",
            Self::Report(_) => "report",
            Self::Audit(_) => "audit",
            Self::State(_) => "state",
            Self::Doctor(_) => "doctor",
            Self::Ask(_) => "ask",
            Self::Sandbox(_) => "sandbox",
            Self::Schema(_) => "schema",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }

    /// Whether the command prints JSON for programs.
    fn prints_json(&self) -> bool {
        let format = match self {
            Self::Validate(own) => return own.format == FindingsFormat::Json,
            Self::Plan(own) => return own.format == PlanFormat::Json,
            Self::Show(own) => return own.format == PlanFormat::Json,
            Self::Status(own) => own.format,
            Self::Runs(own) => own.format,
            Self::Doctor(own) => own.format,
            Self::State(own) => match &own.command {
                StateCommand::List(own) => own.format,
                StateCommand::Show(own) => own.format,
                _ => Format::Text,
            },
            _ => Format::Text,
        };
        format == Format::Json
    }

    /// Whether the command writes a log to the report folder of its run.
    pub(super) fn has_run_log(&self) -> bool {
        matches!(self, Self::Apply(_) | Self::Sync(_))
    }
}
