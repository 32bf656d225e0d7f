//! Working through items, so many at the same time.

use std::collections::VecDeque;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::execute::{StepError, Stop, stopped_now};
use crate::plan::Fatal;

/// How far it came.
pub(crate) enum Through {
    /// All had their turn.
    All,
    /// It was asked to stop: so many had no turn, or no end.
    Stopped(u64),
}

/// Works on each item, `most` at the same time, and notes how each went. When nothing can go on, what is under way ends.
pub(crate) async fn each<T, R>(
    items: Vec<T>,
    most: usize,
    stop: &watch::Receiver<Stop>,
    work: impl AsyncFn(T) -> Result<R, StepError>,
    mut note: impl FnMut(Result<R, StepError>),
) -> Result<Through, Fatal> {
    let mut left = VecDeque::from(items);
    let mut window = FuturesUnordered::new();
    let mut stop = stop.clone();
    let mut fatal = None;
    loop {
        while window.len() < most
            && fatal.is_none()
            && *stop.borrow() == Stop::No
            && let Some(item) = left.pop_front()
        {
            window.push(work(item));
        }
        tokio::select! {
            biased;
            next = window.next() => match next {
                Some(Err(StepError::Fatal(why))) => {
                    fatal.get_or_insert(why);
                }
                Some(result) => note(result),
                None => break,
            },
            () = stopped_now(&mut stop) => break,
        }
    }
    match fatal {
        Some(fatal) => Err(fatal),
        None if left.is_empty() && window.is_empty() => Ok(Through::All),
        None => Ok(Through::Stopped((left.len() + window.len()) as u64)),
    }
}
