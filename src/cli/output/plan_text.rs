//! Renders a plan as text and as JSON.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::style::{BOLD, DIM, GREEN, RED, RESET, Style, YELLOW};
use super::{env_values, existing_accounts, out};
use crate::api::time;
use crate::manifest::Settings;
use crate::plan::{ItemAction, Plan, SAMPLES};
use crate::report::Counts;

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

/// Renders the actions on resources and rows.
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
        let kinds = [
            (
                ItemAction::Revoke,
                "to revoke: the row was removed from the sheet",
            ),
            (ItemAction::Create, "to send"),
            (ItemAction::Resume, "to resume"),
            (ItemAction::Reissue, "to revoke and send again"),
            (
                ItemAction::InDoubt,
                "in doubt: unknown whether they were sent",
            ),
            (
                ItemAction::Changed,
                "blocked: the row differs from what was sent",
            ),
            (ItemAction::Invalid, "blocked: the row is invalid"),
            (
                ItemAction::Orphaned,
                "blocked: interrupted while being sent, and the row was removed from the sheet",
            ),
            (ItemAction::Unchanged, "unchanged"),
            (ItemAction::Kept, "kept as sent"),
            (ItemAction::Skipped, "skipped by where"),
            (ItemAction::Excluded, "excluded by --target or --exclude"),
        ];
        out.push(format!(
            "{BOLD}flows.{}{RESET}  {}",
            flow.flow,
            out::plural(flow.rows.len(), "row")
        ));
        for (action, words) in kinds {
            let count = flow.counted(action);
            if count == 0 {
                continue;
            }
            let symbol = action.symbol().unwrap_or(' ');
            out.push(format!(
                "  {}{symbol}{RESET} {count} {words}",
                color(symbol)
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
                    Some(row) => format!("      {}  {DIM}row {row}{RESET}", sample.address),
                    None => format!("      {}", sample.address),
                });
            }
            if !samples.is_empty() && count > samples.len() as u64 {
                let more = count - samples.len() as u64;
                out.push(format!("      {DIM}… and {more} more{RESET}"));
            }
        }
    }
    existing_accounts::write_text(out, &plan.row_accounts, all);
}

/// Renders the counts and the forecast.
fn totals(out: &mut Vec<String>, plan: &Plan, settings: &Settings, detail: Detail, now: Timestamp) {
    let counted: Vec<String> = [
        ('-', "to delete or revoke"),
        ('+', "to create"),
        ('~', "to update"),
        ('±', "to reissue"),
        ('?', "in doubt"),
        ('!', "blocked"),
        ('=', "unchanged"),
    ]
    .into_iter()
    .filter_map(|(symbol, words)| {
        let count = plan.count(symbol);
        (count > 0).then(|| format!("{count} {words}"))
    })
    .collect();
    let summary = if counted.is_empty() {
        "no resources and no rows".to_owned()
    } else {
        counted.join(", ")
    };
    out.extend([String::new(), format!("{BOLD}Plan:{RESET} {summary}")]);
    if plan.is_empty() {
        out.push("No changes.".to_owned());
        return;
    }
    let calls = plan.calls();
    let by_operation = if detail.calls {
        ""
    } else {
        "; -v lists them by operation"
    };
    let total = format!(
        "{BOLD}Calls:{RESET} at most {}, without lookups{by_operation}",
        calls.total()
    );
    out.extend([String::new(), total]);
    for (op, count) in calls.iter().filter(|_| detail.calls) {
        out.push(format!("  {count:>8}  {op}"));
    }
    let limits = &settings.limits;
    let seconds = calls.seconds(limits.rate.map(|rate| rate.0), |op| {
        limits.operations.get(&op).map(|rate| rate.0)
    });
    let Some(seconds) = seconds else {
        out.push(format!("{BOLD}Time:{RESET} no rate limit is set"));
        return;
    };
    let rate = limits.rate.map(|rate| format!(" at {}/s", rate.0));
    let end = ends(now, seconds).map(|end| format!("; started now, it ends at {end}"));
    let (rate, end) = (rate.unwrap_or_default(), end.unwrap_or_default());
    out.push(format!(
        "{BOLD}Time:{RESET} {}{rate}{end}",
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
            .map(|(status, count)| format!("{count} {}", status.word()))
            .collect();
        let counted = match counted.join(", ") {
            none if none.is_empty() => "no rows".to_owned(),
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
        0..=59 => format!("{whole} s"),
        60..=3599 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// Renders a plan as JSON.
pub(in crate::cli) fn json(plan: &Plan, settings: &Settings) -> serde_json::Value {
    let calls = plan.calls();
    let limits = &settings.limits;
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
        },
        "resources": plan.resources.actions().map(|(address, symbol, note)| serde_json::json!({
            "address": address.to_string(), "action": symbol.to_string(), "note": note,
        })).collect::<Vec<_>>(),
        "flows": plan.flows.iter().map(|flow| serde_json::json!({
            "flow": flow.flow,
            "rows": flow.rows.len(),
            "send": flow.counted(ItemAction::Create),
            "resume": flow.counted(ItemAction::Resume),
            "reissue": flow.counted(ItemAction::Reissue),
            "unchanged": flow.counted(ItemAction::Unchanged) + flow.counted(ItemAction::Kept),
            "changed": flow.counted(ItemAction::Changed),
            "invalid": flow.counted(ItemAction::Invalid),
            "revoke": flow.counted(ItemAction::Revoke),
            "stranded": flow.counted(ItemAction::Orphaned),
            "inDoubt": flow.counted(ItemAction::InDoubt),
            "skipped": flow.counted(ItemAction::Skipped) + flow.counted(ItemAction::Excluded),
            "samplesOfEachKind": SAMPLES,
            "items": flow.samples.iter().map(|sample| serde_json::json!({
                "address": sample.address.to_string(),
                "action": sample.action.symbol().unwrap_or(' ').to_string(),
                "row": sample.row,
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
