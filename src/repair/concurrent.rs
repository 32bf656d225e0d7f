//! Processes items concurrently, with a bounded number in progress.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::execute::{Stop, stop_requested};

/// Processes items, at most `concurrency` at the same time, and passes each result to `record`. No
/// item is started once a stop is requested; `Stop::Now` also ends the items in progress.
///
/// # Errors
///
/// Returns the first error of `items` or `record` at once, and drops the items in progress.
pub(crate) async fn for_each<T, R, E>(
    items: impl Iterator<Item = Result<T, E>>,
    concurrency: usize,
    stop: &watch::Receiver<Stop>,
    work: impl AsyncFn(T) -> R,
    mut record: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let mut items = items.fuse();
    let mut in_progress = FuturesUnordered::new();
    let mut stop = stop.clone();
    loop {
        while in_progress.len() < concurrency
            && *stop.borrow() == Stop::No
            && let Some(item) = items.next()
        {
            in_progress.push(work(item?));
        }
        tokio::select! {
            biased;
            next = in_progress.next() => match next {
                Some(result) => record(result)?,
                None => return Ok(()),
            },
            () = stop_requested(&mut stop, Stop::Now) => return Ok(()),
        }
    }
}
