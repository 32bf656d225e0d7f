//! Loads the project and builds the plan, for the commands that start with either.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;

use super::endpoint;
use super::follow::Follow;
use super::names::is_recorded;
use super::runtime::runtime;
use super::single_keys::read_single_keys;
use crate::address::{Address, AddressPattern};
use crate::api::{origin, time};
use crate::cli::args::{Global, LogFormat, Selected, Waiting};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::progress::Progress;
use crate::cli::output::target::CONSOLE;
use crate::cli::output::{diagnostics, env_values, logging, out};
use crate::client::{Client, Credentials};
use crate::desired::{Resources, RowLookup};
use crate::diagnostic::Findings;
use crate::execute::Event;
use crate::expr::{Environ, RunTime};
use crate::ledger::{Binding, Ledger, LedgerError, Store};
use crate::manifest::{self, Endpoint, InvalidRows, Project, Settings};
use crate::plan::{
    Listing, PlannedRun, Planner, Selection, build_plan, check_prune_limit, moved_flows, undeclared,
};
use crate::report::ErrorTable;

/// The environment and the start time of a command.
pub(in crate::cli) struct Session {
    pub(in crate::cli) environ: Environ,
    pub(in crate::cli) started: Timestamp,
    pub(in crate::cli) run_time: RunTime,
    pub(in crate::cli) log_format: LogFormat,
}

impl Session {
    /// Reads the environment and the clock.
    pub(in crate::cli) fn begin(global: &Global) -> Self {
        let started = Timestamp::now();
        // Manifests can only refer to variables that are UTF-8.
        let environ: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            environ: Environ::new(environ, global.allow_env.clone(), global.variables()),
            run_time: RunTime::at(started),
            started,
            log_format: global.log_format,
        }
    }

    /// Prints the findings. Fails if any of them keeps the command from continuing.
    fn check_findings(
        &self,
        settings: &Settings,
        findings: &Findings,
        planned: &PlannedRun<'_>,
        errors: &ErrorTable,
    ) -> Result<(), CliError> {
        let all = [findings, &planned.row_findings];
        diagnostics::print(&all, self.log_format, Some(errors));
        let refused = match settings.failures.invalid_rows {
            InvalidRows::Refuse => planned.row_findings.errors(),
            InvalidRows::Skip => 0,
        };
        let errors = findings.errors() + refused;
        if errors == 0 {
            return Ok(());
        }
        let hint = if findings.errors() == 0 {
            t!(
                "correct the sheet, or skip invalid rows with failures: { invalidRows: skip } in treaty.yaml"
            )
        } else {
            t!("correct the errors and run the command again; nothing was sent")
        };
        Err(invalid(errors, &hint))
    }

    /// The name of a run that starts now. It sorts by time and is a valid folder name.
    pub(in crate::cli) fn run_name(&self) -> String {
        time::local(self.started)
            .strftime("%Y-%m-%dT%H-%M-%S")
            .to_string()
    }
}

/// The error of a command that found errors in manifests or rows.
pub(in crate::cli) fn invalid(errors: usize, hint: &str) -> CliError {
    let message = match errors {
        1 => t!("1 error was found"),
        errors => t!("%{count} errors were found", count = errors),
    };
    CliError::new(Exit::Invalid, message, hint)
}

/// Loads the project. If nothing can be loaded, prints the findings and returns an error.
pub(in crate::cli) fn load_project(
    session: &Session,
    global: &Global,
    findings: &mut Findings,
) -> Result<Project, CliError> {
    let environment = global.environment.as_deref();
    let project = Project::load(&global.project, environment, &session.environ, findings);
    mask_values(
        &session.environ,
        project.as_ref().map(|project| &project.settings),
    );
    if let Some(project) = &project {
        logging::name_project(project);
        announce(global, project);
    }
    project.ok_or_else(|| {
        if let Some(unknown) = unknown_environment(environment, findings) {
            return unknown;
        }
        diagnostics::print(&[findings], session.log_format, None);
        invalid(findings.errors(), "")
    })
}

