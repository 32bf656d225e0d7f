//! Rows that are rendered on a thread of their own while those before them are sent.

use std::sync::mpsc::sync_channel;
use std::thread::Scope;

use super::rows::Drafts;

/// So many rows are handed over at once: enough that threads seldom wake each other, few enough to weigh nothing.
const BATCH: usize = 32;

/// The same rows, of which a thread of the scope renders the next ones: three batches at most. It ends with the rows, or once
/// nobody takes any more.
pub fn ahead<'scope>(scope: &'scope Scope<'scope, '_>, rows: Drafts<'scope>) -> Drafts<'scope> {
    let (give, taken) = sync_channel(1);
    scope.spawn(move || {
        let mut rows = rows;
        loop {
            let batch: Vec<_> = rows.by_ref().take(BATCH).collect();
            if batch.is_empty() || give.send(batch).is_err() {
                return;
            }
        }
    });
    Box::new(taken.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::{Drafted, Outcome};

    fn rows(number: u64) -> (usize, Drafted) {
        let drafted = Drafted {
            number,
            row: None,
            key: None,
            outcome: Outcome::Skipped,
        };
        (0, drafted)
    }

    #[test]
    fn rows_come_in_their_order_and_end() {
        let numbers: Vec<u64> = std::thread::scope(|scope| {
            let rows = ahead(scope, Box::new((1..=100).map(rows)));
            rows.map(|(_, drafted)| drafted.number).collect()
        });
        assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn whoever_stops_taking_is_not_waited_for() {
        std::thread::scope(|scope| {
            let mut rows = ahead(scope, Box::new((1..).map(rows)));
            assert_eq!(rows.next().map(|(_, drafted)| drafted.number), Some(1));
        });
    }
}
