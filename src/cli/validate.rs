//! `treaty validate`.

use std::sync::Arc;

use super::args::{Global, LogFormat, Validate};
use super::diagnostics;
use super::endpoint;
use super::exit::Exit;
use super::out;
use super::session::{Session, binding, invalid, load};
use crate::apply::{Selection, Surveyor, survey};
use crate::desired::{Standing, over};
use crate::diagnostic::Findings;
use crate::ledger::{Ledger, LedgerError, Sqlite};
use crate::manifest::{Settings, Tolerance};

pub(super) fn run(global: &Global, _: &Validate) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let project = load(&session, global, &mut findings)?;
    let errors = diagnostics::table(&project.settings);
    findings.tell(errors.hears());
    let ledger = recorded(&session, &project.settings)?;
    let standing = Standing::of(&project, ledger.salt(), &mut findings);
    let surveyor = Surveyor {
        project: &project,
        standing: &standing,
        ledger: &ledger,
        // A sheet that would revoke much is valid; it is the plan that refuses it.
        selection: Selection {
            max_revoke: Some(Tolerance::Count(u64::MAX)),
            ..Selection::default()
        },
        run: session.run_time.clone(),
        listener: Arc::new(|_| {}),
    };
    let survey = futures::executor::block_on(survey(&surveyor, None, &mut findings))?;
    over(&project, &standing, &session.run_time, &mut findings);
    let all = [&findings, &survey.row_findings];
    diagnostics::print(&all, session.log_format, Some(&errors));
    let errors = findings.errors() + survey.row_findings.errors();
    if errors > 0 {
        return Err(invalid(errors, "correct it and validate again").into());
    }
    if !global.quiet && global.log_format == LogFormat::Text {
        let rows: usize = survey.plan.flows.iter().map(|flow| flow.rows.len()).sum();
        out::line(format_args!(
            "\u{1b}[32mvalid\u{1b}[0m: {} accounts, {} seals, {} templates, {} flows with {rows} rows; {} warnings",
            standing.accounts.len(),
            standing.seals.len(),
            standing.templates.len(),
            survey.flows.len(),
            findings.warnings() + survey.row_findings.warnings(),
        ));
    }
    Ok(Exit::Done)
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
