//! Renders a plan as Markdown, for the description of a merge request. Names and notes are shown as
//! they are: no markup, HTML, mention or link in them takes effect.

use super::plan_text::{duration, not_sent, people};
use super::{env_values, existing_accounts};
use crate::manifest::Settings;
use crate::plan::{ItemAction, Plan};
use crate::util::escape::escaped;

/// Renders the actions on resources, the counts of each flow, and the calls, as lines. Values of
/// environment variables are masked.
pub(in crate::cli) fn lines(plan: &Plan, settings: &Settings) -> Vec<String> {
    let mut out = Vec::new();
    write_plan(&mut out, plan, settings);
    out
}

/// Returns a text without markup: punctuation that has a meaning in Markdown or HTML is written as
/// character references.
fn text(foreign: &str) -> String {
    let masked = env_values::masked(foreign);
    let mut out = String::new();
    for character in escaped(&masked).chars() {
        if "&<>[]`*_|~#@\\$".contains(character) {
            out.push_str(&reference(character));
        } else {
            out.push(character);
        }
    }
    // Addresses become links without markup.
    out.replace("://", &format!("{}//", reference(':')))
        .replace("www.", &format!("www{}", reference('.')))
}

fn reference(character: char) -> String {
    format!("&#{};", u32::from(character))
}

/// Returns a text as code for the cell of a table.
fn code(foreign: &str) -> String {
    if foreign.contains(['`', '|', '\\']) {
        return format!("<code>{}</code>", text(foreign));
    }
    format!("`{}`", escaped(&env_values::masked(foreign)))
}

fn write_plan(out: &mut Vec<String>, plan: &Plan, settings: &Settings) {
    let environment = format!("### Plan for {}", text(&settings.environment));
    out.extend([environment, String::new()]);
    if plan.is_empty() {
        out.extend(["No changes.".to_owned(), String::new()]);
    }
    for own in &plan.moves {
        let (from, to) = (
            code(&format!("flows.{}", own.from)),
            code(&format!("flows.{}", own.to)),
        );
        let line = format!(
            "{from} is renamed to {to}: {} recorded contracts keep their keys.",
            own.items
        );
        out.extend([line, String::new()]);
    }
    let changed = plan.resources.actions();
    let changed = changed.filter(|(_, symbol, _)| *symbol != '=');
    let undeclared = plan.undeclared.iter();
    let undeclared = undeclared.map(|own| (own.address.clone(), own.symbol(), own.note()));
    let resources: Vec<_> = changed.chain(undeclared).collect();
    if !resources.is_empty() {
        out.extend(["| | address | |", "|---|---|---|"].map(str::to_owned));
        for (address, symbol, note) in resources {
            let (address, note) = (code(&address.to_string()), text(&note));
            out.push(format!("| `{symbol}` | {address} | {note} |"));
        }
        out.push(String::new());
    }
    if !plan.flows.is_empty() {
        let head = "| flow | rows | revoke | send | resume | reissue | unchanged | blocked | in doubt | excluded |";
        let line = "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|";
        out.extend([head, line].map(str::to_owned));
    }
    for flow in &plan.flows {
        let sum = |one, other| flow.counted(one) + flow.counted(other);
        out.push(format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            code(&flow.flow),
            flow.rows.len(),
            flow.revocations(),
            flow.counted(ItemAction::Create),
            flow.counted(ItemAction::Resume),
            sum(ItemAction::Reissue, ItemAction::Resend),
            sum(ItemAction::Unchanged, ItemAction::Kept),
            sum(ItemAction::Changed, ItemAction::Invalid) + flow.counted(ItemAction::Orphaned),
            sum(ItemAction::InDoubt, ItemAction::RevokeInterrupted),
            sum(ItemAction::Skipped, ItemAction::Excluded),
        ));
    }
    for (is_kept, words) in [(false, "are updated"), (true, "are used as they are")] {
        let mut accounts = plan.row_accounts.existing(is_kept).peekable();
        if accounts.peek().is_none() {
            continue;
        }
        let heading = format!("Existing accounts of rows, not created by treaty, that {words}:");
        out.extend([String::new(), heading, String::new()]);
        out.extend(accounts.map(|account| {
            format!(
                "- {} {} ({}, row {}){}",
                code(&account.item.to_string()),
                text(&account.account),
                text(&account.third_id),
                account.row,
                text(&existing_accounts::changes(account))
            )
        }));
    }
    if let Some(line) = existing_accounts::unobserved(&plan.row_accounts) {
        out.extend([String::new(), line]);
    }
    let (ended, without_row) = not_sent(plan);
    let mut notes: Vec<String> = ended
        .into_iter()
        .map(|(word, count)| {
            format!("Unchanged contracts that are {word} and are not sent again: {count}.")
        })
        .collect();
    if without_row > 0 {
        notes.push(format!(
            "Contracts without a row in the sheet that can still be signed: {without_row}."
        ));
    }
    notes.extend(people(&plan.people).map(|people| format!("{people}.")));
    for note in notes {
        out.extend([String::new(), note]);
    }
    let calls = plan.calls();
    if calls.total() > 0 {
        out.extend(["", "| calls | operation |", "|--:|---|"].map(str::to_owned));
        for (op, count) in calls.iter() {
            out.push(format!("| {count} | `{op}` |"));
        }
        let limits = &settings.limits;
        let operation_rate = |op| limits.operations.get(&op).map(|rate| rate.0);
        if let Some(seconds) = calls.seconds(limits.rate.map(|rate| rate.0), operation_rate) {
            out.extend([
                String::new(),
                format!(
                    "{} calls, {} at the configured rate.",
                    calls.total(),
                    duration(seconds)
                ),
            ]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_notes_have_no_markup() {
        assert_eq!(
            text("grant silent signing, 2 (two)"),
            "grant silent signing, 2 (two)"
        );
        assert_eq!(
            text("<img>|@all\n[x](https://e)"),
            "&#60;img&#62;&#124;&#64;all&#92;n&#91;x&#93;(https&#58;//e)"
        );
        assert_eq!(code("seals[\"a\"][\"<b>\"]"), "`seals[\"a\"][\"<b>\"]`");
        assert_eq!(code("a`|<b>"), "<code>a&#96;&#124;&#60;b&#62;</code>");
        assert_eq!(code("a\u{9b}"), "`a\\u{9b}`");
    }
}
