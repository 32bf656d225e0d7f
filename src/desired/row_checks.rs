//! Evaluates the checks of a flow for its rows, and for the rows together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use minijinja::value::{Value, ValueKind};

use super::rendering::Rendering;
use super::row_set::RowSet;
use crate::diagnostic::{Diagnostic, Severity};
use crate::expr::{EvalError, Expr, Scope, Totals, is_summand, mask};
use crate::manifest::Check;
use crate::sheet::Row;

/// Evaluates the checks of a row. A check that fails with level error, or cannot be evaluated, is an
/// error of the row.
///
/// Returns the indexes of the checks that fail with level warning, with their messages.
pub(super) fn check_row<'c>(
    checks: impl Iterator<Item = &'c Check>,
    row: Option<&Row>,
    rendering: &mut Rendering<'_>,
) -> Vec<(usize, Diagnostic)> {
    let mut warnings = Vec::new();
    for (at, check) in checks.enumerate() {
        if let Some(row) = row {
            check_summands(check, row, rendering);
        }
        if !check.is_of_row() || check.that.uses().flow || check.that.is_placeholder() {
            continue;
        }
        let that = &check.that;
        match holds(that, rendering.evaluate(that)) {
            Ok(true) => {}
            Ok(false) => {
                let message = match &check.message {
                    Some(own) => match rendering.evaluate(own) {
                        Ok(message) => message.to_string(),
                        Err(error) => {
                            rendering.evaluation_error("message", own, error);
                            continue;
                        }
                    },
                    None => default_message(that),
                };
                let hint = t!("correct the row, or the check");
                let failed = rendering.diagnostic(that, that.span(), message, hint);
                match Severity::from(check.level) {
                    Severity::Error => rendering.errors.push(failed),
                    Severity::Warning => warnings.push((at, failed)),
                }
            }
            Err(NoCondition::Kind(error)) => rendering.errors.push(error),
            Err(NoCondition::Error(error)) => {
                rendering.evaluation_error(&t!("the check"), that, error);
            }
        }
    }
    warnings
}

/// Reports the cells that a check of the flow cannot add up.
fn check_summands(check: &Check, row: &Row, rendering: &mut Rendering<'_>) {
    for column in check.sums() {
        let cell = row.get(column).unwrap_or_default();
        let place = row.place(Some(column)).into();
        let is_known = |error: &Diagnostic| error.place.as_ref() == Some(&place);
        if is_summand(cell) || rendering.errors.iter().any(is_known) {
            continue;
        }
        let error = Diagnostic::error(t!(
            "%{column} is not a number that can be added up",
            column = column
        ));
        rendering.errors.push(
            error
                .at(place.clone())
                .related(check.that.span(), t!("added up here"))
                .hint(t!("enter a number such as 120000.50, or clear the cell")),
        );
    }
}

/// Evaluates the checks of the rows together. `invalid` is the number of rows that are not counted
/// because they are invalid.
pub(super) fn check_flow<'c>(
    checks: impl Iterator<Item = &'c Check>,
    flow: &str,
    scope: &Scope,
    (totals, invalid): (&Totals, u64),
) -> Vec<Diagnostic> {
    let scope = scope.with_flow(totals);
    let mut found = Vec::new();
    for check in checks {
        let that = &check.that;
        if check.is_of_row() || that.is_placeholder() || that.literal().is_some() {
            continue;
        }
        let failed = match holds(that, that.value(&scope)) {
            Ok(true) => continue,
            Ok(false) => match &check.message {
                Some(own) => own.value(&scope).map(|message| message.to_string()),
                None => Ok(default_message(that)),
            },
            Err(NoCondition::Kind(error)) => {
                found.push(error);
                continue;
            }
            Err(NoCondition::Error(error)) => Err(error),
        };
        found.push(match failed {
            Ok(message) => Diagnostic {
                severity: check.level.into(),
                ..Diagnostic::error(format!("flows.{flow}: {message}"))
                    .at(that.span())
                    .hint(totals_hint(that, totals, invalid))
            },
            Err(error) => {
                let hint = error.hint.unwrap_or_default();
                let message = t!(
                    "%{name}: %{error}",
                    name = t!("the check"),
                    error = error.message
                );
                Diagnostic::error(message).at(that.span()).hint(hint)
            }
        });
    }
    found
}

