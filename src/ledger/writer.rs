//! Group commit: one thread writes, and whatever waits goes into one transaction with one sync to disk.

use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::record::Write;
use super::{LedgerError, Written, store};

/// Writes that share one sync at most: enough that the disk's latency is spread thin, few enough that nobody waits long.
const GROUP: usize = 1024;

struct Job {
    writes: Vec<Write>,
    done: oneshot::Sender<Result<(), LedgerError>>,
}

/// The handle of the writing thread, which ends when the handle is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `broken` puts the database's words into an error.
    pub(super) fn start(
        mut connection: Connection,
        broken: impl Fn(&rusqlite::Error) -> LedgerError + Send + 'static,
    ) -> Self {
        let (queue, jobs) = mpsc::channel::<Job>();
        let thread = std::thread::spawn(move || {
            // After a failed write nothing may follow it: what comes later may build on it.
            let mut failed: Option<LedgerError> = None;
            while let Ok(first) = jobs.recv() {
                let mut group = vec![first];
                group.extend(jobs.try_iter().take(GROUP - 1));
                let result = match &failed {
                    Some(error) => Err(error.clone()),
                    None => commit(&mut connection, &group).map_err(|error| broken(&error)),
                };
                failed = failed.or_else(|| result.clone().err());
                for job in group {
                    // Nobody may be waiting, and that is fine.
                    let _ = job.done.send(result.clone());
                }
            }
        });
        Self {
            queue: Some(queue),
            thread: Some(thread),
        }
    }

    pub(super) fn write(&self, writes: Vec<Write>) -> Written {
        let (done, written) = oneshot::channel();
        if let Some(queue) = &self.queue {
            // A thread that is gone drops the sender, and whoever waits is told.
            let _ = queue.send(Job { writes, done });
        }
        Written(written)
    }
}

fn commit(connection: &mut Connection, group: &[Job]) -> rusqlite::Result<()> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for write in group.iter().flat_map(|job| &job.writes) {
        store::write(&transaction, write)?;
    }
    transaction.commit()
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread ends once it has written all that is queued.
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
