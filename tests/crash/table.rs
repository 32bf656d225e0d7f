//! The results of the crash tests as a table.

use std::collections::BTreeMap;

/// The differences between the world and the expected results.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counted {
    /// Redundant tasks and flows.
    pub(crate) duplicates: usize,
    /// Missing tasks, links and files.
    pub(crate) lost: usize,
    /// Items that are reported as in doubt.
    pub(crate) in_doubt: usize,
    /// Tasks that were undone and created again because their link was lost.
    pub(crate) again: usize,
}

/// Counts by failpoint, or by another cause.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<String>,
    /// The number of killed runs, and the sum of their counts.
    counts: BTreeMap<String, (usize, Counted)>,
}

impl Table {
    /// Returns a table of these causes without counts.
    pub(crate) fn new(causes: &[&str]) -> Self {
        let rows: Vec<String> = causes.iter().map(|cause| (*cause).to_owned()).collect();
        Self {
            counts: rows
                .iter()
                .cloned()
                .map(|row| (row, (0, Counted::default())))
                .collect(),
            rows,
        }
    }

    pub(crate) fn add(&mut self, cause: &str, counted: Counted) {
        let (runs, all) = self.counts.get_mut(cause).expect("a cause of the table");
        *runs += 1;
        all.duplicates += counted.duplicates;
        all.lost += counted.lost;
        all.in_doubt += counted.in_doubt;
        all.again += counted.again;
    }

    pub(crate) fn print(&self, cause: &str) {
        println!("| {cause} | runs | duplicates | lost | in doubt | links made again |");
        println!("|---|--:|--:|--:|--:|--:|");
        for row in &self.rows {
            let (runs, counted) = &self.counts[row];
            println!(
                "| `{row}` | {runs} | {} | {} | {} | {} |",
                counted.duplicates, counted.lost, counted.in_doubt, counted.again
            );
        }
    }

    pub(crate) fn assert_clean(&self) {
        for (cause, (runs, counted)) in &self.counts {
            assert!(*runs > 0, "no run passes {cause}");
            let clean = (counted.duplicates, counted.lost, counted.in_doubt) == (0, 0, 0);
            assert!(clean, "{cause}: {counted:?}");
        }
    }
}