/// Logs and shows to which project, environment and endpoint the command belongs.
fn announce(global: &Global, project: &Project) {
    let settings = &project.settings;
    let (name, environment, endpoint) = (&project.name, &settings.environment, &settings.endpoint);
    let text = t!(
        "project %{name}, environment %{environment}, endpoint %{endpoint}",
        name = name,
        environment = environment,
        endpoint = endpoint
    );
    tracing::info!(target: CONSOLE, event = "note", "{text}");
    if global.shows_project {
        out::note(text);
    }
}

/// Masks the values that expressions can read. The name of the environment and the host of an
/// allowed endpoint are not private.
fn mask_values(environ: &Environ, settings: Option<&Settings>) {
    let endpoint = settings.map(|settings| settings.endpoint.to_string());
    let origin = endpoint.and_then(|endpoint| origin(&endpoint));
    let name = settings.map(|settings| settings.environment.as_str());
    let public: Vec<&str> = origin.as_deref().into_iter().chain(name).collect();
    env_values::mask_values(&environ.exposed_values(), &public);
}

/// The usage error for an unknown `--environment`, if that is the only finding.
fn unknown_environment(chosen: Option<&str>, findings: &Findings) -> Option<CliError> {
    let message = manifest::unknown_environment(chosen?);
    let [only] = findings.kept() else {
        return None;
    };
    let hint = only.hint.clone().unwrap_or_default();
    (only.message == message).then(|| CliError::new(Exit::Usage, message, hint))
}

/// A plan without errors, and everything that is needed to show or execute it.
pub(in crate::cli) struct PlanContext<'a> {
    pub(in crate::cli) session: &'a Session,
    pub(in crate::cli) project: &'a Project,
    pub(in crate::cli) resources: &'a Resources,
    pub(in crate::cli) ledger: &'a Store,
    pub(in crate::cli) client: &'a Client,
    pub(in crate::cli) planned: &'a PlannedRun<'a>,
    pub(in crate::cli) progress: &'a Progress,
    pub(in crate::cli) runtime: &'a tokio::runtime::Runtime,
    /// The part of the project that the command line selects.
    pub(in crate::cli) selection: &'a Selection,
}

impl<'a> PlanContext<'a> {
    /// Returns the sync of the selected items of the plan's project.
    pub(in crate::cli) fn follow(
        &'a self,
        (targets, excludes): (&'a [AddressPattern], &'a [AddressPattern]),
        waiting: &'a Waiting,
    ) -> Follow<'a> {
        Follow {
            project: self.project,
            ledger: self.ledger,
            client: self.client,
            progress: self.progress,
            runtime: self.runtime,
            targets,
            excludes,
            waiting,
            started: self.session.started,
        }
    }
}

