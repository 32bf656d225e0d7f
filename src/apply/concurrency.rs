//! The number of items in progress.

use crate::client::Client;

/// The most items or questions in progress at the same time: three times the requests that may be in flight, since items also wait
/// for the ledger and before retries. With a concurrency of 1, it is always one after the other.
pub(super) fn in_progress(client: &Client) -> usize {
    match client.concurrency() {
        1 => 1,
        concurrency => 3 * concurrency,
    }
}
