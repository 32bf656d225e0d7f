//! `treaty status`: prints the recorded state by flow and status. Does not acquire the lease, and
//! calls the API only for `--view`.

mod causes;
mod last_run;
mod links;
mod listed;
mod people;
mod person;
mod totals;

use std::cell::Cell;
use std::io::IsTerminal;
use std::ops::ControlFlow;

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr as _;

use crate::cli::args::{Format, Global, Status as Args};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::{ResourceNames, check_targets, resolve_matching};
use crate::cli::exit::Exit;
use crate::cli::output::out;
use crate::cli::output::style::{BOLD, RED, RESET};
use crate::cli::output::wrap::padded;
use crate::diagnostic::Findings;
use crate::ledger::{Ledger, LedgerError, Store};
use crate::report::UnrecordedFailure;

use last_run::LastRun;
use links::complete_links;
use listed::{Link, each_failed_row, each_failure, each_pending};
pub(super) use totals::counts;
use totals::{FlowTotals, Totals};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let context = if args.view {
        LedgerContext::load(global, None)?
    } else {
        LedgerContext::load_to_read(global)?
    };
    let ledger = context.read_ledger()?;
    ledger.hold_snapshot()?;
    let args = &Args {
        matching: resolve_matching(&ledger, &args.matching)?,
        ..args.clone()
    };
    check_targets(&ledger, &args.matching.target)?;
    let names = ResourceNames::build(&context.project, ledger.salt(), &mut Findings::default());
    let settings = &context.project.settings;
    let last_run = LastRun::read(&ledger, &settings.reports.directory)?;
    let totals = Totals::read(&ledger, &names, &args.matching, last_run.as_ref())?;
    let complete_links = complete_links(global, &context, &ledger, &names, args)?;
    let failed_rows = last_run
        .as_ref()
        .and_then(|run| run.summary.as_ref())
        .map_or(&[][..], |summary| &summary.failed_rows);
    let now = Timestamp::now();
    let mask = std::io::stdout().is_terminal();
    let odd_links = Cell::new(0);
    match args.format {
        Format::Text => {
            // A list of links in a file contains nothing else, for programs and mail merges.
            let only_links = args.links && !mask;
            if !only_links {
                if let Some(run) = &last_run {
                    out::lines(run.lines(totals.worked_on));
                }
                print_totals(&totals, now);
                print_failed_rows(failed_rows, args);
                out::lines(causes::lines(&totals.causes));
            }
            each_failure(&ledger, &names, args, &mut |failure| {
                out::lines(failure.lines());
                ControlFlow::Continue(())
            })?;
            each_failed_row(failed_rows, args, &mut |failure| {
                out::lines(failure.lines());
            });
            each_link(&ledger, args, complete_links, &odd_links, &mut |link| {
                out::line(link.line(now, mask));
                ControlFlow::Continue(())
            })?;
            if args.links && mask {
                context.note(t!("links are shortened on a terminal; write them to a file with: treaty status --links > links.tsv"));
            }
        }
        Format::Json => {
            let mut head = totals.json(last_run.as_ref().map(LastRun::name));
            head["project"] = context.project.name.as_str().into();
            head["environment"] = settings.environment.as_str().into();
            head["endpoint"] = settings.endpoint.to_string().into();
            head["lastRun"] = last_run
                .as_ref()
                .map(|run| run.json(totals.worked_on))
                .into();
            let links = (complete_links, &odd_links);
            print_json(&ledger, &names, args, &head, failed_rows, links, mask)?;
        }
    }
    out::warn_of_odd_links(global.log_format, odd_links.get());
    Ok(Exit::Done)
}

fn each_link(
    ledger: &Store,
    args: &Args,
    complete_links: Option<Vec<Link>>,
    odd_links: &Cell<u64>,
    visit: &mut dyn FnMut(&Link) -> ControlFlow<()>,
) -> Result<(), LedgerError> {
    let visit = &mut |link: &Link| {
        odd_links.set(odd_links.get() + u64::from(link.is_odd()));
        visit(link)
    };
    match complete_links {
        Some(links) => {
            let _ = links.iter().try_for_each(visit);
            Ok(())
        }
        None if args.links => each_pending(ledger, args, &mut |link| visit(&link)),
        None => Ok(()),
    }
}

fn print_totals(totals: &Totals, now: Timestamp) {
    if totals.flows.is_empty() && totals.resources.is_empty() {
        out::line(t!("nothing is recorded"));
        return;
    }
    for (name, flow) in &totals.flows {
        let in_progress = Some(flow.in_progress).filter(|count| *count > 0);
        let in_progress =
            in_progress.map(|count| t!("%{count} in progress", count = count).into_owned());
        let counted: Vec<String> = flow
            .counts
            .iter()
            .map(|(status, count)| match flow.oldest.get(status) {
                Some(since) if !status.is_under_way() => {
                    let age = age(*since, now);
                    let counted = status.counted(*count);
                    t!("%{counted} (for %{age})", counted = counted, age = age).into_owned()
                }
                _ => status.counted(*count),
            })
            .chain(in_progress)
            .collect();
        out::line(format_args!(
            "{BOLD}flows.{name}{RESET}  {}",
            counted.join(&t!(", "))
        ));
        print_waiting(flow, now);
    }
    let resources: Vec<String> = totals
        .resources
        .iter()
        .map(|(kind, (count, pending))| {
            let (one, many) = match *kind {
                "account" => (t_key!("%{count} account"), t_key!("%{count} accounts")),
                "seal" => (t_key!("%{count} seal"), t_key!("%{count} seals")),
                _ => (t_key!("%{count} template"), t_key!("%{count} templates")),
            };
            let count = out::plural(usize::try_from(*count).unwrap_or(usize::MAX), one, many);
            match pending {
                0 => count,
                pending => t!(
                    "%{resources} (%{count} pending)",
                    resources = count,
                    count = pending
                )
                .into_owned(),
            }
        })
        .collect();
    if !resources.is_empty() {
        out::line(resources.join(&t!(", ")));
    }
}

