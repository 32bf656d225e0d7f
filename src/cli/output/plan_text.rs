//! Renders a plan as text and as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::style::{BOLD, DIM, GREEN, RED, RESET, Style, YELLOW};
use super::{env_values, existing_accounts, out};
use crate::api::time;
use crate::ledger::ItemStatus;
use crate::manifest::Settings;
use crate::plan::{FlowPlan, ItemAction, People, Plan, SAMPLES};
use crate::report::{Counts, Status};

/// The color of the symbol of an action.
fn color(symbol: char) -> Style {
    match symbol {
        '+' => GREEN,
        '~' | '?' => YELLOW,
        '!' | '-' | '±' => RED,
        _ => DIM,
    }
}

/// The optional parts of a rendered plan.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Detail {
    /// Unchanged addresses, too.
    pub(in crate::cli) all: bool,
    /// The calls by operation.
    pub(in crate::cli) calls: bool,
}

/// Renders a plan as lines. `now`: the assumed start of the run, for the forecast of its end.
pub(in crate::cli) fn lines(
    plan: &Plan,
    settings: &Settings,
    detail: Detail,
    now: Timestamp,
) -> Vec<String> {
    let mut lines = Vec::new();
    actions(&mut lines, plan, detail.all);
    totals(&mut lines, plan, settings, detail, now);
    for line in &mut lines {
        *line = env_values::masked(line).into_owned();
    }
    lines
}

/// The actions on items in the order of the plan, each with the key of its text.
const ACTIONS: [(ItemAction, &str); 14] = [
    (
        ItemAction::Revoke,
        t_key!("to revoke: the row was removed from the sheet"),
    ),
    (ItemAction::Create, t_key!("to send")),
    (ItemAction::Resume, t_key!("to resume")),
    (ItemAction::Reissue, t_key!("to revoke and send again")),
    (
        ItemAction::Resend,
        t_key!("to send again: the earlier contract has ended"),
    ),
    (
        ItemAction::InDoubt,
        t_key!("in doubt: unknown whether they were sent"),
    ),
    (
        ItemAction::RevokeInterrupted,
        t_key!(
            "whose treaty revoke was interrupted: the contract may still be valid; to finish it, run treaty revoke --target ADDRESS"
        ),
    ),
    (
        ItemAction::Changed,
        t_key!("blocked: the row differs from what was sent"),
    ),
    (ItemAction::Invalid, t_key!("blocked: the row is invalid")),
    (
        ItemAction::Orphaned,
        t_key!("blocked: interrupted while being sent, and the row was removed from the sheet"),
    ),
    (ItemAction::Unchanged, t_key!("unchanged")),
    (ItemAction::Kept, t_key!("kept as sent")),
    (ItemAction::Skipped, t_key!("skipped by where")),
    (
        ItemAction::Excluded,
        t_key!("excluded by --target or --exclude"),
    ),
];

/// Renders the actions on resources and rows.
#[allow(clippy::too_many_lines)]
fn actions(out: &mut Vec<String>, plan: &Plan, all: bool) {
    for (address, symbol, note) in plan.resources.actions() {
        if symbol == '=' && !all {
            continue;
        }
        let note = if note.is_empty() {
            note
        } else {
            format!("  {DIM}{note}{RESET}")
        };
        out.push(format!("{}{symbol}{RESET} {address}{note}", color(symbol)));
    }
    for flow in &plan.flows {
        out.push(format!(
            "{BOLD}flows.{}{RESET}  {}",
            flow.flow,
            out::plural(
                flow.rows.len(),
                t_key!("%{count} row"),
                t_key!("%{count} rows")
            )
        ));
        for (action, words) in ACTIONS {
            let count = flow.counted(action);
            if count == 0 {
                continue;
            }
            let symbol = action.symbol().unwrap_or(' ');
            out.push(format!(
                "  {}{symbol}{RESET} {count} {}{}",
                color(symbol),
                t!(words),
                statuses(flow, action),
            ));
            if matches!(action, ItemAction::Unchanged | ItemAction::Kept) && !all {
                continue;
            }
            let samples: Vec<_> = flow
                .samples
                .iter()
                .filter(|sample| sample.action == action)
                .collect();
            for sample in &samples {
                out.push(match sample.row {
                    Some(row) => {
                        let status = sample.replaced.map(replaced_status);
                        let status =
                            status.map_or(String::new(), |status| format!(", {}", t!(status)));
                        let row = t!("row %{row}", row = row);
                        format!("      {}  {DIM}{row}{status}{RESET}", sample.address)
                    }
                    None => format!("      {}", sample.address),
                });
            }
            if !samples.is_empty() && count > samples.len() as u64 {
                let more = count - samples.len() as u64;
                let more = t!("… and %{count} more", count = more);
                out.push(format!("      {DIM}{more}{RESET}"));
            }
        }
        if flow.without_row > 0 {
            let text = match flow.without_row {
                1 => t!("1 contract without a row in the sheet can still be signed"),
                count => t!(
                    "%{count} contracts without a row in the sheet can still be signed",
                    count = count
                ),
            };
            out.push(format!("    {text}"));
        }
    }
    existing_accounts::write_text(out, &plan.row_accounts, all);
}

