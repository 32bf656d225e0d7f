//! Renders a plan as text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::style::{BOLD, DIM, GREEN, RED, RESET, Style, YELLOW};
use super::{env_values, existing_accounts, moves, out, plan_changes, undeclared};
use crate::api::time;
use crate::ledger::ItemStatus;
use crate::plan::saved::PlanHead;
use crate::plan::{FlowPlan, ItemAction, People, Plan};
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
    head: &PlanHead,
    detail: Detail,
    now: Timestamp,
) -> Vec<String> {
    let mut lines = vec![labeled(t_key!("Ledger:"), &ledger(head))];
    actions(&mut lines, plan, detail.all);
    totals(&mut lines, plan, head, detail, now);
    for line in &mut lines {
        *line = env_values::masked(line).into_owned();
    }
    lines
}

/// Describes the ledger of a plan. An empty one is named: every row counts as never sent.
pub(super) fn ledger(head: &PlanHead) -> String {
    let file = &head.ledger;
    match &head.ledger_id {
        None => t!(
            "none yet (%{file}): every row counts as never sent",
            file = file
        ),
        Some(id) if head.serial == 0 => t!(
            "%{id}, serial 0, empty (%{file}): every row counts as never sent",
            id = short_id(id),
            file = file
        ),
        Some(id) => t!(
            "%{id}, serial %{serial} (%{file})",
            id = short_id(id),
            serial = head.serial,
            file = file
        ),
    }
    .into_owned()
}

