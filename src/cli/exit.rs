//! Exit codes, and the classification of errors by exit code and hint.

use crate::ledger::LedgerError;
use crate::plan::Fatal;
use crate::plan::saved::Stale;
use crate::repair::{AdoptError, AuditError};
use crate::report::{FlowReportError, JournalError};
use crate::sandbox::StoreError;
use crate::util::atomic_file::{self, FileError};

/// The result of a command, as an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command succeeded; nothing failed.
    Done,
    /// Any other error, such as a full disk or a damaged ledger.
    Error,
    /// `plan --detailed-exitcode`: there are changes.
    Changes,
    /// Some items failed.
    Failed,
    /// Some items are in doubt.
    InDoubt,
    /// `apply FILE`: the saved plan does not apply any more; nothing was done.
    Stale,
    /// The arguments are wrong.
    Usage,
    /// Manifests or rows are invalid.
    Invalid,
    /// The endpoint cannot be reached.
    Unreachable,
    /// Another run holds the ledger.
    Held,
    /// Credentials are missing or refused.
    Credentials,
    /// Interrupted by a signal. Items in progress were completed or recorded.
    Interrupted,
}

impl Exit {
    /// The exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Failed => 3,
            Self::InDoubt => 4,
            Self::Stale => 5,
            Self::Usage => 64,
            Self::Invalid => 65,
            Self::Unreachable => 69,
            Self::Held => 75,
            Self::Credentials => 77,
            Self::Interrupted => 130,
        }
    }
}

/// An error without a source location: a message, a hint (may be empty) and an exit code.
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

impl From<Stale> for CliError {
    fn from(stale: Stale) -> Self {
        Self::new(Exit::Stale, stale.message(), stale.hint())
    }
}

/// Replaces the hint of an error if it is a full disk.
pub(super) fn when_disk_full(error: anyhow::Error, hint: &str) -> anyhow::Error {
    if is_disk_full(&error) {
        CliError::new(Exit::Error, format!("{error:#}"), hint).into()
    } else {
        error
    }
}

/// Returns whether a file cannot be written because the disk is full.
fn is_disk_full(error: &anyhow::Error) -> bool {
    if let Some(LedgerError::Full(_)) = error.downcast_ref::<LedgerError>() {
        return true;
    }
    let file = match (error.downcast_ref(), error.downcast_ref()) {
        (Some(FlowReportError::File(file)), _) | (_, Some(JournalError::Report(file))) => {
            Some(file)
        }
        _ => error.downcast_ref::<FileError>(),
    };
    let audit = match error.downcast_ref::<AuditError>() {
        Some(AuditError::Journal(why)) => Some(why),
        _ => None,
    };
    let other = || error.chain().find_map(|cause| cause.downcast_ref());
    let why = file.map(|file| &file.why).or(audit).or_else(other);
    why.is_some_and(atomic_file::is_disk_full)
}

/// Returns the exit code of an error and a hint, which may be empty.
pub(super) fn classify(error: &anyhow::Error) -> (Exit, String) {
    const BUSY: &str = t_key!("wait until the other process has ended");
    if let Some(own) = error.downcast_ref::<CliError>() {
        return (own.exit, own.hint.clone());
    }
    if let Some(fatal) = error.downcast_ref::<Fatal>() {
        return classify_fatal(fatal);
    }
    if let Some(ledger) = error.downcast_ref::<LedgerError>() {
        return classify_ledger(ledger);
    }
    if let Some(JournalError::Busy(_)) = error.downcast_ref::<JournalError>() {
        return (Exit::Held, t!(BUSY).into_owned());
    }
    if let Some(AuditError::Fatal(fatal)) = error.downcast_ref::<AuditError>() {
        return classify_fatal(fatal);
    }
    if let Some(AdoptError::Fatal(fatal)) = error.downcast_ref::<AdoptError>() {
        return classify_fatal(fatal);
    }
    if is_disk_full(error) {
        return (
            Exit::Error,
            t!("free disk space, then run the command again").into_owned(),
        );
    }
    match error.downcast_ref::<StoreError>() {
        Some(StoreError::Busy(in_use)) => {
            let kill = in_use.kill_command();
            let kill = kill.map_or(String::new(), |kill| {
                t!(" or %{kill}", kill = kill).into_owned()
            });
            let hint = t!(
                "wait until that command has ended; if it is treaty sandbox in another window, stop it with Ctrl-C%{kill}, \
                 or send to it: endpoint: \"http://127.0.0.1:7878/opentreaty-service\" in treaty.yaml",
                kill = kill
            );
            (Exit::Held, hint.into_owned())
        }
        Some(StoreError::Broken { .. }) => (
            Exit::Error,
            t!("check the folder, its permissions and the free disk space").into_owned(),
        ),
        None => (Exit::Error, String::new()),
    }
}

/// Returns the exit code and the hint of an error that stopped a run.
pub(super) fn classify_fatal(fatal: &Fatal) -> (Exit, String) {
    match fatal {
        Fatal::Unreachable(problem) => (
            Exit::Unreachable,
            match problem.hint {
                "" => t!("check the endpoint and the network, then run the command again; completed items are recorded").into_owned(),
                hint => t!("%{hint}; then run the command again; completed items are recorded", hint = t!(hint)).into_owned(),
            },
        ),
        Fatal::LookupFailed { .. } => (
            Exit::Error,
            t!("look up the error code and correct the manifest, or skip the account lookups with --observe none").into_owned(),
        ),
        Fatal::Credentials(_) => (
            Exit::Credentials,
            t!("check that TREATY_APP_ID and TREATY_APP_SECRET belong to this environment").into_owned(),
        ),
        Fatal::SharedAccount(_) => (
            Exit::Error,
            t!("nothing was sent, because contracts would reach other people: check the caches and gateways in front \
             of the service, and the thirdIds on its own pages").into_owned(),
        ),
        Fatal::MismatchedResponses(_) => (
            Exit::InDoubt,
            t!("use none of the links of this run; check the caches and gateways in front of the service, and ask its \
             support; then run treaty audit, and apply --retry in-doubt").into_owned(),
        ),
        Fatal::Stopped => (
            Exit::Interrupted,
            t!("run the command again; completed items are recorded").into_owned(),
        ),
        Fatal::Ledger(error) => classify_ledger(error),
    }
}

