//! The number of items in progress.

use crate::client::Client;

/// The most items in progress for each request that may be in flight.
const MAX_ITEMS_PER_REQUEST: usize = 16;

/// Whether another item may be begun while `in_progress` are. As many are worked on as requests may be in flight; items that wait
/// before a retry or a probe do not count, up to a bound. With a concurrency of 1, it is always one after the other.
pub(crate) fn has_room(client: &Client, in_progress: usize) -> bool {
    match client.concurrency() {
        1 => in_progress == 0,
        concurrency => {
            let active = in_progress.saturating_sub(client.delayed());
            active < concurrency && in_progress < MAX_ITEMS_PER_REQUEST * concurrency
        }
    }
}