/// Returns the recorded statuses of the items with an action that says nothing of them.
fn statuses(flow: &FlowPlan, action: ItemAction) -> String {
    let is_shown = |status: &ItemStatus| match action {
        ItemAction::Reissue | ItemAction::Resend => true,
        ItemAction::Unchanged | ItemAction::Kept => status.has_ended(),
        _ => false,
    };
    let counts = flow.counted_by_status(action).into_iter();
    let counts = counts.filter(|(status, _)| is_shown(status));
    let counts: Vec<String> = counts
        .map(|(status, count)| format!("{count} {}", t!(replaced_status(status))))
        .collect();
    match counts.join(", ") {
        none if none.is_empty() => none,
        counts => format!(" ({counts})"),
    }
}

/// Returns the name of the recorded status of an item.
fn replaced_status(status: ItemStatus) -> &'static str {
    match status {
        ItemStatus::Open => Status::Interrupted,
        ItemStatus::Signed => Status::Signed,
        ItemStatus::Failed => Status::Failed,
        ItemStatus::InDoubt => Status::InDoubt,
        ItemStatus::Archived => Status::Archived,
        ItemStatus::Rejected => Status::Rejected,
        ItemStatus::Expired => Status::Expired,
        ItemStatus::Revoked => Status::Revoked,
        ItemStatus::Waiting => Status::Waiting,
    }
    .word()
}

/// Returns the counts of contracts that need attention although the plan does nothing with them.
fn ended_or_without_row(plan: &Plan) -> Vec<String> {
    let (ended, without_row) = not_sent(plan);
    let ended = ended.into_iter().map(|(word, count)| {
        t!(
            "of these %{count} %{status}",
            count = count,
            status = t!(word)
        )
    });
    let without_row = Some(without_row).filter(|count| *count > 0);
    let without_row =
        without_row.map(|count| t!("%{count} without a row in the sheet", count = count));
    ended.chain(without_row).map(Cow::into_owned).collect()
}

/// Returns the number of contracts of the sheet that were rejected or have expired and are not sent
/// again, by status, and the number of contracts without a row that can still be signed.
pub(super) fn not_sent(plan: &Plan) -> (BTreeMap<&'static str, u64>, u64) {
    let mut ended = BTreeMap::new();
    for flow in &plan.flows {
        for action in [ItemAction::Unchanged, ItemAction::Kept] {
            for (status, count) in flow.counted_by_status(action) {
                if matches!(status, ItemStatus::Rejected | ItemStatus::Expired) {
                    *ended.entry(replaced_status(status)).or_default() += count;
                }
            }
        }
    }
    let without_row = plan.flows.iter().map(|flow| flow.without_row).sum();
    (ended, without_row)
}

