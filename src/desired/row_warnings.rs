//! Collects the warnings about valid rows that probably contain a mistake, such as an invisible
//! character in a name.
//!
//! Warnings are grouped by problem and column: a million rows with one mistake give one warning,
//! with the number of rows and the first of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::label::label;
use super::row_set::RowSet;
use super::suspicion::Suspicion;
use crate::diagnostic::Diagnostic;
use crate::sheet::Row;

/// The maximum number of groups that are kept.
const MAX_GROUPS: usize = 200;

/// The problem, and the column or else the field.
type GroupKey = (&'static str, String);

/// Collects warnings while rows are rendered in parallel.
#[derive(Debug, Default)]
pub(super) struct RowWarnings(Mutex<BTreeMap<GroupKey, Group>>);

/// The rows with one problem in one column.
#[derive(Debug)]
struct Group {
    /// The suspicion in the first row; its first field.
    first: Suspicion,
    first_row: Row,
    rows: RowSet,
}

impl RowWarnings {
    /// Records the suspicions of a row.
    pub(super) fn add(&self, row: Option<&Row>, suspicions: Vec<Suspicion>) {
        let Some(row) = row.filter(|_| !suspicions.is_empty()) else {
            return;
        };
        let mut groups = self.lock();
        // The last to the first, so that a group keeps the first field of its first row.
        for suspicion in suspicions.into_iter().rev() {
            let subject = suspicion.column.as_ref().unwrap_or(&suspicion.field);
            let key = (suspicion.kind, subject.clone());
            if !groups.contains_key(&key) && groups.len() >= MAX_GROUPS {
                continue;
            }
            let group = groups.entry(key).or_insert_with(|| Group {
                first: suspicion.clone(),
                first_row: row.clone(),
                rows: RowSet::default(),
            });
            group.add(row, suspicion);
        }
    }

    /// Returns the warnings in the order of their first rows.
    pub(super) fn sorted(&self) -> Vec<Diagnostic> {
        let groups = self.lock();
        let mut groups: Vec<&Group> = groups.values().collect();
        groups.sort_by_key(|group| group.first_row.number);
        groups.into_iter().map(Group::warning).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupKey, Group>> {
        // A poisoned lock is usable: at worst a row is missing from a warning.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn add(&mut self, row: &Row, suspicion: Suspicion) {
        if row.number <= self.first_row.number {
            self.first = suspicion;
            self.first_row = row.clone();
        }
        self.rows.add(row.number);
    }

    fn warning(&self) -> Diagnostic {
        let Suspicion {
            field,
            kind,
            detail,
            column,
            hint,
        } = &self.first;
        let problem = format!("{} {}{detail}", label(field, column.as_deref()), t!(*kind));
        Diagnostic::warning(self.rows.message(problem))
            .at(self.first_row.place(column.as_deref()))
            .hint(t!(*hint))
    }
}
