//! `treaty status`: what the ledger knows, by flow and state. Nothing is asked, nobody is kept out.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;

use serde_json::json;

use super::args::{Format, Global, Status as Args};
use super::exit::Exit;
use super::out;
use super::state::{FLOW_ID, Names, Place};
use crate::diagnostic::Findings;
use crate::id::Address;
use crate::ledger::{Failure, Ledger, Records, Sqlite};
use crate::plan::selected;
use crate::report::{self, Counts, Status};

/// What is to be told of one thing or item.
struct Told<'a> {
    address: &'a Address,
    status: Status,
    flow_id: Option<String>,
    failure: Option<Failure>,
}

#[derive(Default)]
struct Known {
    flows: BTreeMap<String, Counts>,
    /// By kind: all, and those that are being made.
    things: BTreeMap<&'static str, (u64, u64)>,
}

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let place = Place::of(global, None)?;
    let ledger = place.read()?;
    let names = Names::of(&place.project, ledger.salt(), &mut Findings::default());
    let mut known = Known::default();
    let means =
        |address: &Address| selected(&args.matching.target, &args.matching.exclude, address);
    ledger.each_thing(&mut |thing| {
        if means(&names.address(thing.kind, &thing.identity)) {
            let counts = known.things.entry(thing.kind.word()).or_default();
            counts.0 += 1;
            counts.1 += u64::from(thing.thing.remote_id.is_none());
        }
        ControlFlow::Continue(())
    })?;
    ledger.each_item(("", ""), &mut |item| {
        if means(&Address::item(&item.flow, &item.key)) {
            let (status, _) = report::recorded(&item.record);
            *known
                .flows
                .entry(item.flow)
                .or_default()
                .entry(status)
                .or_default() += 1;
        }
        ControlFlow::Continue(())
    })?;
    let run = ledger.run(None)?.map(|run| run.name);
    match args.format {
        Format::Text => {
            text(&known, run.as_deref());
            each(&ledger, &names, args, &mut |told| {
                out::line(line(told));
                ControlFlow::Continue(())
            })?;
        }
        Format::Json => written(&ledger, &names, args, &known, run.as_deref())?,
    }
    Ok(Exit::Done)
}

fn text(known: &Known, run: Option<&str>) {
    if known.flows.is_empty() && known.things.is_empty() {
        out::line("Nothing is recorded.");
        return;
    }
    for (flow, counts) in &known.flows {
        let counted: Vec<String> = counts
            .iter()
            .map(|(status, count)| format!("{count} {}", status.word()))
            .collect();
        out::line(format_args!(
            "\u{1b}[1mflows.{flow}\u{1b}[0m  {}",
            counted.join(", ")
        ));
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

fn line(told: &Told<'_>) -> String {
    let symbol = match told.status {
        Status::InDoubt => '?',
        _ => '!',
    };
    let (message, hint) = told.failure.as_ref().map_or(("", ""), |failure| {
        (failure.message.as_str(), failure.hint.as_str())
    });
    let hint = if hint.is_empty() {
        String::new()
    } else {
        format!("\n  hint: {hint}")
    };
    format!(
        "\u{1b}[31m{symbol}\u{1b}[0m {}: {message}{hint}",
        told.address
    )
}

/// One object, written piece by piece: what failed may be much.
fn written(
    ledger: &Sqlite,
    names: &Names,
    args: &Args,
    known: &Known,
    run: Option<&str>,
) -> anyhow::Result<()> {
    let things: BTreeMap<&str, serde_json::Value> = known
        .things
        .iter()
        .map(|(kind, (count, making))| (*kind, json!({ "count": count, "beingMade": making })))
        .collect();
    let mut out = out::stream();
    let head = json!({ "run": run, "flows": known.flows, "things": things }).to_string();
    let listed = args.failed || args.in_doubt;
    let mut put = |text: &str| match out.write_all(text.as_bytes()) {
        Ok(()) => ControlFlow::Continue(()),
        // A reader that has gone away has read enough.
        Err(_) => ControlFlow::Break(()),
    };
    if !listed {
        let _ = put(&format!("{head}\n"));
    } else if put(head.strip_suffix('}').unwrap_or(&head)).is_continue()
        && put(",\"items\":[").is_continue()
    {
        let mut first = true;
        each(ledger, names, args, &mut |told| {
            let comma = if std::mem::take(&mut first) { "" } else { "," };
            let failure = told.failure.as_ref().map(|failure| {
                json!({ "code": failure.code, "message": failure.message, "hint": failure.hint })
            });
            let item = json!({
                "address": told.address.to_string(), "status": told.status.word(), "flowId": told.flow_id,
                "failure": failure,
            });
            put(&format!("{comma}\n{item}"))
        })?;
        let _ = put("\n]}\n");
    }
    let _ = out.flush();
    Ok(())
}

/// Every thing and item that was asked for.
fn each(
    ledger: &Sqlite,
    names: &Names,
    args: &Args,
    tell: &mut dyn FnMut(&Told<'_>) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    if !args.failed && !args.in_doubt {
        return Ok(());
    }
    let means =
        |address: &Address| selected(&args.matching.target, &args.matching.exclude, address);
    if args.in_doubt {
        ledger.each_thing(&mut |known| {
            let address = names.address(known.kind, &known.identity);
            if known.thing.remote_id.is_some() || !means(&address) {
                return ControlFlow::Continue(());
            }
            tell(&Told {
                address: &address,
                status: Status::InDoubt,
                flow_id: None,
                failure: Some(Failure {
                    code: None,
                    message: format!("whether the {} was made is not known", known.kind.word()),
                    hint: "apply again: it is looked up first".to_owned(),
                }),
            })
        })?;
    }
    ledger.each_item(FLOW_ID, &mut |known| {
        let address = Address::item(&known.flow, &known.key);
        let (status, failure) = report::recorded(&known.record);
        let wanted = match status {
            Status::Failed => args.failed,
            Status::InDoubt => args.in_doubt,
            _ => false,
        };
        if !wanted || !means(&address) {
            return ControlFlow::Continue(());
        }
        tell(&Told {
            address: &address,
            status,
            flow_id: known.answered,
            failure,
        })
    })?;
    Ok(())
}
