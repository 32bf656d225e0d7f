//! Collects the warnings about valid rows that probably contain a mistake, such as an invisible
//! character in a name.
//!
//! Warnings are grouped by problem and column: a million rows with one mistake give one warning,
//! with the number of rows and the first of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::label::label;
use super::suspicion::Suspicion;
use crate::diagnostic::Diagnostic;
use crate::sheet::Row;

/// The maximum number of groups that are kept.
const MAX_GROUPS: usize = 200;

/// The number of rows that a warning names.
const SHOWN_ROWS: usize = 3;

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
    /// A bit for each row: a row may be rendered more than once.
    rows: Vec<u64>,
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
                rows: Vec::new(),
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
        let Ok(number) = usize::try_from(row.number) else {
            return;
        };
        let (word, bit) = (number / 64, number % 64);
        if self.rows.len() <= word {
            self.rows.resize(word + 1, 0);
        }
        self.rows[word] |= 1 << bit;
    }

    fn numbers(&self) -> impl Iterator<Item = usize> {
        let words = self.rows.iter().enumerate();
        words.flat_map(|(word, bits)| {
            let set = (0..64).filter(move |bit| bits >> bit & 1 == 1);
            set.map(move |bit| word * 64 + bit)
        })
    }

    fn warning(&self) -> Diagnostic {
        let Suspicion {
            field,
            kind,
            detail,
            column,
            hint,
        } = &self.first;
        let count: u32 = self.rows.iter().map(|bits| bits.count_ones()).sum();
        let problem = format!("{} {}{detail}", label(field, column.as_deref()), t!(*kind));
        let message = if count > 1 {
            let shown = self.numbers().take(SHOWN_ROWS);
            let shown: Vec<String> = shown.map(|row| row.to_string()).collect();
            let more = if count as usize > SHOWN_ROWS {
                ", …"
            } else {
                ""
            };
            let rows = shown.join(", ") + more;
            t!(
                "%{problem}, in %{count} rows: %{rows}",
                problem = problem,
                count = count,
                rows = rows
            )
        } else {
            problem.into()
        };
        Diagnostic::warning(message)
            .at(self.first_row.place(column.as_deref()))
            .hint(t!(*hint))
    }
}
