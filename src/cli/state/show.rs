//! `treaty state show`: all that is known of one thing or item. Links let people sign, and are masked on the screen.

use std::io::IsTerminal;

use serde_json::{Value, json};

use super::super::args::{Format, Global, Show};
use super::super::exit::Exit;
use super::super::links::masked_in;
use super::super::out;
use super::list::{item_json, thing_json, worked};
use super::{FLOW_ID, Found, Names, Place};
use crate::diagnostic::Findings;
use crate::ledger::{KnownItem, KnownResource, KnownStep, Ledger, Step};
use crate::report;

pub(super) fn run(global: &Global, args: &Show) -> anyhow::Result<Exit> {
    let place = Place::of(global, None)?;
    let ledger = place.read()?;
    let names = Names::of(&place.project, ledger.salt(), &mut Findings::default());
    let address = &args.address;
    match names.find(&ledger, address)? {
        Found::Resource(known) => match args.format {
            Format::Text => thing_text(&names, &known),
            Format::Json => {
                let mut value = thing_json(&names.address(known.kind, &known.identity), &known);
                value["fields"] = known.resource.fields.keys().cloned().collect();
                value["silentSign"] = known.resource.grant.map_or(
                    Value::Null,
                    |grant| json!({ "granted": true, "deadline": grant.deadline }),
                );
                out::line(format_args!("{value:#}"));
            }
        },
        Found::Item(mut known, steps) => {
            known.answered = answered(&steps);
            match args.format {
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
                    out::line(format_args!("{value:#}"));
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// The flow of an item.
pub(super) fn answered(steps: &[KnownStep]) -> Option<String> {
    let process = steps.iter().find(|step| step.name == FLOW_ID.0)?;
    match &process.step {
        Step::Receipt(receipt) => Some(receipt.get(FLOW_ID.1)?.as_str()?.to_owned()),
        _ => None,
    }
}

fn row(name: &str, value: impl std::fmt::Display) {
    out::line(format_args!("  {name:<9} {value}"));
}

fn thing_text(names: &Names, known: &KnownResource) {
    out::line(format_args!(
        "\u{1b}[1m{}\u{1b}[0m  {}",
        names.address(known.kind, &known.identity),
        known.kind.word()
    ));
    row("known by", known.identity.replace('\n', ", "));
    match &known.resource.remote_id {
        Some(id) => row("id", id),
        None => row(
            "id",
            "none: it is being made, or its making was cut off; the next apply looks for it",
        ),
    }
    let fields: Vec<&str> = known.resource.fields.keys().map(String::as_str).collect();
    if !fields.is_empty() {
        row("set", fields.join(", "));
    }
    if let Some(grant) = known.resource.grant {
        let until = grant
            .deadline
            .and_then(|deadline| jiff::Timestamp::from_millisecond(deadline).ok())
            .map(crate::api::time::text);
        match until {
            Some(until) => row("granted", format!("silent signing, until {until}")),
            None => row("granted", "silent signing, for good"),
        }
    }
}

fn item_text(address: &crate::address::Address, known: &KnownItem, steps: &[KnownStep]) {
    let (status, failure) = report::recorded(&known.record);
    out::line(format_args!(
        "\u{1b}[1m{address}\u{1b}[0m  {}",
        status.word()
    ));
    if let Some(failure) = failure {
        row("error", failure.message);
        if !failure.hint.is_empty() {
            row("hint", failure.hint);
        }
    }
    row(
        "sent",
        if known.record.sent {
            "yes: somebody was, or may have been, asked to sign"
        } else {
            "no: nobody was asked to sign"
        },
    );
    row("flow", known.answered.as_deref().unwrap_or("none"));
    row("run", worked(known));
    if steps.is_empty() {
        return;
    }
    row("steps", "");
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
            stands(step)
        ));
    }
}

/// How a step stands, for people.
fn stands(step: &KnownStep) -> String {
    match &step.step {
        Step::Deferred(deferral) => format!("waits for {}", deferral.after.join(", ")),
        Step::Intent(_) => "may have gone out; its answer is not known".to_owned(),
        Step::Receipt(receipt) => {
            let told = told(&masked_in(receipt));
            if told.is_empty() {
                "answered".to_owned()
            } else {
                format!("answered: {told}")
            }
        }
    }
}

fn told(receipt: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match receipt {
        Value::Null => String::new(),
        Value::Object(fields) => {
            // What only the ledger's own marks say is nothing that was answered.
            let told = |name: &str| !["platform", "both"].contains(&name);
            let fields = fields
                .iter()
                .filter(|(name, value)| told(name) && **value != json!(""));
            let told: Vec<String> = fields
                .map(|(name, value)| format!("{name} {}", text(value)))
                .collect();
            told.join(", ")
        }
        Value::Array(all) => all.iter().map(told).collect::<Vec<_>>().join("; "),
        other => text(other),
    }
}

/// What is sent stays in the ledger: it may hold a password.
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
                receipt.clone()
            };
        }
    }
    value
}