/// The first characters of a ledger's id.
fn short_id(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// The actions on items in the order of the plan, each with the key of its text.
const ACTIONS: [(ItemAction, &str); 14] = [
    (
        ItemAction::Revoke,
        t_key!("%{count} to revoke: the row was removed from the sheet"),
    ),
    (ItemAction::Create, t_key!("%{count} to send")),
    (ItemAction::Resume, t_key!("%{count} to resume")),
    (
        ItemAction::Reissue,
        t_key!("%{count} to revoke and send again"),
    ),
    (
        ItemAction::Resend,
        t_key!("%{count} to send again: the earlier contract has ended"),
    ),
    (
        ItemAction::InDoubt,
        t_key!("%{count} in doubt: unknown whether they were sent"),
    ),
    (
        ItemAction::RevokeInterrupted,
        t_key!(
            "%{count} whose treaty revoke was interrupted: the contract may still be valid; to finish it, run treaty revoke --target ADDRESS"
        ),
    ),
    (
        ItemAction::Changed,
        t_key!("%{count} blocked: the row differs from what was sent"),
    ),
    (
        ItemAction::Invalid,
        t_key!("%{count} blocked: the row is invalid"),
    ),
    (
        ItemAction::Orphaned,
        t_key!(
            "%{count} blocked: interrupted while being sent, and the row was removed from the sheet"
        ),
    ),
    (ItemAction::Unchanged, t_key!("%{count} unchanged")),
    (ItemAction::Kept, t_key!("%{count} kept as sent")),
    (ItemAction::Skipped, t_key!("%{count} skipped by where")),
    (
        ItemAction::Excluded,
        t_key!("%{count} excluded by --target or --exclude"),
    ),
];

/// Renders the actions on resources and rows.
#[allow(clippy::too_many_lines)]
fn actions(out: &mut Vec<String>, plan: &Plan, all: bool) {
    moves::write_text(out, &plan.moves);
    for entry in plan.resources.entries() {
        let (address, symbol) = (&entry.address, entry.action.symbol());
        if symbol == '=' && !all {
            continue;
        }
        let note = plan_changes::resource(&entry);
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
                "  {}{symbol}{RESET} {}{}",
                color(symbol),
                t!(words, count = count),
                statuses(flow, action),
            ));
            if matches!(action, ItemAction::Unchanged | ItemAction::Kept) && !all {
                continue;
            }
            let samples: Vec<_> = flow.listed(action, all).collect();
            for sample in &samples {
                out.push(match sample.row {
                    Some(row) => {
                        let status = sample.replaced.map(replaced_status);
                        let status = status.map_or(String::new(), |status| {
                            format!("{}{}", t!(", "), t!(status))
                        });
                        let row = t!("row %{row}", row = row);
                        let difference = sample.difference.as_ref();
                        let difference = difference.map(plan_changes::difference);
                        let difference =
                            difference.map(|text| t!(": %{text}", text = text).into_owned());
                        let difference = difference.unwrap_or_default();
                        format!(
                            "      {}  {DIM}{row}{status}{difference}{RESET}",
                            sample.address
                        )
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
    undeclared::write_text(out, &plan.undeclared);
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
        .map(|(status, count)| {
            let status = t!(replaced_status(status));
            t!("%{count} %{status}", count = count, status = status).into_owned()
        })
        .collect();
    match counts.join(&t!(", ")) {
        none if none.is_empty() => none,
        counts => t!(" (%{text})", text = counts).into_owned(),
    }
}

/// Returns the name of the recorded status of an item.
pub(super) fn replaced_status(status: ItemStatus) -> &'static str {
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

/// Returns the counts of all actions in a line.
pub(super) fn total(plan: &Plan) -> String {
    let counted: Vec<String> = [
        ('-', t_key!("%{count} to delete or revoke")),
        ('+', t_key!("%{count} to create")),
        ('~', t_key!("%{count} to update")),
        ('±', t_key!("%{count} to reissue")),
        ('?', t_key!("%{count} in doubt")),
        ('!', t_key!("%{count} blocked")),
        ('=', t_key!("%{count} unchanged")),
    ]
    .into_iter()
    .filter_map(|(symbol, words)| {
        let count = plan.count(symbol);
        (count > 0).then(|| t!(words, count = count).into_owned())
    })
    .chain(ended_or_without_row(plan))
    .collect();
    if counted.is_empty() {
        t!("no resources and no rows").into_owned()
    } else {
        counted.join(&t!(", "))
    }
}

/// Renders the counts and the forecast.
fn totals(out: &mut Vec<String>, plan: &Plan, head: &PlanHead, detail: Detail, now: Timestamp) {
    out.extend([String::new(), labeled(t_key!("Plan:"), &total(plan))]);
    if plan.is_empty() {
        out.push(t!("No changes.").into_owned());
        return;
    }
    out.extend(people(&plan.people).map(|people| labeled(t_key!("People:"), &people)));
    let calls = plan.calls();
    let total = if detail.calls {
        t!("at most %{count}, without lookups", count = calls.total())
    } else {
        t!(
            "at most %{count}, without lookups; -v lists them by operation",
            count = calls.total()
        )
    };
    out.extend([String::new(), labeled(t_key!("Calls:"), &total)]);
    for (op, count) in calls.iter().filter(|_| detail.calls) {
        out.push(format!("  {count:>8}  {op}"));
    }
    let Some(seconds) = head.seconds else {
        out.push(labeled(t_key!("Time:"), &t!("no rate limit is set")));
        return;
    };
    let rate = head.rate.as_ref();
    let rate = rate.map(|rate| t!(" at %{rate}/s", rate = rate));
    let end = ends(now, seconds).map(|end| t!("; started now, it ends at %{end}", end = end));
    let (rate, end) = (rate.unwrap_or_default(), end.unwrap_or_default());
    let time = format!("{}{rate}{end}", duration(seconds));
    out.push(labeled(t_key!("Time:"), &time));
}

/// Returns a text after its label. The label is a key; a full-width colon needs no blank.
pub(super) fn labeled(label: &str, text: &str) -> String {
    let label = t!(label);
    let blank = if label.ends_with('：') { "" } else { " " };
    format!("{BOLD}{label}{RESET}{blank}{text}")
}

/// The time at which a run of this length ends, to the minute; none for less than a minute.
fn ends(now: Timestamp, seconds: u64) -> Option<String> {
    let end = now
        .checked_add(SignedDuration::from_secs(i64::try_from(seconds).ok()?))
        .ok()?;
    let end = time::local(end).strftime("%Y-%m-%d %H:%M").to_string();
    (seconds >= 60).then_some(end)
}

/// Prints the number of items of each flow by status.
pub(in crate::cli) fn print_counts(items: &BTreeMap<String, Counts>) {
    for (flow, counts) in items {
        let counted: Vec<String> = counts
            .iter()
            .map(|(status, count)| status.counted(*count))
            .collect();
        let counted = match counted.join(&t!(", ")) {
            none if none.is_empty() => t!("no rows").into_owned(),
            counted => counted,
        };
        out::line(format_args!("{BOLD}flows.{flow}{RESET}  {counted}"));
    }
}

/// Rounds a number of seconds up.
pub(super) fn whole_seconds(seconds: f64) -> u64 {
    // Forecasts are far below the limit of the type, and a larger number becomes the largest one.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = seconds.ceil() as u64;
    whole
}

/// Formats a duration in seconds in its two largest units.
pub(in crate::cli) fn duration(whole: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forecasts_the_end_of_runs_of_a_minute_or_more() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(ends(now, 59), None);
        assert_eq!(ends(now, 20 * 3600).as_deref(), Some("1970-01-02 04:00"));
        assert_eq!(ends(now, u64::MAX), None);
    }

    #[test]
    fn formats_durations_in_two_units() {
        assert_eq!(duration(1), "1 s");
        assert_eq!(duration(75), "1 min 15 s");
        assert_eq!(duration(20_000), "5 h 33 min");
    }
}
