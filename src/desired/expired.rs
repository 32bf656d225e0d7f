//! Warnings about declared times that are in the past: `silentSign.until` and `signValidity`.
//!
//! These are not errors, because grants and flows made before the time stay valid.

use jiff::Timestamp;

use super::account::SilentSign;
use super::resources::Resources;
use crate::api::time;
use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::expr::{RunTime, Scope};
use crate::manifest::{self, Flow, Project};

/// Adds a warning for every time that is the same for all rows and is not after the start of the
/// run.
pub fn warn_expired(
    project: &Project,
    resources: &Resources,
    run: &RunTime,
    findings: &mut Findings,
) {
    let now = run.moment().as_millisecond();
    for (name, account) in &resources.accounts {
        let declared = project.accounts.get(name).map(|own| &own.silent_sign);
        if let (SilentSign::Until(until), Some(manifest::SilentSign::Until(limit))) =
            (account.silent_sign, declared)
            && until <= now
        {
            let hint = t!("the grant has expired: set a later date, or remove silentSign");
            findings.push(past("until", until, limit.until.span()).hint(hint));
        }
    }
    let scope = project.scope.with_run(run);
    for flow in project.flows.values() {
        if let Some((validity, span)) = validity(flow, &scope)
            && validity <= now
        {
            let hint = t!("the API rejects new contracts with a past deadline: set a later time");
            findings.push(past("signValidity", validity, span).hint(hint));
        }
    }
}

/// Returns the signing deadline in milliseconds since 1970, when it is the same for all rows.
fn validity<'a>(flow: &'a Flow, scope: &Scope) -> Option<(i64, &'a Span)> {
    let expr = flow.process.sign_validity.as_ref()?;
    if expr.uses().row || expr.uses().key {
        return None;
    }
    let validity = expr.text(scope).ok()?.trim().parse().ok()?;
    Some((validity, expr.span()))
}

fn past(field: &str, moment: i64, span: &Span) -> Diagnostic {
    let shown = Timestamp::from_millisecond(moment).map_or(moment.to_string(), time::text);
    Diagnostic::warning(t!(
        "%{field} is in the past: %{time}",
        field = field,
        time = shown
    ))
    .at(span)
}
