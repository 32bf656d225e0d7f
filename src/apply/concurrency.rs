//! The number of items in progress.

use crate::client::Client;

/// The most items in progress for each request that may be in flight.
const MOST: usize = 16;

/// Whether another item may be begun while `in_progress` are. As many are worked on as requests may be in flight; those that wait before a
/// retry or a probe do not count, up to a bound.
pub(super) fn has_room(client: &Client, in_progress: usize) -> bool {
    let concurrency = client.concurrency();
    let delayed = client.delayed();
    in_progress < MOST * concurrency && in_progress.saturating_sub(delayed) < concurrency
}
