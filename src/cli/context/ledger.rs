//! The project with its ledger and credentials, for commands that work on recorded state.

use super::endpoint;
use super::ledger_version::evidence;
use super::location::ledger_location;
use super::runtime::runtime;
use super::session::{Session, binding, invalid, load_project};
use super::single_keys::read_single_keys;
use crate::api::time;
use crate::cli::args::{Consent, Global, LogFormat};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::progress::Progress;
use crate::cli::output::{diagnostics, out, prompt};
use crate::client::{Client, Credentials};
use crate::diagnostic::Findings;
use crate::expr::Environ;
use crate::ledger::{Binding, HoldOptions, Ledger, LedgerError, Store, VersionPolicy, Write};
use crate::manifest::{Endpoint, Project};

/// A loaded project, the credentials of its endpoint, and the binding of its ledger.
pub(in crate::cli) struct LedgerContext {
    pub(in crate::cli) session: Session,
    pub(in crate::cli) project: Project,
    /// The findings in the project. Commands that need only its settings ignore them.
    pub(in crate::cli) findings: Findings,
    pub(in crate::cli) credentials: Option<Credentials>,
    pub(in crate::cli) binding: Binding,
}

impl LedgerContext {
    /// Loads the project for a command that only reads what is recorded. It needs no credentials.
    pub(in crate::cli) fn load_to_read(global: &Global) -> anyhow::Result<Self> {
        Self::load_with(global, None, |endpoint, environ| {
            Ok(endpoint::credentials(endpoint, environ).unwrap_or_default())
        })
    }

    /// Loads the project. With `consent`, fails if the command would have to ask and cannot, before
    /// the ledger is opened.
    pub(in crate::cli) fn load(global: &Global, consent: Option<&Consent>) -> anyhow::Result<Self> {
        Self::load_with(global, consent, endpoint::credentials)
    }

    fn load_with(
        global: &Global,
        consent: Option<&Consent>,
        credentials: impl Fn(&Endpoint, &Environ) -> Result<Option<Credentials>, CliError>,
    ) -> anyhow::Result<Self> {
        let session = Session::begin(global);
        let mut findings = Findings::default();
        let project = load_project(&session, global, &mut findings)?;
        if project.settings_have_errors {
            diagnostics::print(&[&findings], session.log_format, None);
            return Err(invalid(findings.errors(), &t!("correct treaty.yaml first")).into());
        }
        if let Some(consent) = consent {
            prompt::check(consent, &project.settings)?;
        }
        let credentials = credentials(&project.settings.endpoint, &session.environ)?;
        Ok(Self {
            binding: binding(&project.settings, credentials.as_ref()),
            session,
            findings,
            credentials,
            project,
        })
    }

    /// Opens the ledger to read it and checks its integrity. If it does not know everything that was
    /// sent, prints a warning.
    pub(in crate::cli) fn read_ledger(&self) -> Result<Store, LedgerError> {
        let ledger = self.read_ledger_unchecked()?;
        ledger.wait_until_verified()?;
        if let Err(error) = ledger.check_version(&evidence(&self.project)) {
            out::log_warning(
                self.session.log_format,
                t!("%{error}; later contracts are not shown", error = error),
            );
        }
        warn_of_repeated_ids(&ledger, self.session.log_format)?;
        Ok(ledger)
    }

    /// Opens the ledger to copy it. Fails if it does not know everything that was sent: the copy would
    /// replace a better one.
    pub(in crate::cli) fn read_current_ledger(&self) -> Result<Store, LedgerError> {
        let ledger = self.read_ledger_unchecked()?;
        ledger.check_version(&evidence(&self.project))?;
        Ok(ledger)
    }

    /// Opens the ledger to read it. The integrity check runs in the background: call
    /// [`Store::wait_until_verified`] before results are shown.
    pub(in crate::cli) fn read_ledger_unchecked(&self) -> Result<Store, LedgerError> {
        let setting = &self.project.settings.ledger;
        let location = ledger_location(setting, &self.session.environ)?;
        let ledger = Store::read(location, &self.binding)?;
        read_single_keys(&self.project, &ledger)?;
        Ok(ledger)
    }

