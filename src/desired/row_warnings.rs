//! Warnings about valid rows that probably contain a mistake: a spreadsheet error such as `#N/A` as
//! a name, or an invisible character in a key.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::account::AccountHolder;
use super::check::{is_invisible, spreadsheet_error};
use super::document::DocumentSource;
use super::item::Item;
use crate::diagnostic::{Diagnostic, Place};
use crate::expr::Expr;
use crate::manifest::{Flow, RowAccountKind};
use crate::sheet::Row;

/// The maximum number of warnings that are kept.
const MAX_WARNINGS: usize = 1000;

/// Collects warnings while rows are rendered in parallel.
#[derive(Debug, Default)]
pub(super) struct RowWarnings(Mutex<Vec<Diagnostic>>);

impl RowWarnings {
    /// Checks the item of a row and records its warnings.
    pub(super) fn check(&self, flow: &Flow, row: Option<&Row>, item: &Item) {
        let Some(row) = row else { return };
        let key = flow.rows.as_ref().map(|rows| &rows.key);
        if let (Some(hidden), Some(expr)) = (item.key.chars().find(|c| is_invisible(*c)), key) {
            let code = u32::from(hidden);
            let message = format!("the key contains an invisible character (U+{code:04X})");
            self.add(&message, row, expr);
        }
        for (name, text, expr) in names(flow, item).chain(fields(flow, item)) {
            if let Some(error) = spreadsheet_error(text) {
                self.add(&format!("{name} contains {error}"), row, expr);
            }
        }
    }

    /// Returns the warnings in sheet order.
    pub(super) fn sorted(&self) -> Vec<Diagnostic> {
        self.lock().clone()
    }

    fn add(&self, message: &str, row: &Row, expr: &Expr) {
        let mut columns = expr.uses().columns.iter();
        let column = match (columns.next(), columns.next()) {
            (Some(column), None) => Some(column.as_str()),
            _ => None,
        };
        let warning = Diagnostic::warning(message).at(row.place(column));
        let warning = warning.hint("correct the cell, or ignore this warning if it is intended");
        let mut all = self.lock();
        let is_before = |other: &Diagnostic| {
            let there = other.place.as_ref().and_then(Place::row);
            there <= Some(row.number)
        };
        let at = all.partition_point(is_before);
        // A row may be rendered more than once.
        if all.len() < MAX_WARNINGS && !all[..at].contains(&warning) {
            all.insert(at, warning);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Diagnostic>> {
        // A poisoned lock is usable: warnings are inserted whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the names of the row's accounts: field, value and expression.
fn names<'a>(
    flow: &'a Flow,
    item: &'a Item,
) -> impl Iterator<Item = (&'a str, &'a String, &'a Expr)> {
    flow.accounts.iter().filter_map(|declared| {
        let name = match &item.accounts.get(&declared.name)?.holder {
            AccountHolder::Person(person) => &person.name,
            AccountHolder::Organization(organization) => &organization.name,
        };
        let expr = match &declared.kind {
            RowAccountKind::Person(person) => &person.name,
            RowAccountKind::Organization(organization) => &organization.name,
        };
        Some(("name", name, &**expr))
    })
}

/// Returns the form field values of the row's documents: field, value and expression.
fn fields<'a>(
    flow: &'a Flow,
    item: &'a Item,
) -> impl Iterator<Item = (&'a str, &'a String, &'a Expr)> {
    let documents = flow.documents.iter().zip(&item.documents);
    documents.flat_map(|(declared, document)| {
        let values = match &document.source {
            DocumentSource::Template { fields, .. } => Some(fields),
            DocumentSource::File(_) => None,
        };
        let declared = declared.simple_form_fields.iter();
        declared.filter_map(move |field| {
            let value = values?.get(&field.name)?;
            Some((field.name.as_str(), value, &*field.value))
        })
    })
}
