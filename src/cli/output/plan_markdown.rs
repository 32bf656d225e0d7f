//! Renders a plan as Markdown, for the description of a merge request.

use std::fmt::Write;

use super::existing_accounts;
use super::plan_text::duration;
use crate::manifest::Settings;
use crate::plan::{ItemAction, Plan};

/// Renders the actions on resources, the counts of each flow, and the calls.
pub(in crate::cli) fn render(plan: &Plan, settings: &Settings) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_plan(&mut out, plan, settings);
    out
}

fn write_plan(out: &mut String, plan: &Plan, settings: &Settings) -> std::fmt::Result {
    writeln!(out, "### Plan for {}\n", settings.environment)?;
    if plan.is_empty() {
        writeln!(out, "No changes.\n")?;
    }
    let resources: Vec<_> = plan
        .resources
        .actions()
        .filter(|(_, symbol, _)| *symbol != '=')
        .collect();
    if !resources.is_empty() {
        writeln!(out, "| | address | |\n|---|---|---|")?;
        for (address, symbol, note) in resources {
            writeln!(out, "| `{symbol}` | `{address}` | {note} |")?;
        }
        writeln!(out)?;
    }
    if !plan.flows.is_empty() {
        writeln!(
            out,
            "| flow | rows | revoke | send | resume | reissue | unchanged | blocked | in doubt | excluded |"
        )?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    }
    for flow in &plan.flows {
        let sum = |one, other| flow.counted(one) + flow.counted(other);
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            flow.flow,
            flow.rows.len(),
            flow.revocations(),
            flow.counted(ItemAction::Create),
            flow.counted(ItemAction::Resume),
            flow.counted(ItemAction::Reissue),
            sum(ItemAction::Unchanged, ItemAction::Kept),
            sum(ItemAction::Changed, ItemAction::Invalid) + flow.counted(ItemAction::Orphaned),
            flow.counted(ItemAction::InDoubt),
            sum(ItemAction::Skipped, ItemAction::Excluded),
        )?;
    }
    for (is_kept, words) in [(false, "are updated"), (true, "are used as they are")] {
        let mut accounts = plan.row_accounts.existing(is_kept).peekable();
        if accounts.peek().is_none() {
            continue;
        }
        writeln!(
            out,
            "\nExisting accounts of rows, not created by treaty, that {words}:\n"
        )?;
        for account in accounts {
            writeln!(
                out,
                "- `{}` {} ({}, row {})",
                account.item, account.account, account.third_id, account.row
            )?;
        }
    }
    if let Some(text) = existing_accounts::unobserved(&plan.row_accounts) {
        writeln!(out, "\n{text}")?;
    }
    let calls = plan.calls();
    if calls.total() > 0 {
        writeln!(out, "\n| calls | operation |\n|--:|---|")?;
        for (op, count) in calls.iter() {
            writeln!(out, "| {count} | `{op}` |")?;
        }
        let limits = &settings.limits;
        let operation_rate = |op| limits.operations.get(&op).map(|rate| rate.0);
        if let Some(seconds) = calls.seconds(limits.rate.map(|rate| rate.0), operation_rate) {
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
