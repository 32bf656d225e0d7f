//! What the commands share: the project, the ledger, and what is wrong with either.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::args::{Global, LogFormat, Selected};
use super::diagnostics;
use super::exit::{CliError, Exit};
use crate::api::time;
use crate::apply::{Selection, Survey};
use crate::client::Credentials;
use crate::diagnostic::Findings;
use crate::ledger::Binding;
use crate::manifest::{InvalidRows, Project, Settings};
use crate::render::{Environ, RunTime};

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

    /// Loads the project; none when it is so wrong that nothing more can be said. What was found is printed then.
    pub(super) fn project(&self, global: &Global, findings: &mut Findings) -> Option<Project> {
        let project = Project::load(
            &global.project,
            global.environment.as_deref(),
            &self.environ,
            findings,
        );
        if project.is_none() {
            diagnostics::print(&[findings], self.log_format);
        }
        project
    }

    /// Prints what was found, and says whether it keeps the command from going on.
    pub(super) fn settled(
        &self,
        settings: &Settings,
        findings: &Findings,
        survey: &Survey<'_>,
    ) -> Result<(), CliError> {
        diagnostics::print(&[findings, &survey.row_findings], self.log_format);
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

/// What a ledger of this project and environment belongs to.
pub(super) fn binding(settings: &Settings, credentials: Option<&Credentials>) -> Binding {
    Binding {
        endpoint: settings.endpoint.to_string(),
        app_id: credentials
            .map(|credentials| credentials.app_id.clone())
            .unwrap_or_default(),
    }
}

impl From<&Selected> for Selection {
    fn from(selected: &Selected) -> Self {
        Self {
            targets: selected.target.clone(),
            excludes: selected.exclude.clone(),
            show_all: selected.all,
        }
    }
}
