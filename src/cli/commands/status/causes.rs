//! Shows failures and early ends grouped by cause.

use serde_json::{Value, json};

use crate::address::Address;
use crate::cli::output::style::{BOLD, DIM, RED, RESET};
use crate::report::{Cause, Causes};

/// The number of causes that are shown.
const SHOWN: usize = 8;

/// Returns the most frequent causes, each with an example and its hint.
pub(super) fn lines(causes: &Causes) -> Vec<String> {
    let (frequent, others) = causes.most_frequent(SHOWN);
    let mut lines: Vec<String> = frequent.into_iter().flat_map(cause_lines).collect();
    if others > 0 {
        lines.push(t!("… and %{count} with other causes", count = others).into_owned());
    }
    lines
}

fn cause_lines(cause: &Cause) -> Vec<String> {
    let status = cause.status.counted(cause.count);
    let message = message(cause);
    let examples: Vec<String> = cause
        .examples
        .iter()
        .take(2)
        .map(|example| Address::item(&example.flow, &example.key).to_string())
        .collect();
    let separator = t!(", ");
    let more = match cause.count {
        3.. => format!("{separator}…"),
        _ => String::new(),
    };
    let mut lines = vec![
        format!("{RED}{status}{RESET}  {BOLD}{message}{RESET}"),
        format!("  {DIM}{}{more}{RESET}", examples.join(&separator)),
    ];
    if !cause.hint.is_empty() {
        lines.push(format!("  {}: {}", t!("help"), cause.hint));
    }
    lines
}

fn message(cause: &Cause) -> String {
    match cause.code {
        Some(code) if !cause.message.contains(&code.to_string()) => {
            format!("{code} {}", cause.message)
        }
        _ => cause.message.clone(),
    }
}

/// Returns the most frequent causes.
pub(super) fn json(causes: &Causes) -> Vec<Value> {
    let (frequent, _) = causes.most_frequent(100);
    let cause = |cause: &Cause| {
        let examples = cause.examples.iter();
        let examples: Vec<String> = examples
            .map(|example| Address::item(&example.flow, &example.key).to_string())
            .collect();
        json!({
            "status": cause.status.word(), "count": cause.count, "code": cause.code,
            "message": cause.message, "hint": cause.hint, "examples": examples,
        })
    };
    frequent.into_iter().map(cause).collect()
}