/// Prints how many rows have a failure that the ledger does not record.
fn print_failed_rows(failed_rows: &[UnrecordedFailure], args: &Args) {
    if failed_rows.is_empty() || args.failed {
        return;
    }
    let rows = out::plural(
        failed_rows.len(),
        t_key!("%{count} row"),
        t_key!("%{count} rows"),
    );
    let unused = t!("%{rows} not used", rows = rows);
    let hint = t!("run treaty status --failed, or see failed.csv in the reports");
    out::line(format_args!("{RED}{unused}{RESET}: {hint}"));
}

/// Prints the pending signers of a flow.
fn print_waiting(flow: &FlowTotals, now: Timestamp) {
    let names = flow.waits.keys().map(|name| name.width());
    let width = names.max().unwrap_or(0);
    for (name, waits) in &flow.waits {
        let since = waits.oldest.map(|since| age(since, now));
        let since = since.map(|age| t!(", the oldest for %{age}", age = age));
        out::line(format_args!(
            "  {} {}  {}{}",
            t!("waiting for"),
            padded(name, width),
            waits.count,
            since.unwrap_or_default()
        ));
    }
    if flow.sent_again > 0 {
        let text = t!(
            "%{count} sent again under the same key",
            count = flow.sent_again
        );
        out::line(format_args!("  {text}"));
    }
    if flow.for_sync > 0 {
        let text = t!(
            "%{count} waiting without a pending signer: run treaty sync to continue",
            count = flow.for_sync
        );
        out::line(format_args!("  {text}"));
    }
    let is_open = flow.counts.keys().any(|status| status.is_under_way());
    if let Some(polled_at) = flow.polled_at.filter(|_| is_open) {
        let text = t!("last polled %{age} ago", age = age(polled_at, now));
        out::line(format_args!("  {text}"));
    }
}

/// Formats the time since `since` in one unit.
fn age(since: Timestamp, now: Timestamp) -> String {
    match now.duration_since(since).as_secs().max(0) {
        seconds @ 0..=119 => t!("%{seconds} s", seconds = seconds),
        seconds @ 120..=7_199 => t!("%{minutes} min", minutes = seconds / 60),
        seconds @ 7_200..=172_799 => t!("%{hours} h", hours = seconds / 3_600),
        seconds => t!("%{days} d", days = seconds / 86_400),
    }
    .into_owned()
}

/// Prints one JSON object in pieces, since the lists may be long.
fn print_json(
    ledger: &Store,
    names: &ResourceNames,
    args: &Args,
    head: &serde_json::Value,
    failed_rows: &[UnrecordedFailure],
    (complete_links, odd_links): (Option<Vec<Link>>, &Cell<u64>),
    mask: bool,
) -> anyhow::Result<()> {
    let head = head.to_string();
    let mut out = out::stream();
    // A write error ends the output; it is reported when the command ends.
    let mut put = |text: &str| match out.json(text) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let _ = put(head.strip_suffix('}').unwrap_or(&head));
    if args.lists_items() {
        let _ = put(",\"items\":[");
        let mut comma = "";
        each_failure(ledger, names, args, &mut |failure| {
            put(&format!(
                "{}\n{}",
                std::mem::replace(&mut comma, ","),
                failure.json()
            ))
        })?;
        each_failed_row(failed_rows, args, &mut |failure| {
            let comma = std::mem::replace(&mut comma, ",");
            let _ = put(&format!("{comma}\n{}", failure.json()));
        });
        let _ = put("\n]");
    }
    if args.links || args.view {
        let _ = put(",\"links\":[");
        let mut comma = "";
        each_link(ledger, args, complete_links, odd_links, &mut |link| {
            put(&format!(
                "{}\n{}",
                std::mem::replace(&mut comma, ","),
                link.json(mask)
            ))
        })?;
        let _ = put("\n]");
    }
    let _ = put("}\n");
    let _ = out.flush();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_ages_in_one_unit() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().expect("a time");
        let ago = |seconds: i64| age(now - jiff::SignedDuration::from_secs(seconds), now);
        assert_eq!(ago(-5), "0 s");
        assert_eq!(ago(119), "119 s");
        assert_eq!(ago(120), "2 min");
        assert_eq!(ago(7_200), "2 h");
        assert_eq!(ago(200_000), "2 d");
    }
}
