//! A plan in Markdown, for the description of a merge request.

use std::fmt::Write;

use super::show::duration;
use crate::manifest::Settings;
use crate::plan::{ItemAction, Plan};

/// The plan's counts, the actions on standing things, and the calls.
pub(super) fn plan(plan: &Plan, settings: &Settings) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_plan(&mut out, plan, settings);
    out
}

fn write_plan(out: &mut String, plan: &Plan, settings: &Settings) -> std::fmt::Result {
    writeln!(out, "### Plan for {}\n", settings.environment)?;
    if plan.is_empty() {
        writeln!(out, "There is nothing to do.\n")?;
    }
    let standing: Vec<_> = plan
        .resources
        .actions()
        .filter(|(_, symbol, _)| *symbol != '=')
        .collect();
    if !standing.is_empty() {
        writeln!(out, "| | address | |\n|---|---|---|")?;
        for (address, symbol, note) in standing {
            writeln!(out, "| `{symbol}` | `{address}` | {note} |")?;
        }
        writeln!(out)?;
    }
    if !plan.flows.is_empty() {
        writeln!(
            out,
            "| flow | rows | revoke | send | go on | reissue | unchanged | blocked | in doubt | left out |"
        )?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    }
    for flow in &plan.flows {
        let both = |one, other| flow.counted(one) + flow.counted(other);
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            flow.flow,
            flow.rows.len(),
            flow.revocations(),
            flow.counted(ItemAction::Create),
            flow.counted(ItemAction::Resume),
            flow.counted(ItemAction::Reissue),
            both(ItemAction::Unchanged, ItemAction::Kept),
            both(ItemAction::Changed, ItemAction::Invalid) + flow.counted(ItemAction::Orphaned),
            flow.counted(ItemAction::InDoubt),
            both(ItemAction::Skipped, ItemAction::Excluded),
        )?;
    }
    let calls = plan.calls();
    if calls.total() > 0 {
        writeln!(out, "\n| calls | operation |\n|--:|---|")?;
        for (op, count) in calls.iter() {
            writeln!(out, "| {count} | `{op}` |")?;
        }
        let limits = &settings.limits;
        let of_operation = |op| limits.operations.get(&op).map(|rate| rate.0);
        if let Some(seconds) = calls.seconds(limits.rate.map(|rate| rate.0), of_operation) {
            writeln!(
                out,
                "\n{} calls, {} at the configured rate.",
                calls.total(),
                duration(seconds)
            )?;
        }
    }
    Ok(())
}
