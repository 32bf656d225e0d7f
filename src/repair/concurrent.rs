//! Processes items concurrently, with a bounded number in progress.

use std::collections::VecDeque;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::execute::{StepError, Stop, stopped_now};
use crate::plan::Fatal;

/// How the processing ended.
pub(crate) enum Completion {
    /// All items were processed.
    All,
    /// It was stopped; this number of items was not started or not finished.
    Stopped(u64),
}

/// Processes each item, at most `concurrency` at the same time, and passes each result to `record`.
///
/// # Errors
///
/// Returns the first fatal error, once the items in progress have ended.
pub(crate) async fn for_each<T, R>(
    items: Vec<T>,
    concurrency: usize,
    stop: &watch::Receiver<Stop>,
    work: impl AsyncFn(T) -> Result<R, StepError>,
    mut record: impl FnMut(Result<R, StepError>),
) -> Result<Completion, Fatal> {
    let mut left = VecDeque::from(items);
    let mut in_progress = FuturesUnordered::new();
    let mut stop = stop.clone();
    let mut fatal = None;
    loop {
        while in_progress.len() < concurrency
            && fatal.is_none()
            && *stop.borrow() == Stop::No
            && let Some(item) = left.pop_front()
        {
            in_progress.push(work(item));
        }
        tokio::select! {
            biased;
            next = in_progress.next() => match next {
                Some(Err(StepError::Fatal(error))) => {
                    fatal.get_or_insert(error);
                }
                Some(result) => record(result),
                None => break,
            },
            () = stopped_now(&mut stop) => break,
        }
    }
    match fatal {
        Some(fatal) => Err(fatal),
        None if left.is_empty() && in_progress.is_empty() => Ok(Completion::All),
        None => Ok(Completion::Stopped((left.len() + in_progress.len()) as u64)),
    }
}
