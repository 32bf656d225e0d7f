//! `treaty validate`: checks manifests and rows without a call to the API.

use std::sync::Arc;

use crate::cli::args::{FindingsFormat, Global, LogFormat, Validate};
use crate::cli::context::endpoint;
use crate::cli::context::location::ledger_location;
use crate::cli::context::session::{Session, binding, invalid, load_project};
use crate::cli::context::single_keys::read_single_keys;
use crate::cli::exit::Exit;
use crate::cli::output::style::{GREEN, RESET};
use crate::cli::output::{annotations, diagnostics, out};
use crate::desired::{FlowRows, Resources, warn_expired};
use crate::diagnostic::{Diagnostic, Findings};
use crate::ledger::{Ledger, LedgerError, Store};
use crate::manifest::{Settings, Tolerance};
use crate::plan::{FlowPlan, ItemAction, PlannedRow, Planner, Selection, build_plan, moved_flows};

pub(super) fn run(global: &Global, args: &Validate) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let project = load_project(&session, global, &mut findings);
    let project =
        project.inspect_err(|_| annotations::print(args.format, &global.project, &[&findings]))?;
    let errors = diagnostics::table(&project.settings);
    findings.set_listener(errors.listener());
    let ledger = read_ledger(&session, &project.settings)?;
    let resources = Resources::of(&project, ledger.salt(), &mut findings);
    let moves = moved_flows(&project, &ledger, &mut findings)?;
    ledger.read_renamed(moves.iter().map(|own| (&*own.from, &*own.to)));
    read_single_keys(&project, &ledger)?;
    let planner = Planner {
        project: &project,
        resources: &resources,
        ledger: &ledger,
        // The revocation limit is checked by plan, not here.
        selection: Selection {
            max_revoke: Some(Tolerance::Count(u64::MAX)),
            ..Selection::default()
        },
        run: session.run_time.clone(),
        listener: Arc::new(|_| {}),
    };
    let planned_run = futures::executor::block_on(build_plan(&planner, None, &mut findings))?;
    warn_expired(&project, &resources, &session.run_time, &mut findings);
    planned_run
        .flows
        .iter()
        .zip(&planned_run.plan.flows)
        .for_each(|(rows, plan)| {
            findings.extend(empty_filter(rows, plan));
            findings.extend(rows.warnings());
        });
    let all = [&findings, &planned_run.row_findings];
    diagnostics::print(&all, session.log_format, Some(&errors));
    annotations::print(args.format, &global.project, &all);
    let errors = findings.errors() + planned_run.row_findings.errors();
    if errors > 0 {
        return Err(invalid(errors, &t!("correct the errors and validate again")).into());
    }
    let is_text = args.format == FindingsFormat::Text && global.log_format == LogFormat::Text;
    if !global.quiet && is_text {
        let rows: usize = planned_run
            .plan
            .flows
            .iter()
            .map(|flow| flow.rows.len())
            .sum();
        let warnings = findings.warnings() + planned_run.row_findings.warnings();
        out::line(format_args!(
            "{GREEN}{}{RESET}: {}",
            t!("valid"),
            t!(
                "%{accounts}, %{seals}, %{templates}, %{flows} with %{rows}; %{warnings}",
                accounts = out::plural(
                    resources.accounts.len(),
                    t_key!("%{count} account"),
                    t_key!("%{count} accounts")
                ),
                seals = out::plural(
                    resources.seals.len(),
                    t_key!("%{count} seal"),
                    t_key!("%{count} seals")
                ),
                templates = out::plural(
                    resources.templates.len(),
                    t_key!("%{count} template"),
                    t_key!("%{count} templates")
                ),
                flows = out::plural(
                    planned_run.flows.len(),
                    t_key!("%{count} flow"),
                    t_key!("%{count} flows")
                ),
                rows = out::plural(rows, t_key!("%{count} row"), t_key!("%{count} rows")),
                warnings = out::plural(
                    warnings,
                    t_key!("%{count} warning"),
                    t_key!("%{count} warnings")
                ),
            ),
        ));
    }
    Ok(Exit::Done)
}

/// Warns of a `where` that excludes all rows.
fn empty_filter(rows: &FlowRows<'_>, plan: &FlowPlan) -> Option<Diagnostic> {
    let filter = rows.flow.rows.as_ref()?.filter.as_ref()?;
    let skipped = |row: &PlannedRow| row.action == ItemAction::Skipped;
    if plan.rows.is_empty() || !plan.rows.iter().all(skipped) {
        return None;
    }
    let count = out::plural(
        plan.rows.len(),
        t_key!("%{count} row"),
        t_key!("%{count} rows"),
    );
    let message = t!(
        "where excludes all rows of the sheet: %{rows}",
        rows = count
    );
    Some(Diagnostic::warning(message).at(filter.span()).hint(t!(
        "compare it with a row; cells are text and compared exactly as written"
    )))
}

/// Reads the ledger, so that changes that the API does not support are found. Without credentials,
/// or if the ledger cannot be read, an empty ledger is used.
fn read_ledger(session: &Session, settings: &Settings) -> Result<Store, LedgerError> {
    let known = endpoint::credentials(&settings.endpoint, &session.environ).ok();
    let ledger = known.and_then(|credentials| {
        let location = ledger_location(&settings.ledger, &session.environ).ok()?;
        Store::read(location, &binding(settings, credentials.as_ref())).ok()
    });
    ledger.map_or_else(|| Store::empty(&binding(settings, None)), Ok)
}
