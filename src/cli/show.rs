//! A plan as people read it, and as programs do.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use super::out;
use crate::api::time;
use crate::manifest::Settings;
use crate::plan::{ItemAction, Plan, SAMPLES};
use crate::report::Counts;

const RESET: &str = "\u{1b}[0m";
const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";

/// Colour of an action's sign.
fn color(symbol: char) -> &'static str {
    match symbol {
        '+' => "\u{1b}[32m",
        '~' | '?' => "\u{1b}[33m",
        '!' | '-' | '±' => "\u{1b}[31m",
        _ => DIM,
    }
}

/// The whole plan. `all` shows what is unchanged, too; `now` is when it would be begun.
pub(super) fn text(plan: &Plan, settings: &Settings, all: bool, now: Timestamp) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_text(&mut out, plan, settings, all, now);
    out
}

fn write_text(
    out: &mut String,
    plan: &Plan,
    settings: &Settings,
    all: bool,
    now: Timestamp,
) -> std::fmt::Result {
    for (address, symbol, note) in plan.resources.actions() {
        if symbol == '=' && !all {
            continue;
        }
        let note = if note.is_empty() {
            note
        } else {
            format!("  {DIM}{note}{RESET}")
        };
        writeln!(out, "{}{symbol}{RESET} {address}{note}", color(symbol))?;
    }
    for flow in &plan.flows {
        let kinds = [
            (ItemAction::Revoke, "to revoke: no longer in the sheet"),
            (ItemAction::Create, "to send"),
            (ItemAction::Resume, "to go on with"),
            (ItemAction::Reissue, "to revoke and send anew"),
            (
                ItemAction::InDoubt,
                "in doubt: whether they were sent is not known",
            ),
            (
                ItemAction::Changed,
                "blocked: the row differs from what was sent",
            ),
            (ItemAction::Invalid, "blocked: the row cannot be used"),
            (
                ItemAction::Orphaned,
                "blocked: cut off while they were sent, and no longer in the sheet",
            ),
            (ItemAction::Unchanged, "unchanged"),
            (ItemAction::Kept, "kept as they were sent"),
            (ItemAction::Skipped, "left out by where"),
            (ItemAction::Excluded, "left out by --target or --exclude"),
        ];
        writeln!(
            out,
            "{BOLD}flows.{}{RESET}  {}",
            flow.flow,
            out::counted(flow.rows.len(), "row")
        )?;
        for (action, words) in kinds {
            let count = flow.counted(action);
            if count == 0 {
                continue;
            }
            let symbol = action.symbol().unwrap_or(' ');
            writeln!(out, "  {}{symbol}{RESET} {count} {words}", color(symbol))?;
            if matches!(action, ItemAction::Unchanged | ItemAction::Kept) && !all {
                continue;
            }
            let samples: Vec<_> = flow
                .samples
                .iter()
                .filter(|sample| sample.action == action)
                .collect();
            for sample in &samples {
                match sample.row {
                    Some(row) => writeln!(out, "      {}  {DIM}row {row}{RESET}", sample.address)?,
                    None => writeln!(out, "      {}", sample.address)?,
                }
            }
            if !samples.is_empty() && count > samples.len() as u64 {
                writeln!(
                    out,
                    "      {DIM}… and {} more{RESET}",
                    count - samples.len() as u64
                )?;
            }
        }
    }
    totals(out, plan, settings, now)
}

fn totals(out: &mut String, plan: &Plan, settings: &Settings, now: Timestamp) -> std::fmt::Result {
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
        "nothing is declared".to_owned()
    } else {
        counted.join(", ")
    };
    writeln!(out, "\n{BOLD}Plan:{RESET} {summary}")?;
    if plan.is_empty() {
        return writeln!(out, "There is nothing to do.");
    }
    let calls = plan.calls();
    writeln!(
        out,
        "\n{BOLD}Calls:{RESET} {} at most, beside those that only ask",
        calls.total()
    )?;
    for (op, count) in calls.iter() {
        writeln!(out, "  {count:>8}  {op}")?;
    }
    let limits = &settings.limits;
    let seconds = calls.seconds(limits.rate.map(|rate| rate.0), |op| {
        limits.operations.get(&op).map(|rate| rate.0)
    });
    let Some(seconds) = seconds else {
        return writeln!(out, "{BOLD}Time:{RESET} no limit is set");
    };
    write!(out, "{BOLD}Time:{RESET} {}", duration(seconds))?;
    if let Some(rate) = limits.rate {
        write!(out, " at {}/s", rate.0)?;
    }
    match ends(now, seconds) {
        Some(end) => writeln!(out, "; begun now, it ends at {end}"),
        None => writeln!(out),
    }
}

/// When something ends that is worth waiting for, to the minute.
fn ends(now: Timestamp, seconds: f64) -> Option<String> {
    let end = now
        .checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?)
        .ok()?;
    let end = time::local(end).strftime("%Y-%m-%d %H:%M").to_string();
    (seconds >= 60.0).then_some(end)
}

/// Prints how many items of each flow stand how.
pub(super) fn counted(items: &BTreeMap<String, Counts>) {
    for (flow, counts) in items {
        let counted: Vec<String> = counts
            .iter()
            .map(|(status, count)| format!("{count} {}", status.word()))
            .collect();
        let counted = match counted.join(", ") {
            none if none.is_empty() => "no rows".to_owned(),
            counted => counted,
        };
        out::line(format_args!("\u{1b}[1mflows.{flow}\u{1b}[0m  {counted}"));
    }
}

/// A length of time, as precise as it needs to be.
pub(super) fn duration(seconds: f64) -> String {
    // Rounded up to whole seconds, and far below what the type holds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = seconds.ceil() as u64;
    match whole {
        0..=59 => format!("{whole} s"),
        60..=3599 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// The plan for programs.
pub(super) fn json(plan: &Plan, settings: &Settings) -> serde_json::Value {
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
        "standing": plan.resources.actions().map(|(address, symbol, note)| serde_json::json!({
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
        "calls": calls.iter().map(|(op, count)| (op.path(), count)).collect::<std::collections::BTreeMap<_, _>>(),
        "callsTotal": calls.total(),
        "seconds": calls.seconds(limits.rate.map(|rate| rate.0), |op| limits.operations.get(&op).map(|rate| rate.0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_when_it_is_worth_waiting_for() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(ends(now, 59.0), None);
        assert_eq!(
            ends(now, 20.0 * 3600.0).as_deref(),
            Some("1970-01-02 04:00")
        );
        assert_eq!(ends(now, f64::INFINITY), None);
    }

    #[test]
    fn durations_are_as_precise_as_they_need_to_be() {
        assert_eq!(duration(0.2), "1 s");
        assert_eq!(duration(75.0), "1 min 15 s");
        assert_eq!(duration(20_000.0), "5 h 33 min");
    }
}
