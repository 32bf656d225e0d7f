//! `treaty state mv`: records a flow under another name.

use crate::address::Address;
use crate::cli::args::{Global, Move};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::exit::{CliError, Exit};
use crate::ledger::{Ledger, LedgerError, Store, VersionPolicy, Write};

pub(super) fn run(global: &Global, args: &Move) -> anyhow::Result<Exit> {
    let (from, to) = (flow(&args.from)?, flow(&args.to)?);
    if from == to {
        let message = t!("flows.%{flow} has this name already", flow = from);
        return Err(CliError::new(Exit::Usage, message, t!("name another flow")).into());
    }
    let context = LedgerContext::load(global, Some(&args.consent))?;
    let ledger = context.lock_ledger(VersionPolicy::Correct)?;
    let items = count(&ledger, from)?;
    if items == 0 {
        let known = ledger.flows()?;
        let hint = match crate::diagnostic::did_you_mean(from, known.iter().map(String::as_str)) {
            Some(near) => t!("did you mean %{near}?", near = format!("flows.{near}")),
            None => t!("treaty state list lists all recorded addresses"),
        };
        let message = t!("no item of flows.%{flow} is recorded", flow = from);
        return Err(CliError::new(Exit::Usage, message, hint).into());
    }
    if count(&ledger, to)? > 0 {
        let message = t!("flows.%{flow} has recorded items already", flow = to);
        let hint = t!("two flows cannot become one: choose another name");
        return Err(CliError::new(Exit::Usage, message, hint).into());
    }
    context.note(t!(
        "%{count} recorded items of flows.%{from} become items of flows.%{to}; nothing changes at the service",
        count = items,
        from = from,
        to = to
    ));
    let flows = &context.project.flows;
    if flows.contains_key(from) {
        context.note(t!(
            "the manifests still declare flows.%{flow}: the next apply would send all its rows again as new contracts",
            flow = from
        ));
    }
    if !flows.contains_key(to) {
        context.note(t!("no manifest declares flows.%{flow} yet", flow = to));
    }
    let done = t!(
        "flows.%{from} is recorded as flows.%{to}",
        from = from,
        to = to
    );
    let write = Write::FlowRenamed {
        from: from.to_owned(),
        to: to.to_owned(),
    };
    context.confirm_and_write(&args.consent, &ledger, vec![write], &done)
}

/// Returns the name of a flow. Other resources are recorded by their identity, not by their name.
fn flow(address: &Address) -> Result<&str, CliError> {
    let hint = match address {
        Address::Flow(name) => return Ok(name),
        Address::Item { .. } => t!("an item keeps its key: move its flow, such as flows.loans"),
        _ => {
            t!(
                "accounts, seals and templates are recorded by thirdId, alias and file: rename them in the manifests, with an entry in moved"
            )
        }
    };
    let message = t!("%{address} cannot be moved", address = address);
    Err(CliError::new(Exit::Usage, message, hint))
}

fn count(ledger: &Store, flow: &str) -> Result<u64, LedgerError> {
    let mut items = 0;
    ledger.items(flow, &mut |_, _| items += 1)?;
    Ok(items)
}
