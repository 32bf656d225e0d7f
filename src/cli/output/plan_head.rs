//! The head of a plan: project, service, ledger and forecast.

use jiff::Timestamp;

use super::out;
use crate::ledger::LedgerVersion;
use crate::manifest::{Project, Settings};
use crate::plan::Plan;
use crate::plan::saved::PlanHead;

/// Returns the head of a plan that was made now. `ledger`: none if there is no ledger yet.
pub(in crate::cli) fn head(
    project: &Project,
    ledger: Option<LedgerVersion>,
    plan: &Plan,
    now: Timestamp,
) -> PlanHead {
    let settings = &project.settings;
    let (ledger_id, serial) = match ledger {
        Some(version) => (Some(version.id), version.serial),
        None => (None, 0),
    };
    PlanHead {
        treaty: env!("CARGO_PKG_VERSION").to_owned(),
        project: project.name.clone(),
        environment: settings.environment.clone(),
        endpoint: settings.endpoint.to_string(),
        ledger: shown_ledger(settings),
        ledger_id,
        serial,
        made: now.as_millisecond(),
        seconds: seconds(plan, settings),
        rate: settings.limits.rate.map(|rate| rate.0.to_string()),
    }
}

fn shown_ledger(settings: &Settings) -> String {
    out::ledger(&settings.ledger)
}

/// The least number of whole seconds that the requests take.
fn seconds(plan: &Plan, settings: &Settings) -> Option<u64> {
    let limits = &settings.limits;
    let seconds = plan.calls().seconds(limits.rate.map(|rate| rate.0), |op| {
        limits.operations.get(&op).map(|rate| rate.0)
    });
    seconds.map(super::plan_text::whole_seconds)
}
