//! `treaty state show`: prints all that is recorded of one resource or item. Signing links are
//! masked on a terminal.

use std::io::IsTerminal;

use serde_json::{Value, json};

use super::list::{item_json, last_run, resource_json};
use crate::cli::args::{Format, Global, Show};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::{FoundRecord, ResourceNames};
use crate::cli::exit::Exit;
use crate::cli::output::links::{checked, masked_in};
use crate::cli::output::out;
use crate::cli::output::style::{BOLD, RESET};
use crate::diagnostic::Findings;
use crate::ledger::{ADDED_MARKS, KnownItem, KnownResource, KnownStep, Ledger, Step, is_kept};
use crate::report;

pub(super) fn run(global: &Global, args: &Show) -> anyhow::Result<Exit> {
    let context = LedgerContext::load_to_read(global)?;
    let ledger = context.read_ledger()?;
    let names = ResourceNames::build(&context.project, ledger.salt(), &mut Findings::default());
    let address = &args.address;
    match names.find(&ledger, address)? {
        FoundRecord::Resource(known) => match args.format {
            Format::Text => resource_text(&names, &known),
            Format::Json => {
                let mut value = resource_json(&names.address(known.kind, &known.identity), &known);
                value["fields"] = known.resource.fields.keys().cloned().collect();
                value["silentSign"] = known.resource.grant.map_or(
                    Value::Null,
                    |grant| json!({ "granted": true, "deadline": grant.deadline }),
                );
                out::json(&value);
            }
        },
        FoundRecord::Item(known, steps) => match args.format {
            Format::Text => item_text(address, &known, &steps),
            Format::Json => {
                let (_, failure) = report::recorded(&known.record);
                let mut value = item_json(address, &known);
                value["sent"] = known.record.sent.into();
                value["failure"] = failure.map_or(Value::Null, |failure| {
                    json!({ "code": failure.code, "message": failure.message, "hint": failure.hint })
                });
                let mask = std::io::stdout().is_terminal();
                value["steps"] = steps.iter().map(|step| step_json(step, mask)).collect();
                out::json(&value);
            }
        },
    }
    Ok(Exit::Done)
}

/// Writes a value after the key of its name.
fn row(name: &str, value: impl std::fmt::Display) {
    let name = t!(name);
    // A Chinese character takes two cells of a terminal.
    let width: usize = name.chars().map(|c| 1 + usize::from(!c.is_ascii())).sum();
    let blanks = 9_usize.saturating_sub(width);
    out::line(format_args!("  {name}{:blanks$} {value}", ""));
}

fn resource_text(names: &ResourceNames, known: &KnownResource) {
    out::line(format_args!(
        "{BOLD}{}{RESET}  {}",
        names.address(known.kind, &known.identity),
        t!(known.kind.word())
    ));
    row(t_key!("identity"), known.identity.replace('\n', ", "));
    match &known.resource.remote_id {
        Some(id) => row("id", id),
        None => row(
            "id",
            t!("none: its creation is pending or was interrupted; the next apply looks it up"),
        ),
    }
    let fields: Vec<&str> = known.resource.fields.keys().map(String::as_str).collect();
    if is_kept(&known.resource.fields) {
        row(
            t_key!("set"),
            t!("nothing: it existed before, and existingAccounts: keep applies"),
        );
    } else if !fields.is_empty() {
        row(t_key!("set"), fields.join(", "));
    }
    if let Some(grant) = known.resource.grant {
        let until = grant
            .deadline
            .and_then(|deadline| jiff::Timestamp::from_millisecond(deadline).ok())
            .map(crate::api::time::text);
        match until {
            Some(until) => row(
                t_key!("granted"),
                t!("silent signing, until %{until}", until = until),
            ),
            None => row(t_key!("granted"), t!("silent signing, without an end date")),
        }
    }
}

fn item_text(address: &crate::address::Address, known: &KnownItem, steps: &[KnownStep]) {
    let (status, failure) = report::recorded(&known.record);
    out::line(format_args!(
        "{BOLD}{address}{RESET}  {}",
        t!(status.word())
    ));
    if let Some(failure) = failure {
        row(t_key!("error"), failure.message);
        if !failure.hint.is_empty() {
            row(t_key!("help"), failure.hint);
        }
    }
    row(
        t_key!("sent"),
        if known.record.sent {
            t!("yes: a signer was asked to sign, or may have been")
        } else {
            t!("no: no signer was asked to sign")
        },
    );
    if known.record.earlier > 0 {
        let number = known.record.contract_number();
        row(
            t_key!("contract"),
            t!("%{number}: sent again under the same key", number = number),
        );
    }
    let no_flow = t!("none");
    row(t_key!("flow"), known.flow_id.as_deref().unwrap_or(&no_flow));
    row(t_key!("run"), last_run(known));
    if steps.is_empty() {
        return;
    }
    row(t_key!("steps"), "");
    let width = |text: fn(&KnownStep) -> &str| {
        let widths = steps.iter().map(|step| text(step).chars().count());
        widths.max().unwrap_or(0)
    };
    let (names, operations) = (width(|step| &step.name), width(|step| &step.operation));
    for step in steps {
        out::line(format_args!(
            "    {:<names$}  {:<operations$}  {}",
            step.name,
            step.operation,
            step_state(step)
        ));
    }
}

/// Describes the state of a step.
fn step_state(step: &KnownStep) -> String {
    match &step.step {
        Step::Deferred(deferral) => {
            t!("waits for %{steps}", steps = deferral.after.join(", ")).into_owned()
        }
        Step::Intent(_) => {
            t!("in doubt: the request may have been sent, the response is unknown").into_owned()
        }
        Step::Receipt(receipt) => {
            // Links are shown in JSON and by treaty status --links.
            let fields = receipt_text(&masked_in(receipt));
            if fields.is_empty() {
                t!("done").into_owned()
            } else {
                t!("done: %{fields}", fields = fields).into_owned()
            }
        }
    }
}

/// Formats the fields of a receipt.
fn receipt_text(receipt: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match receipt {
        Value::Null => String::new(),
        Value::Object(fields) => {
            let is_response = |name: &str| !ADDED_MARKS.contains(&name);
            let fields = fields
                .iter()
                .filter(|(name, value)| is_response(name) && **value != json!(""));
            let parts: Vec<String> = fields
                .map(|(name, value)| format!("{name} {}", text(value)))
                .collect();
            parts.join(", ")
        }
        Value::Array(all) => all.iter().map(receipt_text).collect::<Vec<_>>().join("; "),
        other => text(other),
    }
}

/// A step as JSON. The request is omitted: it may contain a password.
fn step_json(step: &KnownStep, mask: bool) -> Value {
    let mut value = json!({ "name": step.name, "operation": step.operation });
    match &step.step {
        Step::Deferred(deferral) => {
            value["state"] = "waiting".into();
            value["after"] = json!(deferral.after);
        }
        Step::Intent(_) => value["state"] = "in_doubt".into(),
        Step::Receipt(receipt) => {
            value["state"] = "answered".into();
            value["answer"] = if mask {
                masked_in(receipt)
            } else {
                checked(receipt)
            };
        }
    }
    value
}