/// Describes the people who are asked to sign; none if nobody is.
pub(super) fn people(people: &People) -> Option<String> {
    if people.asked == 0 {
        return None;
    }
    let mut parts = vec![match people.asked {
        count if people.at_most => t!(
            "at most %{count} people will be asked to sign",
            count = count
        ),
        1 => t!("1 person will be asked to sign"),
        count => t!("%{count} people will be asked to sign", count = count),
    }];
    if people.signatures != people.asked {
        parts.push(t!("%{count} signatures", count = people.signatures));
    }
    if people.again > 0 {
        parts.push(t!("%{count} asked again", count = people.again));
    }
    let channel = |name: &str| match name {
        "sms" => t!("SMS"),
        "email" => t!("e-mail"),
        _ => t!("Alipay"),
    };
    let notices = people.notices.iter();
    parts.extend(notices.map(|(name, count)| {
        t!(
            "%{count} by %{channel}",
            count = count,
            channel = channel(name)
        )
    }));
    if people.without_notice > 0 {
        parts.push(t!(
            "%{count} without a notice: send them the links of the report",
            count = people.without_notice
        ));
    }
    Some(parts.join(&t!("; ")))
}

/// Returns the people who are asked to sign as JSON.
fn people_json(people: &People) -> serde_json::Value {
    let notices: BTreeMap<&str, u64> = people.notices.iter().copied().collect();
    serde_json::json!({
        "asked": people.asked,
        "atMost": people.at_most,
        "again": people.again,
        "signatures": people.signatures,
        "notices": notices,
        "withoutNotice": people.without_notice,
    })
}

/// Renders the counts and the forecast.
fn totals(out: &mut Vec<String>, plan: &Plan, settings: &Settings, detail: Detail, now: Timestamp) {
    let counted: Vec<String> = [
        ('-', t_key!("to delete or revoke")),
        ('+', t_key!("to create")),
        ('~', t_key!("to update")),
        ('±', t_key!("to reissue")),
        ('?', t_key!("in doubt")),
        ('!', t_key!("blocked")),
        ('=', t_key!("unchanged")),
    ]
    .into_iter()
    .filter_map(|(symbol, words)| {
        let count = plan.count(symbol);
        (count > 0).then(|| format!("{count} {}", t!(words)))
    })
    .chain(ended_or_without_row(plan))
    .collect();
    let summary = if counted.is_empty() {
        t!("no resources and no rows").into_owned()
    } else {
        counted.join(&t!(", "))
    };
    out.extend([
        String::new(),
        format!("{BOLD}{}{RESET} {summary}", t!("Plan:")),
    ]);
    if plan.is_empty() {
        out.push(t!("No changes.").into_owned());
        return;
    }
    out.extend(
        people(&plan.people).map(|people| format!("{BOLD}{}{RESET} {people}", t!("People:"))),
    );
    let calls = plan.calls();
    let total = if detail.calls {
        t!("at most %{count}, without lookups", count = calls.total())
    } else {
        t!(
            "at most %{count}, without lookups; -v lists them by operation",
            count = calls.total()
        )
    };
    let total = format!("{BOLD}{}{RESET} {total}", t!("Calls:"));
    out.extend([String::new(), total]);
    for (op, count) in calls.iter().filter(|_| detail.calls) {
        out.push(format!("  {count:>8}  {op}"));
    }
    let limits = &settings.limits;
    let seconds = calls.seconds(limits.rate.map(|rate| rate.0), |op| {
        limits.operations.get(&op).map(|rate| rate.0)
    });
    let Some(seconds) = seconds else {
        let text = t!("no rate limit is set");
        out.push(format!("{BOLD}{}{RESET} {text}", t!("Time:")));
        return;
    };
    let rate = limits.rate.map(|rate| t!(" at %{rate}/s", rate = rate.0));
    let end = ends(now, seconds).map(|end| t!("; started now, it ends at %{end}", end = end));
    let (rate, end) = (rate.unwrap_or_default(), end.unwrap_or_default());
    out.push(format!(
        "{BOLD}{}{RESET} {}{rate}{end}",
        t!("Time:"),
        duration(seconds)
    ));
}

/// The time at which a run of this length ends, to the minute; none for less than a minute.
fn ends(now: Timestamp, seconds: f64) -> Option<String> {
    let end = now
        .checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?)
        .ok()?;
    let end = time::local(end).strftime("%Y-%m-%d %H:%M").to_string();
    (seconds >= 60.0).then_some(end)
}

/// Prints the number of items of each flow by status.
pub(in crate::cli) fn print_counts(items: &BTreeMap<String, Counts>) {
    for (flow, counts) in items {
        let counted: Vec<String> = counts
            .iter()
            .map(|(status, count)| format!("{count} {}", status.label()))
            .collect();
        let counted = match counted.join(", ") {
            none if none.is_empty() => t!("no rows").into_owned(),
            counted => counted,
        };
        out::line(format_args!("{BOLD}flows.{flow}{RESET}  {counted}"));
    }
}

