//! `treaty state list`: prints one line for each recorded resource and item.

use std::ops::ControlFlow;

use serde_json::{Value, json};

use crate::address::{Address, is_selected};
use crate::cli::args::{Format, Global, List};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::{ResourceNames, resolve_matching};
use crate::cli::exit::Exit;
use crate::cli::output::out;
use crate::diagnostic::Findings;
use crate::ledger::{KnownItem, KnownResource, Ledger, Records};
use crate::report;

pub(super) fn run(global: &Global, args: &List) -> anyhow::Result<Exit> {
    let context = LedgerContext::load_to_read(global)?;
    let ledger = context.read_ledger()?;
    let matching = resolve_matching(&ledger, &args.matching)?;
    let names = ResourceNames::build(&context.project, ledger.salt(), &mut Findings::default());
    let mut out = out::stream();
    let mut count = 0_u64;
    // A write error ends the list; it is reported when the command ends.
    let mut line = |address: &Address, text: &dyn Fn() -> String, value: &dyn Fn() -> Value| {
        if !is_selected(&matching.target, &matching.exclude, address) {
            return ControlFlow::Continue(());
        }
        count += 1;
        let written = match args.format {
            Format::Text => out.line(text()),
            Format::Json => out.json(format_args!("{}\n", value())),
        };
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    ledger.each_resource(&mut |known| {
        let address = names.address(known.kind, &known.identity);
        let text = || resource_text(&address, &known);
        line(&address, &text, &|| resource_json(&address, &known))
    })?;
    ledger.each_item_with_flow_id(&mut |known| {
        let address = Address::item(&known.flow, &known.key);
        let text = || item_text(&address, &known);
        line(&address, &text, &|| item_json(&address, &known))
    })?;
    // A write error is reported when the command ends.
    let _ = out.flush();
    drop(out);
    if count == 0 && args.format == Format::Text {
        context.note(t!("nothing is recorded"));
    }
    Ok(Exit::Done)
}

fn resource_text(address: &Address, known: &KnownResource) -> String {
    let id = known.resource.remote_id.as_deref();
    let kind = t!(known.kind.word());
    match id {
        Some(id) => format!("{address}  {kind} {id}"),
        None => format!("{address}  {}", t!("%{kind}, pending", kind = kind)),
    }
}

pub(super) fn resource_json(address: &Address, known: &KnownResource) -> Value {
    json!({
        "address": address.to_string(),
        "kind": known.kind.word(),
        "identity": known.identity,
        "id": known.resource.remote_id,
        "pending": known.resource.remote_id.is_none(),
    })
}

fn item_text(address: &Address, known: &KnownItem) -> String {
    let (status, _) = report::recorded(&known.record);
    let flow = match &known.flow_id {
        Some(id) => t!("flow %{id}", id = id),
        None => t!("no flow"),
    };
    let run = match &known.run {
        Some(_) => t!("run %{run}", run = last_run(known)).into_owned(),
        None => last_run(known),
    };
    let separator = t!(", ");
    format!(
        "{address}  {}{separator}{flow}{separator}{run}",
        t!(status.word())
    )
}

/// The last run of an item, and the number of attempts.
pub(super) fn last_run(known: &KnownItem) -> String {
    let attempts = out::plural(
        known.record.attempts as usize,
        t_key!("1 attempt"),
        t_key!("%{count} attempts"),
    );
    match &known.run {
        Some(run) => format!("{run}{}{attempts}", t!(", ")),
        None => t!("adopted").into_owned(),
    }
}

pub(super) fn item_json(address: &Address, known: &KnownItem) -> Value {
    json!({
        "address": address.to_string(),
        "kind": "item",
        "flow": known.flow,
        "key": known.key,
        "status": report::recorded(&known.record).0.word(),
        "run": known.run,
        "attempts": known.record.attempts,
        "contractNumber": known.record.contract_number(),
        "flowId": known.flow_id,
    })
}
