//! Renders a plan as Markdown, for the comment of a pull request. Names and notes are shown as they
//! are: no markup, HTML, mention or link in them takes effect.
//!
//! The first line is a marker, by which a bot finds its earlier comment and replaces it. The actions
//! are in a section that is collapsed.

use super::plan_text::{duration, ledger, not_sent, people, replaced_status, total};
use super::{env_values, existing_accounts, plan_changes};
use crate::plan::saved::PlanHead;
use crate::plan::{ItemAction, Plan, Sample};
use crate::util::escape::escaped;

/// Renders a plan as lines. Values of environment variables are masked.
pub(in crate::cli) fn lines(plan: &Plan, head: &PlanHead, all: bool) -> Vec<String> {
    let mut out = vec![
        marker(head),
        format!(
            "### {}",
            text(&t!(
                "Plan for %{environment}",
                environment = head.environment
            ))
        ),
        String::new(),
        format!("**{}**", text(&total(plan))),
        String::new(),
        format!("{} {}", t!("Ledger:"), text(&ledger(head))),
    ];
    if plan.is_empty() {
        out.extend([String::new(), t!("No changes.").into_owned()]);
    }
    write_notes(&mut out, plan);
    let summary = format!("<details><summary>{}</summary>", t!("Actions"));
    out.extend([String::new(), summary, String::new()]);
    write_moves(&mut out, plan);
    write_resources(&mut out, plan);
    write_flows(&mut out, plan, all);
    write_accounts(&mut out, plan);
    write_calls(&mut out, plan, head);
    out.extend(["", "</details>"].map(str::to_owned));
    out
}

/// The comment that identifies the plan of a project and an environment.
fn marker(head: &PlanHead) -> String {
    let name = |text: &str| -> String {
        let characters = text.chars();
        characters
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect()
    };
    let (project, environment) = (name(&head.project), name(&head.environment));
    format!("<!-- treaty plan: {project} {environment} -->")
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

fn write_notes(out: &mut Vec<String>, plan: &Plan) {
    let (ended, without_row) = not_sent(plan);
    let mut notes: Vec<String> = ended
        .into_iter()
        .map(|(word, count)| {
            t!(
                "Unchanged contracts that are %{status} and are not sent again: %{count}.",
                status = t!(word),
                count = count
            )
            .into_owned()
        })
        .collect();
    if without_row > 0 {
        let note = t!(
            "Contracts without a row in the sheet that can still be signed: %{count}.",
            count = without_row
        );
        notes.push(note.into_owned());
    }
    notes.extend(people(&plan.people).map(|people| t!("%{text}.", text = people).into_owned()));
    for note in notes {
        out.extend([String::new(), note]);
    }
}

fn write_moves(out: &mut Vec<String>, plan: &Plan) {
    for own in &plan.moves {
        let (from, to) = (
            code(&format!("flows.{}", own.from)),
            code(&format!("flows.{}", own.to)),
        );
        let line = t!(
            "%{from} is renamed to %{to}: %{count} recorded contracts keep their keys.",
            from = from,
            to = to,
            count = own.items
        );
        out.extend([line.into_owned(), String::new()]);
    }
}

fn write_resources(out: &mut Vec<String>, plan: &Plan) {
    let entries = plan.resources.entries();
    let changed = entries.filter(|entry| entry.action.symbol() != '=');
    let changed = changed.map(|entry| {
        let note = plan_changes::resource(&entry);
        (entry.action.symbol(), entry.address, note)
    });
    let undeclared = plan.undeclared.iter();
    let undeclared = undeclared.map(|own| (own.symbol(), own.address.clone(), own.note()));
    let entries: Vec<_> = changed.chain(undeclared).collect();
    if entries.is_empty() {
        return;
    }
    out.extend([
        format!("| | {} | |", t!("address")),
        "|---|---|---|".to_owned(),
    ]);
    for (symbol, address, note) in entries {
        let (address, note) = (code(&address.to_string()), text(&note));
        out.push(format!("| `{symbol}` | {address} | {note} |"));
    }
    out.push(String::new());
}

fn write_flows(out: &mut Vec<String>, plan: &Plan, all: bool) {
    if plan.flows.is_empty() {
        return;
    }
    let head = t!(
        "| flow | rows | revoke | send | resume | reissue | unchanged | blocked | in doubt | excluded |"
    );
    let line = "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|";
    out.extend([head.into_owned(), line.to_owned()]);
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
    let listed = plan.flows.iter().flat_map(|flow| {
        let actions = [
            ItemAction::Revoke,
            ItemAction::Reissue,
            ItemAction::Resend,
            ItemAction::Changed,
            ItemAction::Orphaned,
            ItemAction::InDoubt,
            ItemAction::RevokeInterrupted,
        ];
        actions
            .into_iter()
            .flat_map(move |action| flow.listed(action, all))
    });
    let mut listed = listed.peekable();
    if listed.peek().is_some() {
        let head = t!("| | contract | row | |").into_owned();
        out.extend([String::new(), head, "|---|---|--:|---|".to_owned()]);
        out.extend(listed.map(item));
    }
}

fn item(sample: &Sample) -> String {
    let mut notes = vec![sample.action.label().into_owned()];
    notes.extend(
        sample
            .replaced
            .map(|status| t!(replaced_status(status)).into_owned()),
    );
    notes.extend(sample.difference.as_ref().map(plan_changes::difference));
    format!(
        "| `{}` | {} | {} | {} |",
        sample.action.symbol().unwrap_or(' '),
        code(&sample.address.to_string()),
        sample.row.map_or(String::new(), |row| row.to_string()),
        text(&notes.join("; "))
    )
}

fn write_accounts(out: &mut Vec<String>, plan: &Plan) {
    for (is_kept, heading) in [
        (
            false,
            t_key!("Existing accounts of rows, not created by treaty, that are updated:"),
        ),
        (
            true,
            t_key!("Existing accounts of rows, not created by treaty, that are used as they are:"),
        ),
    ] {
        let mut accounts = plan.row_accounts.existing(is_kept).peekable();
        if accounts.peek().is_none() {
            continue;
        }
        out.extend([String::new(), t!(heading).into_owned(), String::new()]);
        out.extend(accounts.map(|account| {
            t!(
                "- %{item} %{account} (%{third_id}, row %{row})%{changes}",
                item = code(&account.item.to_string()),
                account = text(&account.account),
                third_id = text(&account.third_id),
                row = account.row,
                changes = text(&existing_accounts::changes(account))
            )
            .into_owned()
        }));
    }
    if let Some(line) = existing_accounts::unobserved(&plan.row_accounts) {
        out.extend([String::new(), line]);
    }
}

fn write_calls(out: &mut Vec<String>, plan: &Plan, head: &PlanHead) {
    let calls = plan.calls();
    if calls.total() == 0 {
        return;
    }
    let columns = t!("| calls | operation |").into_owned();
    out.extend([String::new(), columns, "|--:|---|".to_owned()]);
    for (op, count) in calls.iter() {
        out.push(format!("| {count} | `{op}` |"));
    }
    if let Some(seconds) = head.seconds {
        let (total, time) = (calls.total(), duration(seconds));
        out.extend([
            String::new(),
            t!(
                "%{total} calls, %{time} at the configured rate.",
                total = total,
                time = time
            )
            .into_owned(),
        ]);
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
