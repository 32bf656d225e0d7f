//! Prepares the head of the page from `run.json`: the result, the figures, the facts, and the
//! requests by operation.

use std::borrow::Cow;

use serde::Serialize;

use super::super::status::{Counts, Status};
use super::super::summary::{CallCount, Summary, TakenAccounts};
use super::bars::{StatusLabel, count, sums};
use super::words;

/// The maximum number of failed resources that are listed.
const MAX_RESOURCES: usize = 200;

/// The exit code of an interrupted run.
const INTERRUPTED: i32 = 130;

/// The statuses of contracts that were sent.
const SENT: [Status; 8] = [
    Status::Sent,
    Status::Waiting,
    Status::Signed,
    Status::Archived,
    Status::Rejected,
    Status::Expired,
    Status::Revoked,
    Status::Unchanged,
];

/// The head of the page.
#[derive(Debug, Serialize)]
pub(super) struct Head<'a> {
    project: &'a str,
    environment: &'a str,
    /// The result in a few sentences.
    verdict: String,
    stopped: Option<&'a str>,
    figures: Vec<Figure>,
    /// Accounts that the run took over.
    existing_accounts: Option<&'a TakenAccounts>,
    facts: Vec<(Cow<'static, str>, String)>,
    calls: Vec<Call<'a>>,
    calls_summary: String,
    /// Address and error of failed resources.
    resources: Vec<(&'a str, &'a str)>,
    /// The number of failed resources that are not listed.
    more_resources: usize,
}

#[derive(Debug, Serialize)]
struct Figure {
    status: StatusLabel,
    count: String,
}

/// The requests of one operation.
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
    /// Returns the head of the page of a run.
    pub(super) fn of(run: &'a Summary) -> Self {
        let all = sums(run);
        let figures = words::STATUSES.into_iter().filter_map(|status| {
            let count = count(&all, status);
            (count > 0).then(|| Figure {
                status: StatusLabel::of(status),
                count: words::count(count),
            })
        });
        let resources = run.resource_failures.iter();
        Self {
            project: &run.project,
            environment: &run.environment,
            verdict: verdict(run),
            stopped: run.stopped.as_deref(),
            figures: figures.collect(),
            existing_accounts: run.existing_accounts.as_ref(),
            facts: facts(run),
            calls: run
                .calls
                .iter()
                .map(|(op, calls)| call(op, calls))
                .collect(),
            calls_summary: calls_summary(run),
            resources: resources
                .take(MAX_RESOURCES)
                .map(|(address, why)| (&address[..], &why[..]))
                .collect(),
            more_resources: run.resource_failures.len().saturating_sub(MAX_RESOURCES),
        }
    }
}

/// Returns the result of the run in a few sentences: outcomes and failures first.
fn verdict(run: &Summary) -> String {
    let all = sums(run);
    let outcomes = outcomes(&all);
    let outcomes = (!outcomes.is_empty()).then(|| {
        let outcomes = outcomes.join(&t!(", "));
        t!("%{outcomes}.", outcomes = outcomes).into_owned()
    });
    let resources = match run.resource_failures.len() as u64 {
        0 => None,
        1 => Some(t!("1 resource failed.")),
        count => Some(t!(
            "%{count} resources failed.",
            count = words::count(count)
        )),
    };
    let resources = resources.map(Cow::into_owned);
    let progress = progress(run, &all).into_owned();
    let unused = match run.unused_rows {
        0 => None,
        1 => Some(t!("1 row was not used as it is now.")),
        count => Some(t!(
            "%{count} rows were not used as they are now.",
            count = words::count(count)
        )),
    };
    let unused = unused.map(Cow::into_owned);
    words::joined(
        outcomes
            .into_iter()
            .chain(resources)
            .chain([progress])
            .chain(unused),
    )
}

