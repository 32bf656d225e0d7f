//! `treaty validate`.

use std::sync::Arc;

use super::args::{Global, LogFormat, Validate};
use super::exit::Exit;
use super::session::{Session, binding, invalid, load};
use super::{diagnostics, endpoint, out};
use crate::desired::{FlowRows, Resources, warn_expired};
use crate::diagnostic::{Diagnostic, Findings};
use crate::ledger::{Ledger, LedgerError, Sqlite};
use crate::manifest::{Settings, Tolerance};
use crate::plan::{FlowPlan, ItemAction, PlannedRow, Planner, Selection, build_plan};

pub(super) fn run(global: &Global, _: &Validate) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let project = load(&session, global, &mut findings)?;
    let errors = diagnostics::table(&project.settings);
    findings.set_listener(errors.listener());
    let ledger = recorded(&session, &project.settings)?;
    let standing = Resources::of(&project, ledger.salt(), &mut findings);
    let surveyor = Planner {
        project: &project,
        resources: &standing,
        ledger: &ledger,
        // A sheet that would revoke much is valid; it is the plan that refuses it.
        selection: Selection {
            max_revoke: Some(Tolerance::Count(u64::MAX)),
            ..Selection::default()
        },
        run: session.run_time.clone(),
        listener: Arc::new(|_| {}),
    };
    let survey = futures::executor::block_on(build_plan(&surveyor, None, &mut findings))?;
    warn_expired(&project, &standing, &session.run_time, &mut findings);
    survey
        .flows
        .iter()
        .zip(&survey.plan.flows)
        .for_each(|(rows, plan)| {
            findings.extend(left_out(rows, plan));
            findings.extend(rows.warnings());
        });
    let all = [&findings, &survey.row_findings];
    diagnostics::print(&all, session.log_format, Some(&errors));
    let errors = findings.errors() + survey.row_findings.errors();
    if errors > 0 {
        return Err(invalid(errors, "correct it and validate again").into());
    }
    if !global.quiet && global.log_format == LogFormat::Text {
        let rows: usize = survey.plan.flows.iter().map(|flow| flow.rows.len()).sum();
        let warnings = findings.warnings() + survey.row_findings.warnings();
        out::line(format_args!(
            "\u{1b}[32mvalid\u{1b}[0m: {}, {}, {}, {} with {}; {}",
            out::counted(standing.accounts.len(), "account"),
            out::counted(standing.seals.len(), "seal"),
            out::counted(standing.templates.len(), "template"),
            out::counted(survey.flows.len(), "flow"),
            out::counted(rows, "row"),
            out::counted(warnings, "warning"),
        ));
    }
    Ok(Exit::Done)
}

/// A `where` that no row passes was meant otherwise, mostly.
fn left_out(rows: &FlowRows<'_>, plan: &FlowPlan) -> Option<Diagnostic> {
    let filter = rows.flow.rows.as_ref()?.filter.as_ref()?;
    let skipped = |row: &PlannedRow| row.action == ItemAction::Skipped;
    if plan.rows.is_empty() || !plan.rows.iter().all(skipped) {
        return None;
    }
    let count = out::counted(plan.rows.len(), "row");
    let what = format!("where leaves out all of the sheet: {count}");
    Some(
        Diagnostic::warning(what)
            .at(filter.span())
            .hint("hold it against a row: cells are text, exactly as they are written"),
    )
}

/// What was made before cannot all be changed: where that is recorded, it is held against what is declared. Without
/// credentials, or with a ledger that `plan` would refuse, a project is valid or not by itself.
fn recorded(session: &Session, settings: &Settings) -> Result<Sqlite, LedgerError> {
    let known = endpoint::credentials(&settings.endpoint, &session.environ).ok();
    let ledger = known.and_then(|credentials| {
        Sqlite::read(&settings.ledger, &binding(settings, credentials.as_ref())).ok()
    });
    ledger.map_or_else(|| Sqlite::empty(&binding(settings, None)), Ok)
}