/// Loads the project, opens the ledger with `open`, builds the plan and passes it to `then`.
///
/// - `check` may refuse the project before the ledger is opened.
/// - `saves`: the plan is saved, or is a saved one, and lists all changes.
/// - Errors in the project are reported before missing credentials.
pub(in crate::cli) fn with_plan(
    global: &Global,
    (selected, saves): (&Selected, bool),
    check: impl FnOnce(&Project) -> Result<(), CliError>,
    open: impl FnOnce(&Session, &Project, &Binding) -> anyhow::Result<Store>,
    then: impl FnOnce(&PlanContext<'_>) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let project = load_project(&session, global, &mut findings)?;
    let settings = &project.settings;
    check(&project)?;
    let errors = diagnostics::table(settings);
    findings.set_listener(errors.listener());
    let credentials = endpoint::credentials(&settings.endpoint, &session.environ);
    let progress = Progress::new(global);
    let listener = progress.listener();
    let (ledger, client) = match &credentials {
        Ok(known) => {
            let ledger = open(&session, &project, &binding(settings, known.as_ref()))?;
            let client = endpoint::client(
                &project.root,
                settings,
                known.clone(),
                ledger.lease(),
                &progress,
            )?;
            (ledger, Some(client))
        }
        Err(_) => (Store::empty(&binding(settings, None))?, None),
    };
    let resources = Resources::of(&project, ledger.salt(), &mut findings);
    let moves = moved_flows(&project, &ledger, &mut findings)?;
    ledger.read_renamed(moves.iter().map(|own| (&*own.from, &*own.to)));
    read_single_keys(&project, &ledger)?;
    let runtime = runtime()?;
    let rows = RowLookup {
        project: &project,
        resources: &resources,
        run: &session.run_time,
        salt: ledger.salt(),
    };
    let resolved = |patterns: &[AddressPattern]| {
        AddressPattern::resolved(patterns, |address| {
            let has_row = || match address {
                Address::Item { flow, key } => {
                    rows.item(flow, key, &mut Findings::default()).is_some()
                }
                _ => false,
            };
            Ok::<_, LedgerError>(is_recorded(&ledger, address)? || has_row())
        })
    };
    let planner = Planner {
        project: &project,
        resources: &resources,
        ledger: &ledger,
        selection: Selection {
            targets: resolved(&selected.target)?,
            excludes: resolved(&selected.exclude)?,
            retry: selected.retry.map(Into::into),
            reissue: resolved(&selected.reissue)?,
            force_update: resolved(&selected.force_update)?,
            max_revoke: selected.max_revoke,
            listing: listing(selected, saves),
        },
        run: session.run_time.clone(),
        listener: Arc::new(move |lookup| listener(Event::Lookup(lookup))),
    };
    let observed = client
        .as_ref()
        .map(|client| (client, selected.observe.into()));
    let planned_run = runtime.block_on(build_plan(&planner, observed, &mut findings));
    // Also before an error: the bar would stay on the screen.
    progress.finish();
    let mut planned_run = planned_run?;
    let resources_plan = &mut planned_run.plan.resources;
    resources_plan.mask_values(&resources, |value| env_values::masked(value).into_owned());
    planned_run.plan.moves = moves;
    if findings.errors() == 0 {
        let selection = (&planner.selection, session.started);
        let found = undeclared(&project, &resources, &ledger, selection, &rows)?;
        let exceeded = check_prune_limit(&found, selected.max_delete, &project, &ledger)?;
        findings.extend(exceeded);
        planned_run.plan.undeclared = found;
    }
    ledger.wait_until_verified()?;
    for rows in &planned_run.flows {
        findings.extend(rows.warnings());
    }
    session.check_findings(settings, &findings, &planned_run, &errors)?;
    check_patterns(&planned_run)?;
    credentials?;
    then(&PlanContext {
        session: &session,
        project: &project,
        resources: &resources,
        ledger: &ledger,
        client: client.as_ref().context("a client without credentials")?,
        planned: &planned_run,
        progress: &progress,
        runtime: &runtime,
        selection: &planner.selection,
    })
}

/// Returns the items that the plan lists. A saved plan can be shown with all its changes.
fn listing(selected: &Selected, saves: bool) -> Listing {
    match selected.all {
        true => Listing::All,
        false if saves => Listing::Changes,
        false => Listing::Samples,
    }
}

/// Fails if a pattern of the command line matches nothing.
fn check_patterns(planned: &PlannedRun<'_>) -> Result<(), CliError> {
    if let Some(target) = planned.unmatched.first() {
        let message = t!(
            "the target %{target} matches no declared address and no row",
            target = target
        );
        let hint = t!(
            "addresses look like accounts.acme, flows.loans and 'flows.loans[\"HT-1\"]'; plan --all lists them"
        );
        return Err(CliError::new(Exit::Usage, message, hint));
    }
    if let Some(pattern) = planned.unforced.first() {
        let message = t!(
            "--force-update %{address} matches no account of the manifests",
            address = pattern
        );
        let hint = t!(
            "addresses look like accounts.acme; accounts of rows are set when their contract is sent"
        );
        return Err(CliError::new(Exit::Usage, message, hint));
    }
    Ok(())
}

/// The endpoint and the app id that the ledger of an environment is bound to.
pub(in crate::cli) fn binding(settings: &Settings, credentials: Option<&Credentials>) -> Binding {
    Binding {
        endpoint: settings.endpoint.to_string(),
        app_id: match (&settings.endpoint, credentials) {
            (Endpoint::Sandbox, _) => Some(String::new()),
            (_, credentials) => credentials.map(|credentials| credentials.app_id.clone()),
        },
    }
}
