//! What is over already: grants and times for signing that are declared and are past. What was granted or sent in time is
//! none the worse for it, so these are warnings.

use jiff::Timestamp;

use super::account::SilentSign;
use super::standing::Resources;
use crate::api::time;
use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::expr::{RunTime, Scope};
use crate::manifest::{self, Flow, Project};

/// Warns of what is the same for all rows and is past when the run begins.
pub fn over(project: &Project, standing: &Resources, run: &RunTime, findings: &mut Findings) {
    let now = run.moment().as_millisecond();
    for (name, account) in &standing.accounts {
        let declared = project.accounts.get(name).map(|own| &own.silent_sign);
        if let (SilentSign::Until(until), Some(manifest::SilentSign::Until(expr))) =
            (account.silent_sign, declared)
            && until <= now
        {
            let hint = "it grants nothing any more: give a day that comes, or take silentSign out";
            findings.push(past("until", until, expr.span()).hint(hint));
        }
    }
    let scope = project.scope.with_run(run);
    for flow in project.flows.values() {
        if let Some((validity, span)) = validity(flow, &scope)
            && validity <= now
        {
            let hint = "contracts that are sent from now on are refused: give a moment that comes";
            findings.push(past("signValidity", validity, span).hint(hint));
        }
    }
}

/// The last moment for signing, where it is the same for all rows.
fn validity<'a>(flow: &'a Flow, scope: &Scope) -> Option<(i64, &'a Span)> {
    let expr = flow.process.sign_validity.as_ref()?;
    if expr.uses().row || expr.uses().key {
        return None;
    }
    let validity = expr.text(scope).ok()?.trim().parse().ok()?;
    Some((validity, expr.span()))
}

fn past(what: &str, moment: i64, span: &Span) -> Diagnostic {
    let shown = Timestamp::from_millisecond(moment).map_or(moment.to_string(), time::text);
    Diagnostic::warning(format!("{what} is past: {shown}")).at(span)
}
