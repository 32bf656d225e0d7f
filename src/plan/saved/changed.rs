//! The differences between a saved plan and one that was made now from the same inputs: the service
//! has changed, an environment variable, a file, or the time.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::plan::Plan;
use crate::plan::diff::{FlowPlan, PlannedRow, ResourceAction, ResourceEntry};

/// The most differences that are named.
const MOST_NAMED: usize = 10;

/// Returns the differences, by resource and by row.
pub(super) fn changed(planned: &Plan, now: &Plan) -> Vec<String> {
    let mut changes = resources(planned, now);
    let mut flows = now.flows.iter();
    for flow in &planned.flows {
        match flows.next().filter(|now| now.flow == flow.flow) {
            Some(now) => rows(flow, now, &mut changes),
            None => changes.push(t!("flows.%{flow} differs", flow = flow.flow).into_owned()),
        }
    }
    if planned.moves != now.moves {
        changes.push(t!("other flows are renamed").into_owned());
    }
    undeclared(planned, now, &mut changes);
    let is_equal = changes.is_empty()
        && flows.next().is_none()
        && planned.resources.is_saved_like(&now.resources)
        && planned.row_accounts == now.row_accounts
        && planned.people == now.people
        && planned.calls() == now.calls();
    if changes.is_empty() && !is_equal {
        changes.push(t!("the accounts or seals at the service are others").into_owned());
    }
    let more = changes.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        changes.truncate(MOST_NAMED);
        changes.push(t!("%{count} more", count = more).into_owned());
    }
    changes
}

/// Adds what became undeclared or declared again, and other removals.
fn undeclared(planned: &Plan, now: &Plan, changes: &mut Vec<String>) {
    let differing = |these: &Plan, those: &Plan| -> Vec<Address> {
        let these = these.undeclared.iter();
        let differing = these.filter(|own| !those.undeclared.contains(own));
        differing.map(|own| own.address.clone()).collect()
    };
    let mut addresses = differing(planned, now);
    addresses.extend(differing(now, planned));
    addresses.sort();
    addresses.dedup();
    changes.extend(addresses.iter().map(|address| {
        t!(
            "%{address}: what is no longer declared, or its removal, differs",
            address = address
        )
        .into_owned()
    }));
}

fn resources(planned: &Plan, now: &Plan) -> Vec<String> {
    let by_address = |plan: &Plan| -> BTreeMap<Address, (ResourceAction, String)> {
        let entries = plan.resources.entries();
        entries
            .map(|entry: ResourceEntry<'_>| {
                let fields: Vec<&str> = entry
                    .changes
                    .iter()
                    .map(|change| change.field.as_str())
                    .collect();
                (entry.address, (entry.action, fields.join(", ")))
            })
            .collect()
    };
    let (planned, now) = (by_address(planned), by_address(now));
    let mut changes = Vec::new();
    for (address, action) in &planned {
        if now.get(address) != Some(action) {
            changes.push(difference(address, Some(action), now.get(address)));
        }
    }
    let new = now
        .iter()
        .filter(|(address, _)| !planned.contains_key(address));
    changes.extend(new.map(|(address, action)| difference(address, None, Some(action))));
    changes
}

fn difference(
    address: &Address,
    planned: Option<&(ResourceAction, String)>,
    now: Option<&(ResourceAction, String)>,
) -> String {
    let words = |action: Option<&(ResourceAction, String)>| match action {
        None => ResourceAction::None.word().to_owned(),
        Some((action, fields)) if fields.is_empty() => action.word().to_owned(),
        Some((action, fields)) => format!("{} ({fields})", action.word()),
    };
    t!(
        "%{address}: the plan has %{planned}, now it would be %{now}",
        address = address,
        planned = words(planned),
        now = words(now)
    )
    .into_owned()
}

fn rows(planned: &FlowPlan, now: &FlowPlan, changes: &mut Vec<String>) {
    let is_same = |planned: &PlannedRow, now: &PlannedRow| {
        let has_same_values = planned.fingerprint == now.fingerprint || !planned.action.is_work();
        planned.row == now.row && planned.action == now.action && has_same_values
    };
    let both = planned.rows.iter().zip(&now.rows);
    for (row, now) in both.filter(|(planned, now)| !is_same(planned, now)) {
        changes.push(if row.action == now.action {
            t!(
                "row %{row} of flows.%{flow} has other values",
                row = row.row,
                flow = planned.flow
            )
            .into_owned()
        } else {
            t!(
                "row %{row} of flows.%{flow}: the plan has %{planned}, now it would be %{now}",
                row = row.row,
                flow = planned.flow,
                planned = row.action.word(),
                now = now.action.word()
            )
            .into_owned()
        });
    }
    if planned.rows.len() != now.rows.len() {
        changes.push(
            t!(
                "flows.%{flow} has %{now} rows instead of %{planned}",
                flow = planned.flow,
                now = now.rows.len(),
                planned = planned.rows.len()
            )
            .into_owned(),
        );
    }
    if planned.removed != now.removed {
        changes.push(
            t!(
                "other contracts of flows.%{flow} are without a row",
                flow = planned.flow
            )
            .into_owned(),
        );
    }
}
