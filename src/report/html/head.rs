//! `run.json`'s numbers turned into the head of the page: a sentence, figures, facts, and the calls by operation.

use serde::Serialize;

use super::super::row::Status;
use super::super::summary::{CallCount, Summary};
use super::bars::{Named, count, sums};
use super::words;

/// So many standing things that failed are listed.
const STANDING: usize = 200;

/// The head.
#[derive(Debug, Serialize)]
pub(super) struct Head<'a> {
    project: &'a str,
    environment: &'a str,
    /// What the run came to.
    verdict: String,
    stopped: Option<&'a str>,
    figures: Vec<Figure>,
    facts: Vec<(&'static str, String)>,
    calls: Vec<Call<'a>>,
    calls_told: String,
    standing: Vec<(&'a str, &'a str)>,
    standing_more: usize,
}

#[derive(Debug, Serialize)]
struct Figure {
    status: Named,
    count: String,
}

/// The calls of one operation.
#[derive(Debug, Serialize)]
struct Call<'a> {
    operation: &'a str,
    attempts: String,
    failed: String,
    repeated: String,
    mean: String,
    slowest: String,
    any_failed: bool,
}

impl<'a> Head<'a> {
    /// The head of a run's page.
    pub(super) fn of(run: &'a Summary) -> Self {
        let all = sums(run);
        let figures = words::STATUSES.into_iter().filter_map(|status| {
            let count = count(&all, status);
            (count > 0).then(|| Figure {
                status: Named::of(status),
                count: words::count(count),
            })
        });
        let standing = run.standing_failures.iter();
        Self {
            project: &run.project,
            environment: &run.environment,
            verdict: verdict(run),
            stopped: run.stopped.as_deref(),
            figures: figures.collect(),
            facts: facts(run),
            calls: run
                .calls
                .iter()
                .map(|(op, calls)| call(op, calls))
                .collect(),
            calls_told: calls_told(run),
            standing: standing
                .take(STANDING)
                .map(|(address, why)| (&address[..], &why[..]))
                .collect(),
            standing_more: run.standing_failures.len().saturating_sub(STANDING),
        }
    }
}

/// The run in a sentence or two.
fn verdict(run: &Summary) -> String {
    let all = sums(run);
    let total: u64 = all.values().sum();
    let [failed, doubt] = [Status::Failed, Status::InDoubt].map(|status| count(&all, status));
    let items = words::counted(total, "item", "items");
    let is = if doubt == 1 { "is" } else { "are" };
    let mut told = match (total, failed, doubt) {
        (0, _, _) => "No item was part of this run.".to_owned(),
        (_, 0, 0) => format!("Of {items}, none failed and none is in doubt."),
        (_, _, 0) => format!("Of {items}, {} failed.", words::count(failed)),
        (_, 0, _) => format!("Of {items}, {} {is} in doubt.", words::count(doubt)),
        _ => {
            let [failed, doubt] = [failed, doubt].map(words::count);
            format!("Of {items}, {failed} failed and {doubt} {is} in doubt.")
        }
    };
    let standing = run.standing_failures.len() as u64;
    if standing > 0 {
        let things = words::counted(standing, "standing thing", "standing things");
        told = format!("{told} {things} failed.");
    }
    told
}

fn facts(run: &Summary) -> Vec<(&'static str, String)> {
    let limit = run.rate_limit.map_or_else(
        || "no limit".to_owned(),
        |limit| format!("limit {limit} a second"),
    );
    let rate = format!("{:.1} a second; {limit}", run.rate);
    let cut_off = || "never: it was cut off".to_owned();
    let exit = run.exit_code.map_or_else(
        || "none: it was cut off".to_owned(),
        |code| format!("{code}: {}", words::exit(code)),
    );
    let facts = [
        ("Environment", run.environment.clone()),
        ("Run", run.run.clone()),
        ("Begun", run.started.clone()),
        ("Ended", run.ended.clone().unwrap_or_else(cut_off)),
        ("Took", words::duration(run.seconds)),
        ("Exit code", exit),
        ("Calls", words::count(run.calls_total)),
        ("Rate", rate),
        ("Endpoint", run.endpoint.clone()),
        ("Version of treaty", run.treaty.clone()),
    ];
    // Items may have gone on since the run.
    let reported = run.reported.iter();
    let reported = reported.map(|at| ("Items as they stood at", at.clone()));
    facts.into_iter().chain(reported).collect()
}

