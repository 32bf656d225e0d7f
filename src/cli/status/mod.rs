//! `treaty status`: what the ledger knows, by flow and state. Nobody is kept out, and nothing is asked but view URLs, if
//! those are wanted.

mod known;
mod listed;

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;

use jiff::Timestamp;

use super::args::{Format, Global, Status as Args};
use super::exit::Exit;
use super::out;
use super::progress::Progress;
use super::state::{Names, Place, meets, runtime};
use crate::api::{Operation, ViewUrl};
use crate::diagnostic::Findings;
use crate::ledger::{Ledger, LedgerError, Records, Sqlite};
use crate::report::Status;

pub(super) use known::counts;
use known::{Flow, Known};
use listed::{Link, links, troubles};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let place = Place::of(global, None)?;
    let ledger = place.read()?;
    meets(&ledger, &args.matching.target)?;
    let names = Names::of(&place.project, ledger.salt(), &mut Findings::default());
    let known = Known::read(&ledger, &names, &args.matching)?;
    let viewed = if args.view {
        Some(viewed(global, &place, &ledger, args)?)
    } else {
        None
    };
    let run = ledger.run(None)?;
    let now = Timestamp::now();
    let mask = std::io::stdout().is_terminal();
    match args.format {
        Format::Text => {
            let run = run.map(|run| match (&run.ended, run.exit) {
                (Some(_), Some(exit)) => format!("{}, ended with {exit}", run.record.name),
                _ => format!("{}, cut off or still going", run.record.name),
            });
            // A list of links is for programs and mail merges: nothing else stands in it.
            let only_links = args.links && !mask;
            if !only_links {
                text(&known, run.as_deref(), now);
            }
            troubles(&ledger, &names, args, &mut |trouble| {
                out::line(trouble.line());
                ControlFlow::Continue(())
            })?;
            each_link(&ledger, args, viewed, &mut |link| {
                out::line(link.line(now, mask));
                ControlFlow::Continue(())
            })?;
            if args.links && mask {
                place.tell("links are whole when this is written to a file: treaty status --links > links.tsv");
            }
        }
        Format::Json => {
            let head = known.json(run.as_ref().map(|run| run.record.name.as_str()));
            written(&ledger, &names, args, &head, viewed, mask)?;
        }
    }
    Ok(Exit::Done)
}

fn each_link(
    ledger: &Sqlite,
    args: &Args,
    viewed: Option<Vec<Link>>,
    tell: &mut dyn FnMut(&Link) -> ControlFlow<()>,
) -> Result<(), LedgerError> {
    match viewed {
        Some(viewed) => {
            let _ = viewed.iter().try_for_each(tell);
            Ok(())
        }
        None if args.links => links(ledger, args, &mut |link| tell(&link)),
        None => Ok(()),
    }
}

/// Asks for each signer where the flow can be looked at as he sees it (5.7.2).
fn viewed(
    global: &Global,
    place: &Place,
    ledger: &Sqlite,
    args: &Args,
) -> anyhow::Result<Vec<Link>> {
    let mut all = Vec::new();
    links(ledger, args, &mut |link| {
        all.push(link);
        ControlFlow::Continue(())
    })?;
    let progress = Progress::new(global);
    let client = place.client(ledger, &progress)?;
    let asked = all.iter_mut().map(async |link| {
        let request = ViewUrl {
            flow_id: link.pending.flow_id.as_str().into(),
            account_id: link.pending.account_id.as_str().into(),
        };
        let answer = client.call(&request).await?;
        link.view_url = Some(answer.view_url);
        Ok::<(), crate::client::Failure>(())
    });
    let asked = runtime()?.block_on(futures::future::try_join_all(asked));
    progress.finish();
    asked.map_err(|failure| super::ask::refused(ViewUrl::OP, failure))?;
    Ok(all)
}

fn text(known: &Known, run: Option<&str>, now: Timestamp) {
    if known.flows.is_empty() && known.things.is_empty() {
        out::line("Nothing is recorded.");
        return;
    }
    for (name, flow) in &known.flows {
        let counted: Vec<String> = flow
            .counts
            .iter()
            .map(|(status, count)| match flow.oldest.get(status) {
                Some(since) if *status != Status::Waiting => {
                    format!("{count} {} (for {})", status.word(), age(*since, now))
                }
                _ => format!("{count} {}", status.word()),
            })
            .collect();
        out::line(format_args!(
            "\u{1b}[1mflows.{name}\u{1b}[0m  {}",
            counted.join(", ")
        ));
        waits(flow, now);
    }
    let things: Vec<String> = known
        .things
        .iter()
        .map(|(kind, (count, making))| {
            let plural = if *count == 1 { "" } else { "s" };
            match making {
                0 => format!("{count} {kind}{plural}"),
                making => format!("{count} {kind}{plural} ({making} being made)"),
            }
        })
        .collect();
    if !things.is_empty() {
        out::line(things.join(", "));
    }
    if let Some(run) = run {
        out::line(format_args!("last run {run}"));
    }
}

/// What of a flow waits for whom, and for how long.
fn waits(flow: &Flow, now: Timestamp) {
    let names = flow.waits.keys().map(|name| name.chars().count());
    let width = names.max().unwrap_or(0);
    for (name, waits) in &flow.waits {
        let since = waits.oldest.map(|since| age(since, now));
        let since = since.map_or(String::new(), |age| format!(", the longest for {age}"));
        out::line(format_args!(
            "  waiting for {name:<width$}  {}{since}",
            waits.count
        ));
    }
    if flow.for_sync > 0 {
        out::line(format_args!(
            "  {} wait for nobody that is known: treaty sync goes on with them",
            flow.for_sync
        ));
    }
    let is_open = flow.counts.contains_key(&Status::Waiting);
    if let Some(looked) = flow.looked.filter(|_| is_open) {
        out::line(format_args!("  last asked for {} ago", age(looked, now)));
    }
}

/// How long ago a moment is, in one unit.
fn age(since: Timestamp, now: Timestamp) -> String {
    match now.duration_since(since).as_secs().max(0) {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// One object, written piece by piece: what failed may be much.
fn written(
    ledger: &Sqlite,
    names: &Names,
    args: &Args,
    head: &serde_json::Value,
    viewed: Option<Vec<Link>>,
    mask: bool,
) -> anyhow::Result<()> {
    let head = head.to_string();
    let mut out = out::stream();
    // A reader that has gone away has read enough.
    let mut put = |text: &str| match out.write_all(text.as_bytes()) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let _ = put(head.strip_suffix('}').unwrap_or(&head));
    if args.failed || args.in_doubt {
        let _ = put(",\"items\":[");
        let mut comma = "";
        troubles(ledger, names, args, &mut |trouble| {
            put(&format!(
                "{}\n{}",
                std::mem::replace(&mut comma, ","),
                trouble.json()
            ))
        })?;
        let _ = put("\n]");
    }
    if args.links || args.view {
        let _ = put(",\"links\":[");
        let mut comma = "";
        each_link(ledger, args, viewed, &mut |link| {
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
    fn ages_are_told_in_one_unit() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().expect("a time");
        let ago = |seconds: i64| age(now - jiff::SignedDuration::from_secs(seconds), now);
        assert_eq!(ago(-5), "0 s");
        assert_eq!(ago(119), "119 s");
        assert_eq!(ago(120), "2 min");
        assert_eq!(ago(7_200), "2 h");
        assert_eq!(ago(200_000), "2 d");
    }
}
