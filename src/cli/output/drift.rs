//! Renders the differences between the ledger and the service, after the plan.

use serde_json::{Value, json};

use super::plan_text::labeled;
use super::style::{DIM, RESET, YELLOW};
use super::{env_values, out};
use crate::plan::Drift;

/// The note on state that the service does not return.
const NOT_READ: &str = t_key!(
    "not read, because the service does not return it: fields of accounts, grants of silent signing, seals and templates as such"
);

/// Renders the differences as text.
pub(in crate::cli) fn lines(drift: &[Drift]) -> Vec<String> {
    let count = match drift.len() {
        0 => t!("none between the ledger and the service").into_owned(),
        count => out::plural(
            count,
            t_key!("%{count} difference between the ledger and the service"),
            t_key!("%{count} differences between the ledger and the service"),
        ),
    };
    let mut lines = vec![String::new(), labeled(t_key!("Drift:"), &count)];
    lines.extend(drift.iter().map(|drift| {
        let hint = match drift.hint.as_str() {
            "" => String::new(),
            hint => format!("  {DIM}{hint}{RESET}"),
        };
        let text = format!(
            "{YELLOW}≠{RESET} {}  {}{hint}",
            drift.address, drift.difference
        );
        env_values::masked(&text).into_owned()
    }));
    lines.push(format!("{DIM}{}{RESET}", t!(NOT_READ)));
    lines
}

/// Returns the differences as JSON.
pub(in crate::cli) fn json(drift: &[Drift]) -> Value {
    let drift = drift.iter().map(|drift| {
        json!({
            "address": drift.address.to_string(),
            "difference": drift.difference,
            "hint": drift.hint,
        })
    });
    env_values::masked_json(drift.collect())
}