fn call<'a>(operation: &'a str, calls: &CallCount) -> Call<'a> {
    let mean = calls.milliseconds / calls.attempts.max(1);
    Call {
        operation,
        attempts: words::count(calls.attempts),
        failed: words::count(calls.failed),
        repeated: words::count(calls.repeated),
        mean: words::count(mean),
        slowest: words::count(calls.slowest_milliseconds),
        any_failed: calls.failed > 0,
    }
}

fn calls_told(run: &Summary) -> String {
    let failed: u64 = run.calls.values().map(|calls| calls.failed).sum();
    let repeated: u64 = run.calls.values().map(|calls| calls.repeated).sum();
    let calls = words::counted(run.calls_total, "call", "calls");
    format!(
        "{calls} in all, of which {} failed and {} were repeated.",
        words::count(failed),
        words::count(repeated)
    )
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A run of a minute without items.
    pub(in crate::report::html) fn summary() -> Summary {
        Summary {
            run: "2026-11-24T10-00-00".to_owned(),
            project: "consumer-loans".to_owned(),
            environment: "stage".to_owned(),
            endpoint: "https://api.example/".to_owned(),
            treaty: "0.1.0".to_owned(),
            started: "2026-11-24 10:00:00".to_owned(),
            ended: Some("2026-11-24 10:00:50".to_owned()),
            reported: None,
            seconds: 50.0,
            exit_code: Some(0),
            stopped: None,
            items: BTreeMap::new(),
            standing_failures: BTreeMap::new(),
            calls: BTreeMap::new(),
            calls_total: 0,
            rate: 0.0,
            rate_limit: None,
        }
    }

    fn said(failed: u64, doubt: u64, done: u64, standing: usize) -> String {
        let mut run = summary();
        let counts = [
            (Status::Failed, failed),
            (Status::InDoubt, doubt),
            (Status::Done, done),
        ];
        run.items.insert("loans".to_owned(), counts.into());
        for n in 0..standing {
            run.standing_failures
                .insert(format!("accounts.a{n}"), "no".to_owned());
        }
        verdict(&run)
    }

    #[test]
    fn a_run_comes_to_one_sentence() {
        for (counts, expected) in [
            ((0, 0, 0, 0), "No item was part of this run."),
            (
                (0, 0, 7, 0),
                "Of 7 items, none failed and none is in doubt.",
            ),
            ((1, 0, 0, 0), "Of 1 item, 1 failed."),
            ((0, 2, 0, 0), "Of 2 items, 2 are in doubt."),
            ((3, 1, 0, 0), "Of 4 items, 3 failed and 1 is in doubt."),
            (
                (3, 0, 0, 2),
                "Of 3 items, 3 failed. 2 standing things failed.",
            ),
        ] {
            let (failed, doubt, done, standing) = counts;
            assert_eq!(said(failed, doubt, done, standing), expected);
        }
    }

    #[test]
    fn a_run_that_was_cut_off_says_so() {
        let mut run = summary();
        (run.ended, run.exit_code) = (None, None);
        run.reported = Some("2026-11-25 08:00:00".to_owned());
        let facts = Head::of(&run).facts;
        let told = |name| facts.iter().find(|(known, _)| *known == name);
        let told = |name| told(name).map(|(_, text)| &text[..]);
        assert_eq!(told("Ended"), Some("never: it was cut off"));
        assert_eq!(told("Exit code"), Some("none: it was cut off"));
        assert_eq!(told("Items as they stood at"), Some("2026-11-25 08:00:00"));
    }

    #[test]
    fn a_run_without_flows_or_calls_has_a_head() {
        let run = summary();
        let head = Head::of(&run);
        assert!(head.figures.is_empty() && head.calls.is_empty());
        let rate = head.facts.iter().find(|(name, _)| *name == "Rate");
        assert_eq!(
            rate.map(|(_, text)| &text[..]),
            Some("0.0 a second; no limit")
        );
    }
}