    /// Opens the ledger and acquires its lease.
    pub(in crate::cli) fn lock_ledger(&self, policy: VersionPolicy) -> Result<Store, LedgerError> {
        let ledger = lock_ledger(&self.project, &self.binding, &self.session, policy)?;
        read_single_keys(&self.project, &ledger)?;
        Ok(ledger)
    }

    /// Creates a client. With a ledger that is locked, it sends only while the lease is valid.
    pub(in crate::cli) fn client(
        &self,
        ledger: &Store,
        progress: &Progress,
    ) -> anyhow::Result<Client> {
        endpoint::client(
            &self.project.root,
            &self.project.settings,
            self.credentials.clone(),
            ledger.lease(),
            progress,
        )
    }

    /// Logs a note and shows it on standard error.
    pub(in crate::cli) fn note(&self, text: impl std::fmt::Display) {
        out::log_note(self.session.log_format, text);
    }

    /// Logs notes and shows each on a line.
    pub(in crate::cli) fn notes<T: std::fmt::Display>(&self, texts: impl IntoIterator<Item = T>) {
        texts.into_iter().for_each(|text| self.note(text));
    }

    /// Asks for confirmation unless the arguments contain it, then writes to the ledger and prints
    /// `done`.
    pub(in crate::cli) fn confirm_and_write(
        &self,
        consent: &Consent,
        ledger: &Store,
        writes: Vec<Write>,
        done: &str,
    ) -> anyhow::Result<Exit> {
        if !prompt::confirmed(consent, &self.project.settings)? {
            self.note(t!(prompt::DECLINED));
            return Ok(Exit::Error);
        }
        runtime()?.block_on(ledger.write(writes))?;
        out::line(done);
        Ok(Exit::Done)
    }
}

/// Opens the ledger of a project and acquires its lease. `policy` is the reaction to a ledger that is
/// missing, or older than the marker and the reports.
pub(in crate::cli) fn lock_ledger(
    project: &Project,
    binding: &Binding,
    session: &Session,
    policy: VersionPolicy,
) -> Result<Store, LedgerError> {
    let options = hold_options(project, policy);
    let location = ledger_location(&project.settings.ledger, &session.environ)?;
    let since = time::text(session.started);
    let ledger = Store::hold_with(location, binding, &holder(), &since, &options)?;
    if let Some(replaced) = ledger.replaces() {
        let text = t!(
            "the ledger is accepted in place of the one that these files record: %{files}; contracts that it does not record are sent again",
            files = replaced
        );
        out::log_warning(session.log_format, text);
    }
    warn_of_repeated_ids(&ledger, session.log_format)?;
    Ok(ledger)
}

/// Returns the options to open the ledger of a project, with the evidence of its reports.
pub(in crate::cli) fn hold_options(project: &Project, policy: VersionPolicy) -> HoldOptions {
    HoldOptions {
        evidence: evidence(project),
        policy,
        ..HoldOptions::default()
    }
}

/// Warns if the ledger of an older treaty records the ids of responses more than once.
fn warn_of_repeated_ids(ledger: &Store, format: LogFormat) -> Result<(), LedgerError> {
    let repeated = ledger.repeated_ids()?;
    if !repeated.is_empty() {
        let text = t!(
            "the ledger records ids for several rows or resources (%{ids}): an older treaty did not check responses, so \
             links may be those of others; compare the rows with treaty audit before their links are used",
            ids = repeated.join(", ")
        );
        out::log_warning(format, text);
    }
    Ok(())
}

/// Names this process as the holder of a lease: `process 12 on host`.
pub(in crate::cli) fn holder() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = std::env::var("HOSTNAME")
        .ok()
        .filter(|host| !host.is_empty())
        .unwrap_or(host);
    // Other processes read the name, in their own language.
    format!("process {} on {}", std::process::id(), host.trim())
}