/// Formats a duration in its two largest units.
pub(in crate::cli) fn duration(seconds: f64) -> String {
    // Rounded up to whole seconds; forecasts are far below the limit of the type.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = seconds.ceil() as u64;
    match whole {
        0..=59 => t!("%{seconds} s", seconds = whole),
        60..=3599 => t!(
            "%{minutes} min %{seconds} s",
            minutes = whole / 60,
            seconds = format!("{:02}", whole % 60)
        ),
        _ => t!(
            "%{hours} h %{minutes} min",
            hours = whole / 3600,
            minutes = format!("{:02}", whole / 60 % 60)
        ),
    }
    .into_owned()
}

/// Renders a plan as JSON.
pub(in crate::cli) fn json(plan: &Plan, settings: &Settings) -> serde_json::Value {
    let calls = plan.calls();
    let limits = &settings.limits;
    let (ended, without_row) = not_sent(plan);
    serde_json::json!({
        "environment": settings.environment,
        "endpoint": settings.endpoint.to_string(),
        "changes": !plan.is_empty(),
        "counts": {
            "delete": plan.count('-'),
            "create": plan.count('+'),
            "update": plan.count('~'),
            "reissue": plan.count('±'),
            "inDoubt": plan.count('?'),
            "blocked": plan.count('!'),
            "unchanged": plan.count('='),
            "rejected": ended.get("rejected").copied().unwrap_or(0),
            "expired": ended.get("expired").copied().unwrap_or(0),
            "withoutRow": without_row,
        },
        "people": people_json(&plan.people),
        "resources": plan.resources.actions().map(|(address, symbol, note)| serde_json::json!({
            "address": address.to_string(), "action": symbol.to_string(), "note": note,
        })).collect::<Vec<_>>(),
        "flows": plan.flows.iter().map(|flow| serde_json::json!({
            "flow": flow.flow,
            "rows": flow.rows.len(),
            "send": flow.counted(ItemAction::Create),
            "resume": flow.counted(ItemAction::Resume),
            "reissue": flow.counted(ItemAction::Reissue) + flow.counted(ItemAction::Resend),
            "unchanged": flow.counted(ItemAction::Unchanged) + flow.counted(ItemAction::Kept),
            "changed": flow.counted(ItemAction::Changed),
            "invalid": flow.counted(ItemAction::Invalid),
            "revoke": flow.counted(ItemAction::Revoke),
            "stranded": flow.counted(ItemAction::Orphaned),
            "inDoubt": flow.counted(ItemAction::InDoubt),
            "revokeInterrupted": flow.counted(ItemAction::RevokeInterrupted),
            "skipped": flow.counted(ItemAction::Skipped) + flow.counted(ItemAction::Excluded),
            "samplesOfEachKind": SAMPLES,
            "items": flow.samples.iter().map(|sample| serde_json::json!({
                "address": sample.address.to_string(),
                "action": sample.action.symbol().unwrap_or(' ').to_string(),
                "row": sample.row,
                "replaces": sample.replaced.map(replaced_status),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "rowAccounts": existing_accounts::json(&plan.row_accounts),
        "calls": calls.iter().map(|(op, count)| (op.path(), count)).collect::<std::collections::BTreeMap<_, _>>(),
        "callsTotal": calls.total(),
        "seconds": calls.seconds(limits.rate.map(|rate| rate.0), |op| limits.operations.get(&op).map(|rate| rate.0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forecasts_the_end_of_runs_of_a_minute_or_more() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(ends(now, 59.0), None);
        assert_eq!(
            ends(now, 20.0 * 3600.0).as_deref(),
            Some("1970-01-02 04:00")
        );
        assert_eq!(ends(now, f64::INFINITY), None);
    }

    #[test]
    fn formats_durations_in_two_units() {
        assert_eq!(duration(0.2), "1 s");
        assert_eq!(duration(75.0), "1 min 15 s");
        assert_eq!(duration(20_000.0), "5 h 33 min");
    }
}
