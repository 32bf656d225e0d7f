//! Rows that can be sent, and say something that nobody meant: `#N/A` for a name, or a key with a character that cannot be
//! seen. They are warned of.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::account::Who;
use super::check::{lost, unseen};
use super::document::DocumentSource;
use super::item::Item;
use crate::diagnostic::{Diagnostic, Place};
use crate::expr::Expr;
use crate::manifest::{self, Flow};
use crate::sheet::Row;

/// So many are remembered: the others are like them.
const MOST: usize = 1000;

/// What was doubtful, while rows are rendered on all cores.
#[derive(Debug, Default)]
pub(super) struct RowWarnings(Mutex<Vec<Diagnostic>>);

impl RowWarnings {
    /// Looks at an item, and remembers what is doubtful with its cell.
    pub(super) fn see(&self, flow: &Flow, row: Option<&Row>, item: &Item) {
        let Some(row) = row else { return };
        let key = flow.rows.as_ref().map(|rows| &rows.key);
        if let (Some(hidden), Some(expr)) = (item.key.chars().find(|c| unseen(*c)), key) {
            let code = u32::from(hidden);
            let what = format!("the key has a character that cannot be seen (U+{code:04X})");
            self.keep(&what, row, expr);
        }
        for (name, text, expr) in names(flow, item).chain(fields(flow, item)) {
            if let Some(lost) = lost(text) {
                self.keep(&format!("{name} is or has {lost}"), row, expr);
            }
        }
    }

    /// What was doubtful, in the sheet's order.
    pub(super) fn told(&self) -> Vec<Diagnostic> {
        self.all().clone()
    }

    fn keep(&self, what: &str, row: &Row, expr: &Expr) {
        let mut columns = expr.uses().columns.iter();
        let column = match (columns.next(), columns.next()) {
            (Some(column), None) => Some(column.as_str()),
            _ => None,
        };
        let doubt = Diagnostic::warning(what).at(row.place(column));
        let doubt = doubt.hint("correct the cell, unless it is meant so");
        let mut all = self.all();
        let is_before = |other: &Diagnostic| {
            let there = other.place.as_ref().and_then(Place::row);
            there <= Some(row.number)
        };
        let at = all.partition_point(is_before);
        // A row that is rendered twice is told of once.
        if all.len() < MOST && !all[..at].contains(&doubt) {
            all.insert(at, doubt);
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Diagnostic>> {
        // Nothing panics while it is held; what is in it stays true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of the row's people and organizations.
fn names<'a>(
    flow: &'a Flow,
    item: &'a Item,
) -> impl Iterator<Item = (&'a str, &'a String, &'a Expr)> {
    flow.accounts.iter().filter_map(|declared| {
        let name = match &item.accounts.get(&declared.name)?.who {
            Who::Person(person) => &person.name,
            Who::Organization(organization) => &organization.name,
        };
        let expr = match &declared.kind {
            manifest::RowAccountKind::Person(person) => &person.name,
            manifest::RowAccountKind::Organization(organization) => &organization.name,
        };
        Some(("name", name, expr))
    })
}

/// What fills the templates of the row.
fn fields<'a>(
    flow: &'a Flow,
    item: &'a Item,
) -> impl Iterator<Item = (&'a str, &'a String, &'a Expr)> {
    let documents = flow.documents.iter().zip(&item.documents);
    documents.flat_map(|(declared, document)| {
        let filled = match &document.source {
            DocumentSource::Template { fields, .. } => Some(fields),
            DocumentSource::File(_) => None,
        };
        let declared = match &declared.source {
            manifest::DocumentSource::Template {
                simple_form_fields, ..
            } => &simple_form_fields[..],
            manifest::DocumentSource::File(_) => &[],
        };
        declared
            .iter()
            .filter_map(move |(name, _, expr)| Some((name.as_str(), filled?.get(name)?, expr)))
    })
}
