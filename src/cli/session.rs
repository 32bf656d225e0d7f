//! What the commands share: the project, the ledger, and what is wrong with either.

use crate::execute::Event;
use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;

use super::args::{Global, LogFormat, Selected};
use super::exit::{CliError, Exit};
use super::output::logging;
use super::progress::Progress;
use super::{diagnostics, endpoint};
use crate::api::time;
use crate::client::{Client, Credentials};
use crate::desired::Resources;
use crate::diagnostic::Findings;
use crate::expr::{Environ, RunTime};
use crate::ledger::{Binding, Ledger, LedgerError, Sqlite};
use crate::manifest::{self, InvalidRows, Project, Settings};
use crate::plan::{PlannedRun, Planner, Retry, Selection, build_plan};
use crate::report::ErrorTable;

/// One run of treaty.
pub(super) struct Session {
    pub(super) environ: Environ,
    pub(super) started: Timestamp,
    pub(super) run_time: RunTime,
    pub(super) log_format: LogFormat,
}

impl Session {
    pub(super) fn begin(global: &Global) -> Self {
        let started = Timestamp::now();
        // What is no text cannot be named in a manifest either.
        let environ: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            environ: Arc::new(environ),
            run_time: RunTime::at(started),
            started,
            log_format: global.log_format,
        }
    }

    /// Prints what was found, and says whether it keeps the command from going on.
    fn settled(
        &self,
        settings: &Settings,
        findings: &Findings,
        survey: &PlannedRun<'_>,
        errors: &ErrorTable,
    ) -> Result<(), CliError> {
        let all = [findings, &survey.row_findings];
        diagnostics::print(&all, self.log_format, Some(errors));
        let refused = match settings.failures.invalid_rows {
            InvalidRows::Refuse => survey.row_findings.errors(),
            InvalidRows::Skip => 0,
        };
        let errors = findings.errors() + refused;
        if errors == 0 {
            return Ok(());
        }
        let hint = if findings.errors() == 0 {
            "correct the sheet; or let the other rows go on with failures: { invalidRows: skip } in treaty.yaml"
        } else {
            "correct it and run the command again; nothing was called"
        };
        Err(invalid(errors, hint))
    }

    /// The name of a run that begins now: it sorts by time and can be a folder.
    pub(super) fn run_name(&self) -> String {
        time::local(self.started)
            .strftime("%Y-%m-%dT%H-%M-%S")
            .to_string()
    }
}

pub(super) fn invalid(errors: usize, hint: &str) -> CliError {
    let message = match errors {
        1 => "1 error was found".to_owned(),
        errors => format!("{errors} errors were found"),
    };
    CliError::new(Exit::Invalid, message, hint)
}

/// Loads the project; when it is so wrong that nothing more can be said, that is printed and is the error.
pub(super) fn load(
    session: &Session,
    global: &Global,
    findings: &mut Findings,
) -> Result<Project, CliError> {
    let environment = global.environment.as_deref();
    let project = Project::load(&global.project, environment, &session.environ, findings);
    if let Some(project) = &project {
        logging::name_project(project);
    }
    project.ok_or_else(|| {
        if let Some(unknown) = unknown_environment(environment, findings) {
            return unknown;
        }
        diagnostics::print(&[findings], session.log_format, None);
        invalid(findings.errors(), "")
    })
}

/// A name of the command line that no environment has is no error of the project, if that has none of its own.
fn unknown_environment(chosen: Option<&str>, findings: &Findings) -> Option<CliError> {
    let message = manifest::unknown_environment(chosen?);
    let [only] = findings.kept() else {
        return None;
    };
    let hint = only.hint.clone().unwrap_or_default();
    (only.message == message).then(|| CliError::new(Exit::Usage, message, hint))
}

/// All that `plan` and `apply` begin with, once nothing is wrong.
pub(super) struct PlanContext<'a> {
    pub(super) session: &'a Session,
    pub(super) project: &'a Project,
    pub(super) standing: &'a Resources,
    pub(super) ledger: &'a Sqlite,
    pub(super) client: &'a Client,
    pub(super) survey: &'a PlannedRun<'a>,
    pub(super) progress: &'a Progress,
    pub(super) runtime: &'a tokio::runtime::Runtime,
}

/// Loads, opens the ledger, surveys, and goes on. With `retry` only some items are taken. `before` may refuse what was asked for, before anything is opened;
/// `open` opens the ledger. What is wrong with the project is said before that credentials are missing.
pub(super) fn surveyed(
    global: &Global,
    selected: &Selected,
    retry: Option<Retry>,
    before: impl FnOnce(&Project) -> Result<(), CliError>,
    open: impl FnOnce(&Session, &Settings, &Binding) -> Result<Sqlite, LedgerError>,
    then: impl FnOnce(&PlanContext<'_>) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let project = load(&session, global, &mut findings)?;
    let settings = &project.settings;
    before(&project)?;
    let errors = diagnostics::table(settings);
    findings.set_listener(errors.listener());
    let credentials = endpoint::credentials(&settings.endpoint, &session.environ);
    let progress = Progress::new(global);
    let listener = progress.listener();
    let (ledger, client) = match &credentials {
        Ok(known) => {
            let ledger = open(&session, settings, &binding(settings, known.as_ref()))?;
            let client = endpoint::client(
                &project.root,
                settings,
                known.clone(),
                ledger.lease(),
                &listener,
            )?;
            (ledger, Some(client))
        }
        Err(_) => (Sqlite::empty(&binding(settings, None))?, None),
    };
    let standing = Resources::of(&project, ledger.salt(), &mut findings);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let surveyor = Planner {
        project: &project,
        resources: &standing,
        ledger: &ledger,
        selection: Selection {
            targets: selected.target.clone(),
            excludes: selected.exclude.clone(),
            retry,
            max_revoke: selected.max_revoke,
            show_all: selected.all,
        },
        run: session.run_time.clone(),
        listener: Arc::new(move |lookup| listener(Event::Lookup(lookup))),
    };
    let asked = client
        .as_ref()
        .map(|client| (client, selected.observe.into()));
    let survey = runtime.block_on(build_plan(&surveyor, asked, &mut findings))?;
    progress.finish();
    ledger.wait_until_verified()?;
    for rows in &survey.flows {
        findings.extend(rows.warnings());
    }
    session.settled(settings, &findings, &survey, &errors)?;
    if let Some(target) = survey.unmatched.first() {
        let message = format!("the target {target} matches nothing that is declared, and no row");
        let hint = "addresses look like accounts.acme, flows.loans and 'flows.loans[\"HT-1\"]'; plan --all shows them";
        return Err(CliError::new(Exit::Usage, message, hint).into());
    }
    credentials?;
    then(&PlanContext {
        session: &session,
        project: &project,
        standing: &standing,
        ledger: &ledger,
        client: client.as_ref().context("a client without credentials")?,
        survey: &survey,
        progress: &progress,
        runtime: &runtime,
    })
}

/// What a ledger of this project and environment belongs to.
pub(super) fn binding(settings: &Settings, credentials: Option<&Credentials>) -> Binding {
    Binding {
        endpoint: settings.endpoint.to_string(),
        app_id: credentials
            .map(|credentials| credentials.app_id.clone())
            .unwrap_or_default(),
    }
}
