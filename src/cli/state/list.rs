//! `treaty state list`: everything that is recorded, a line each, as it is read.

use std::io::Write;
use std::ops::ControlFlow;

use serde_json::json;

use super::super::args::{Format, Global, List};
use super::super::exit::Exit;
use super::super::out;
use super::{FLOW_ID, Names, Place};
use crate::address::{Address, is_selected};
use crate::diagnostic::Findings;
use crate::ledger::{KnownItem, KnownResource, Ledger, Records};
use crate::report;

pub(super) fn run(global: &Global, args: &List) -> anyhow::Result<Exit> {
    let place = Place::of(global, None)?;
    let ledger = place.read()?;
    let names = Names::of(&place.project, ledger.salt(), &mut Findings::default());
    let mut out = out::stream();
    let mut count = 0_u64;
    // A reader that has gone away has read enough.
    let mut line = |address: &Address, text: &dyn Fn() -> String| {
        if !is_selected(&args.matching.target, &args.matching.exclude, address) {
            return ControlFlow::Continue(());
        }
        count += 1;
        match writeln!(out, "{}", text()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    ledger.each_resource(&mut |known| {
        let address = names.address(known.kind, &known.identity);
        line(&address, &|| match args.format {
            Format::Text => thing_text(&address, &known),
            Format::Json => thing_json(&address, &known).to_string(),
        })
    })?;
    ledger.each_item(FLOW_ID, &mut |known| {
        let address = Address::item(&known.flow, &known.key);
        line(&address, &|| match args.format {
            Format::Text => item_text(&address, &known),
            Format::Json => item_json(&address, &known).to_string(),
        })
    })?;
    // What is left in the buffer is a reader's choice too.
    let _ = out.flush();
    drop(out);
    if count == 0 && args.format == Format::Text {
        place.tell("Nothing is recorded.");
    }
    Ok(Exit::Done)
}

fn thing_text(address: &Address, known: &KnownResource) -> String {
    let id = known.resource.remote_id.as_deref();
    let kind = known.kind.word();
    match id {
        Some(id) => format!("{address}  {kind} {id}"),
        None => format!("{address}  {kind}, being made"),
    }
}

pub(super) fn thing_json(address: &Address, known: &KnownResource) -> serde_json::Value {
    json!({
        "address": address.to_string(),
        "kind": known.kind.word(),
        "identity": known.identity,
        "id": known.resource.remote_id,
        "beingMade": known.resource.remote_id.is_none(),
    })
}

fn item_text(address: &Address, known: &KnownItem) -> String {
    let (status, _) = report::recorded(&known.record);
    let flow = match &known.answered {
        Some(id) => format!("flow {id}"),
        None => "no flow".to_owned(),
    };
    let run = match &known.run {
        Some(_) => format!("run {}", worked(known)),
        None => worked(known),
    };
    format!("{address}  {}, {flow}, {run}", status.word())
}

/// The run that worked on an item last, and how many have.
pub(super) fn worked(known: &KnownItem) -> String {
    let times = match known.record.attempts {
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    };
    match &known.run {
        Some(run) => format!("{run}, {times}"),
        None => "taken over".to_owned(),
    }
}

pub(super) fn item_json(address: &Address, known: &KnownItem) -> serde_json::Value {
    json!({
        "address": address.to_string(),
        "kind": "item",
        "flow": known.flow,
        "key": known.key,
        "status": report::recorded(&known.record).0.word(),
        "run": known.run,
        "attempts": known.record.attempts,
        "flowId": known.answered,
    })
}