/// Returns a hint with the totals that a condition uses.
fn totals_hint(that: &Expr, totals: &Totals, invalid: u64) -> String {
    let is_named = |name: &str| match name.strip_prefix("flow.sum.") {
        Some(column) => that.uses().sums.contains(column),
        None => that.source().contains(name),
    };
    let all = totals.described().into_iter();
    let all = all.filter(|(name, _)| is_named(name));
    let shown: Vec<String> = all
        .map(|(name, value)| t!("%{name} is %{value}", name = name, value = value).into_owned())
        .collect();
    let correct = t!("correct the sheet, or the check");
    if shown.is_empty() {
        return correct.into_owned();
    }
    let shown = shown.join(", ");
    match invalid {
        0 => format!("{shown}: {correct}"),
        1 => t!(
            "%{totals}, without 1 invalid row: %{correct}",
            totals = shown,
            correct = correct
        )
        .into_owned(),
        count => t!(
            "%{totals}, without %{count} invalid rows: %{correct}",
            totals = shown,
            count = count,
            correct = correct
        )
        .into_owned(),
    }
}

fn default_message(that: &Expr) -> String {
    let condition = that.source().trim();
    let inner = condition
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"));
    let condition = inner.unwrap_or(condition).trim();
    t!("the check fails: %{condition}", condition = condition).into_owned()
}

/// The reason why a condition is neither true nor false.
enum NoCondition {
    Kind(Diagnostic),
    Error(EvalError),
}

/// Returns whether the condition holds. The texts `true` and `false` of a template count.
fn holds(that: &Expr, value: Result<Value, EvalError>) -> Result<bool, NoCondition> {
    let value = value.map_err(NoCondition::Error)?;
    match (value.kind(), value.as_str()) {
        (ValueKind::Bool, _) => return Ok(value.is_true()),
        (_, Some("true")) => return Ok(true),
        (_, Some("false")) => return Ok(false),
        _ => {}
    }
    let shown = value.to_string();
    let shown = if that.uses().row || that.uses().key {
        Cow::Owned(mask(&shown))
    } else {
        Cow::Borrowed(shown.as_str())
    };
    let error = Diagnostic::error(t!(
        "the check is neither true nor false: it returns the %{kind} %{value}",
        kind = value.kind(),
        value = shown
    ));
    Err(NoCondition::Kind(error.at(that.span()).hint(t!(
        "use a comparison, such as \"{{ row.金额 | float <= 200000 }}\""
    ))))
}

/// Collects the warnings of checks while rows are rendered in parallel: one for each check.
#[derive(Debug, Default)]
pub(super) struct CheckWarnings(Mutex<BTreeMap<usize, Group>>);

/// The rows that fail one check.
#[derive(Debug)]
struct Group {
    /// The warning of the first row.
    first: Diagnostic,
    rows: RowSet,
}

impl CheckWarnings {
    /// Adds the warnings of a row.
    pub(super) fn add(&self, row: Option<&Row>, warnings: Vec<(usize, Diagnostic)>) {
        let number = row.map_or(1, |row| row.number);
        for (at, warning) in warnings {
            let mut groups = self.lock();
            let group = groups.entry(at).or_insert_with(|| Group {
                first: warning.clone(),
                rows: RowSet::default(),
            });
            group.rows.add(number);
            let first = group
                .first
                .place
                .as_ref()
                .and_then(crate::diagnostic::Place::row);
            if first.is_some_and(|first| number < first) {
                group.first = warning;
            }
        }
    }

    /// Returns the warnings in the order of the checks.
    pub(super) fn in_order(&self) -> Vec<Diagnostic> {
        let groups = self.lock();
        let warnings = groups.values().map(|Group { first, rows }| Diagnostic {
            severity: Severity::Warning,
            message: rows.message(first.message.clone()),
            ..first.clone()
        });
        warnings.collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Group>> {
        // A poisoned lock is usable: at worst a row is missing from a warning.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