/// Returns the numbers of the outcomes that occur.
fn outcomes(all: &Counts) -> Vec<Cow<'static, str>> {
    let number =
        |statuses: &[Status]| -> u64 { statuses.iter().map(|status| count(all, *status)).sum() };
    let counted = |statuses: &[Status], text: fn(String) -> Cow<'static, str>| {
        let count = number(statuses);
        (count > 0).then(|| text(words::count(count)))
    };
    [
        counted(&[Status::Signed, Status::Archived], |count| {
            t!("%{count} signed", count = count)
        }),
        counted(&[Status::Rejected], |count| {
            t!("%{count} rejected", count = count)
        }),
        counted(&[Status::Expired], |count| {
            t!("%{count} expired", count = count)
        }),
        counted(&[Status::Revoked], |count| {
            t!("%{count} revoked", count = count)
        }),
        counted(&[Status::Failed], |count| {
            t!("%{count} failed", count = count)
        }),
        counted(&[Status::InDoubt], |count| {
            t!("%{count} in doubt", count = count)
        }),
        counted(&[Status::Interrupted], |count| {
            t!("%{count} interrupted", count = count)
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns how many contracts were sent, and whether the run ended early.
fn progress(run: &Summary, all: &Counts) -> Cow<'static, str> {
    let total = all.values().sum::<u64>() - count(all, Status::Excluded);
    let sent: u64 = SENT.iter().map(|status| count(all, *status)).sum();
    let contracts = match total {
        0 => return t!("This run had no contracts."),
        1 => t!("1 contract"),
        _ => t!("%{count} contracts", count = words::count(total)),
    };
    let is_complete = run.stopped.is_none() && run.exit_code.is_some();
    let count = words::count(sent);
    match run.exit_code {
        _ if is_complete && sent == total => t!("%{contracts} sent.", contracts = contracts),
        _ if is_complete => t!(
            "%{count} of %{contracts} sent.",
            count = count,
            contracts = contracts
        ),
        Some(INTERRUPTED) | None => t!(
            "%{count} of %{contracts} sent, then interrupted.",
            count = count,
            contracts = contracts
        ),
        Some(_) => t!(
            "%{count} of %{contracts} sent, then stopped.",
            count = count,
            contracts = contracts
        ),
    }
}

/// Returns names and values of the facts about the run.
fn facts(run: &Summary) -> Vec<(Cow<'static, str>, String)> {
    let rate = format!("{:.1}", run.rate);
    let rate = match run.rate_limit {
        Some(limit) => t!("%{rate}/s; limit %{limit}/s", rate = rate, limit = limit),
        None => t!("%{rate}/s; no limit", rate = rate),
    };
    let cut_off = || t!("never: the run crashed").into_owned();
    let exit = run.exit_code.map_or_else(
        || t!("none: the run crashed").into_owned(),
        |code| {
            t!(
                "%{code}: %{meaning}",
                code = code,
                meaning = words::exit(code)
            )
            .into_owned()
        },
    );
    let facts = [
        (t!("Environment"), run.environment.clone()),
        (t!("Run"), run.run.clone()),
        (t!("Started"), run.started.clone()),
        (t!("Ended"), run.ended.clone().unwrap_or_else(cut_off)),
        (t!("Duration"), words::duration(run.seconds).into_owned()),
        (t!("Exit code"), exit),
        (t!("Requests"), words::count(run.calls_total)),
        (t!("Rate"), rate.into_owned()),
        (t!("Endpoint"), run.endpoint.clone()),
        (t!("treaty version"), run.treaty.clone()),
    ];
    // The statuses can have changed since the run.
    let reported = run.reported.iter();
    let reported = reported.map(|at| (t!("Items as of"), at.clone()));
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

fn calls_summary(run: &Summary) -> String {
    let failed: u64 = run.calls.values().map(|calls| calls.failed).sum();
    let repeated: u64 = run.calls.values().map(|calls| calls.repeated).sum();
    t!(
        "%{total} requests; %{failed} failed, %{retried} retried. Times are in milliseconds.",
        total = words::count(run.calls_total),
        failed = words::count(failed),
        retried = words::count(repeated)
    )
    .into_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A run of 50 seconds without items.
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
            planned: 0,
            unused_rows: 0,
            failed_tables: BTreeMap::new(),
            failed_rows: Vec::new(),
            resource_failures: BTreeMap::new(),
            existing_accounts: None,
            calls: BTreeMap::new(),
            calls_total: 0,
            rate: 0.0,
            rate_limit: None,
            ledger: None,
        }
    }

    fn verdict_of(failed: u64, doubt: u64, done: u64, resources: usize) -> String {
        let mut run = summary();
        let counts = [
            (Status::Failed, failed),
            (Status::InDoubt, doubt),
            (Status::Sent, done),
        ];
        run.items.insert("loans".to_owned(), counts.into());
        for n in 0..resources {
            run.resource_failures
                .insert(format!("accounts.a{n}"), "no".to_owned());
        }
        verdict(&run)
    }

    #[test]
    fn summarizes_the_result() {
        for (counts, expected) in [
            ((0, 0, 0, 0), "This run had no contracts."),
            ((0, 0, 7, 0), "7 contracts sent."),
            ((1, 0, 0, 0), "1 failed. 0 of 1 contract sent."),
            ((0, 2, 0, 0), "2 in doubt. 0 of 2 contracts sent."),
            ((3, 1, 4, 0), "3 failed, 1 in doubt. 4 of 8 contracts sent."),
            (
                (3, 0, 0, 2),
                "3 failed. 2 resources failed. 0 of 3 contracts sent.",
            ),
        ] {
            let (failed, doubt, done, resources) = counts;
            assert_eq!(verdict_of(failed, doubt, done, resources), expected);
        }
    }

    #[test]
    fn says_how_far_a_stopped_run_came() {
        let mut run = summary();
        let counts = [(Status::Sent, 72), (Status::NotStarted, 213)];
        run.items.insert("loans".to_owned(), counts.into());
        run.stopped = Some("the run was interrupted".to_owned());
        run.exit_code = Some(INTERRUPTED);
        assert_eq!(verdict(&run), "72 of 285 contracts sent, then interrupted.");
        run.exit_code = Some(3);
        assert_eq!(verdict(&run), "72 of 285 contracts sent, then stopped.");
    }

    #[test]
    fn begins_with_what_was_signed_and_what_failed() {
        let mut run = summary();
        let counts = [
            (Status::Archived, 60),
            (Status::Signed, 1),
            (Status::Rejected, 3),
            (Status::Expired, 2),
            (Status::Failed, 4),
            (Status::Waiting, 6),
            (Status::NotStarted, 209),
        ];
        run.items.insert("loans".to_owned(), counts.into());
        run.exit_code = None;
        assert_eq!(
            verdict(&run),
            "61 signed, 3 rejected, 2 expired, 4 failed. 72 of 285 contracts sent, then interrupted."
        );
    }

    #[test]
    fn marks_a_run_that_crashed() {
        let mut run = summary();
        (run.ended, run.exit_code) = (None, None);
        run.reported = Some("2026-11-25 08:00:00".to_owned());
        let facts = Head::of(&run).facts;
        let fact = |name| facts.iter().find(|(known, _)| *known == name);
        let fact = |name| fact(name).map(|(_, text)| &text[..]);
        assert_eq!(fact("Ended"), Some("never: the run crashed"));
        assert_eq!(fact("Exit code"), Some("none: the run crashed"));
        assert_eq!(fact("Items as of"), Some("2026-11-25 08:00:00"));
    }

    #[test]
    fn has_a_head_without_flows_and_calls() {
        let run = summary();
        let head = Head::of(&run);
        assert!(head.figures.is_empty() && head.calls.is_empty());
        let rate = head.facts.iter().find(|(name, _)| *name == "Rate");
        assert_eq!(rate.map(|(_, text)| &text[..]), Some("0.0/s; no limit"));
    }
}
