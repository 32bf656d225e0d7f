//! The bound on the number of items in progress.

use crate::client::Client;

/// The most items in progress for each request that may be in flight.
const MAX_ITEMS_PER_REQUEST: usize = 16;

/// Returns whether another item may be started while `in_progress` items are in progress.
///
/// The number of active items is at most the number of requests that may be in flight. Items that
/// wait before a retry or a probe are not active; with them, the bound is [`MAX_ITEMS_PER_REQUEST`]
/// times as high. With a concurrency of 1, items are executed one at a time.
pub(crate) fn can_start_item(client: &Client, in_progress: usize) -> bool {
    match client.concurrency() {
        1 => in_progress == 0,
        concurrency => {
            let active = in_progress.saturating_sub(client.delayed());
            active < concurrency && in_progress < MAX_ITEMS_PER_REQUEST * concurrency
        }
    }
}
