//! Exit codes, and the one place where errors become them.

use super::args::LogFormat;
use super::output::logging::CONSOLE;
use super::{out, wrap};
use crate::ledger::LedgerError;
use crate::plan::Fatal;
use crate::repair::{AdoptError, AuditError};
use crate::report::JournalError;
use crate::sandbox::StoreError;

/// How treaty ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; nothing failed.
    Done,
    /// An error of treaty or its surroundings.
    Error,
    /// `plan --detailed-exitcode`: there are changes.
    Changes,
    /// Some items failed.
    Failed,
    /// Some items are in doubt.
    InDoubt,
    /// Wrong usage.
    Usage,
    /// Manifests or rows are invalid.
    Invalid,
    /// The endpoint cannot be reached.
    Unreachable,
    /// Another run holds the ledger.
    Held,
    /// Credentials are missing or refused.
    Credentials,
    /// Interrupted; what was under way was finished or recorded.
    Interrupted,
}

impl Exit {
    /// The code of the process.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Failed => 3,
            Self::InDoubt => 4,
            Self::Usage => 64,
            Self::Invalid => 65,
            Self::Unreachable => 69,
            Self::Held => 75,
            Self::Credentials => 77,
            Self::Interrupted => 130,
        }
    }
}

/// An error that is no diagnostic: it has a sentence, a hint and an exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct CliError {
    pub(super) exit: Exit,
    pub(super) message: String,
    pub(super) hint: String,
}

impl CliError {
    pub(super) fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// What stands before a hint.
const HINT: usize = "  hint: ".len();

/// Logs and prints an error, and returns its exit code.
pub(super) fn report(error: &anyhow::Error, format: LogFormat) -> Exit {
    let (exit, hint) = classify(error);
    // The error's own causes are part of its sentence.
    let message = format!("{error:#}");
    tracing::error!(
        target: CONSOLE,
        event = "error",
        exit_code = exit.code(),
        hint = Some(hint.as_str()).filter(|hint| !hint.is_empty()),
        "{message}"
    );
    if format == LogFormat::Text {
        out::note(format_args!("\u{1b}[1;31merror\u{1b}[0m: {message}"));
        if !hint.is_empty() {
            let hint = wrap::wrapped(&hint, wrap::width(), HINT).replace('\n', "\n        ");
            out::note(format_args!("  \u{1b}[1;36mhint\u{1b}[0m: {hint}"));
        }
    }
    exit
}

/// The exit code of an error.
pub(super) fn of(error: &anyhow::Error) -> Exit {
    classify(error).0
}

fn classify(error: &anyhow::Error) -> (Exit, String) {
    if let Some(own) = error.downcast_ref::<CliError>() {
        return (own.exit, own.hint.clone());
    }
    if let Some(fatal) = error.downcast_ref::<Fatal>() {
        return of_fatal(fatal);
    }
    if let Some(ledger) = error.downcast_ref::<LedgerError>() {
        return of_ledger(ledger);
    }
    if let Some(JournalError::Busy(_)) = error.downcast_ref::<JournalError>() {
        return (Exit::Held, "wait until it has ended".to_owned());
    }
    if let Some(AuditError::Fatal(fatal)) = error.downcast_ref::<AuditError>() {
        return of_fatal(fatal);
    }
    if let Some(AdoptError::Fatal(fatal)) = error.downcast_ref::<AdoptError>() {
        return of_fatal(fatal);
    }
    match error.downcast_ref::<StoreError>() {
        Some(StoreError::Busy(_)) => (Exit::Held, "wait until it has ended".to_owned()),
        Some(StoreError::Broken { .. }) => (
            Exit::Error,
            "check the folder and its permissions".to_owned(),
        ),
        None => (Exit::Error, String::new()),
    }
}

/// The exit code of a run that could not go on, and what to do.
pub(super) fn of_fatal(fatal: &Fatal) -> (Exit, String) {
    match fatal {
        Fatal::Unreachable(problem) => (
            Exit::Unreachable,
            match problem.hint {
                "" => "check the endpoint and the network, then apply again: what was done is recorded".to_owned(),
                hint => format!("{hint}; then apply again: what was done is recorded"),
            },
        ),
        Fatal::LookupFailed { .. } => (
            Exit::Error,
            "look up what the code means, and correct what is declared; with --observe none the ledger is believed"
                .to_owned(),
        ),
        Fatal::Credentials(_) => (
            Exit::Credentials,
            "check TREATY_APP_ID and TREATY_APP_SECRET, and that they belong to this environment"
                .to_owned(),
        ),
        Fatal::Ledger(error) => of_ledger(error),
    }
}

fn of_ledger(error: &LedgerError) -> (Exit, String) {
    match error {
        LedgerError::Held(_) => (
            Exit::Held,
            "wait until it has ended; two runs at once could send twice. One that has died loses the ledger at once on its own machine, elsewhere 30 s later"
                .to_owned(),
        ),
        LedgerError::Taken(_) => (
            Exit::Held,
            "nothing was written since; the other run looks up what was under way here".to_owned(),
        ),
        LedgerError::Bound { .. } => (
            Exit::Error,
            "give each environment a ledger of its own: ledger: .treaty/{environment}.db"
                .to_owned(),
        ),
        LedgerError::Newer(_) => (Exit::Error, "use the newer treaty".to_owned()),
        LedgerError::Broken { .. } => (
            Exit::Error,
            "check the disk and the file; take it back from a backup if it is damaged".to_owned(),
        ),
    }
}