fn classify_ledger(error: &LedgerError) -> (Exit, String) {
    match error {
        LedgerError::Held(_) => (
            Exit::Held,
            t!("wait until the other run has ended; a crashed run releases the ledger immediately on this \
             machine, after 30 s on another").into_owned(),
        ),
        LedgerError::Taken(_) => (
            Exit::Held,
            t!("nothing was written since; the other run probes the steps that were in progress here").into_owned(),
        ),
        LedgerError::Bound { .. } => (
            Exit::Error,
            t!("set a separate ledger for each environment: ledger: .treaty/{environment}.db").into_owned(),
        ),
        LedgerError::Newer(_) => (
            Exit::Error,
            t!("update treaty to the version that wrote the ledger, or a newer one").into_owned(),
        ),
        LedgerError::Missing { .. } => (
            Exit::Error,
            t!("put back the ledger, or import its newest export with treaty state import; treaty apply --new-ledger \
             starts with an empty one and sends every contract again").into_owned(),
        ),
        LedgerError::LogOnly { .. } => (
            Exit::Error,
            t!("put the file back beside its log; to start over or to import an export, move the log away").into_owned(),
        ),
        LedgerError::Older { .. }
        | LedgerError::Replaced { .. }
        | LedgerError::Diverged { .. } => (
            Exit::Error,
            t!("put back the newest ledger with its -wal file: contracts that this one does not record would be sent \
             again; if there is no newer one, record them with treaty state adopt, then continue once with treaty \
             apply --accept-ledger or treaty sync --accept-ledger").into_owned(),
        ),
        LedgerError::NotEmpty { .. } => (
            Exit::Error,
            t!("to continue with this ledger, use --accept-ledger; to start over, move the ledger and its -wal file away").into_owned(),
        ),
        LedgerError::DamagedMarker { .. } => (
            Exit::Error,
            t!("do not restore the marker from a backup; if the ledger beside it is the newest one, continue once with \
             treaty apply --accept-ledger or treaty sync --accept-ledger").into_owned(),
        ),
        LedgerError::Current(_) => (
            Exit::Usage,
            t!("remove --accept-ledger: in a script it would send contracts again if the ledger were replaced").into_owned(),
        ),
        LedgerError::Collision(_) => (
            Exit::Error,
            t!("nothing was recorded; look the id up with treaty state list and on the service's own pages").into_owned(),
        ),
        LedgerError::ReadOnly { .. } => (
            Exit::Error,
            t!("make the file and its folder writable for this user, or copy the folder to a place that can be written \
             and name the copy as `ledger` in treaty.yaml").into_owned(),
        ),
        LedgerError::Full(_) => (
            Exit::Error,
            t!("free disk space, then run the command again: what was sent is recorded, and a request without a recorded \
             response is looked up before anything is sent again").into_owned(),
        ),
        LedgerError::NoLedger(_) => (
            Exit::Error,
            t!("name another schema: add ?schema=NAME to the address").into_owned(),
        ),
        LedgerError::Unreachable { .. } => (
            Exit::Error,
            t!("check that the database runs and that this machine reaches it, then run the command again: what was \
             sent is recorded, and a request without a recorded response is looked up before anything is sent again").into_owned(),
        ),
        LedgerError::Server { .. } => (
            Exit::Error,
            t!("look into the log of the database server, and connect to its primary; do not restore the ledger from a \
             backup: contracts that it does not record would be sent again").into_owned(),
        ),
        LedgerError::Refused { .. } => (
            Exit::Credentials,
            t!("set TREATY_LEDGER_PASSWORD, TREATY_LEDGER_PASSWORD_FILE or PGPASSFILE to the password of the database's \
             user, and give the user the rights that docs/postgres.md lists").into_owned(),
        ),
        LedgerError::Broken { .. } => (
            Exit::Error,
            t!("check the disk and the file; restore the file from a backup if it is damaged").into_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::atomic_file::FileAccess;
    use std::io::{Error, ErrorKind};

    #[test]
    fn a_full_disk_has_a_hint_however_it_is_found() {
        let full = || Error::from(ErrorKind::StorageFull);
        let file = || FileError {
            access: FileAccess::Write,
            path: "reports/run.json".into(),
            why: full(),
        };
        let errors: [anyhow::Error; 6] = [
            file().into(),
            FlowReportError::File(file()).into(),
            JournalError::Report(file()).into(),
            AuditError::Journal(full()).into(),
            LedgerError::Full("ledger.db".to_owned()).into(),
            anyhow::Error::from(full()).context("the log cannot be opened"),
        ];
        for error in errors {
            let (exit, hint) = classify(&error);
            assert_eq!(exit, Exit::Error);
            assert!(
                hint.starts_with("free disk space, then "),
                "{error}: {hint}"
            );
            let (_, hint) = classify(&when_disk_full(error, "nothing was sent"));
            assert_eq!(hint, "nothing was sent");
        }
        let other = FileError {
            access: FileAccess::Write,
            path: "x".into(),
            why: Error::from(ErrorKind::PermissionDenied),
        };
        assert_eq!(classify(&other.into()).1, "");
    }
}
