//! Group commit: one thread writes, and whatever waits goes into one transaction with one sync to disk.
//!
//! The same thread gives the signs of life of the lease, with every transaction and when nothing is written.

use std::collections::HashSet;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::lease::{self, BEAT, LeaseValidity};
use super::record::Write;
use super::{LedgerError, Written, store};
use crate::util::failpoint::failpoint;

/// Writes that share one sync at most: enough that the disk's latency is spread thin, few enough that nobody waits long.
const GROUP: usize = 1024;

/// When so many have shared a sync, the next ones are waited for …
const BUSY: usize = 4;
/// … so long: what a sync takes, more or less. Under load one sync then carries many times more.
const LINGER: Duration = Duration::from_micros(300);

enum Message {
    Write(Job),
    /// Nothing comes after it.
    End,
}

struct Job {
    writes: Vec<Write>,
    done: oneshot::Sender<Result<(), LedgerError>>,
}

/// The handle of the writing thread, which ends when the handle is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) queue: Queue,
    thread: Option<JoinHandle<()>>,
}

/// Where writes wait for the thread.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    messages: mpsc::Sender<Message>,
    /// Whoever gives a write stands still until it is on disk.
    pub(super) at_once: bool,
}

impl Queue {
    pub(super) fn write(&self, writes: Vec<Write>) -> Written {
        let (done, written) = oneshot::channel();
        // A thread that is gone drops the sender, and whoever waits is told.
        let _ = self.messages.send(Message::Write(Job { writes, done }));
        let written = Written(written);
        if self.at_once {
            // Nobody else gets a turn meanwhile, so that there is none to be yielded.
            let written = tokio::task::coop::unconstrained(written);
            return Written::known(futures::executor::block_on(written));
        }
        written
    }
}

/// What the thread works with.
pub(super) struct WriterState {
    pub(super) connection: Connection,
    /// The number of the lease.
    pub(super) fence: i64,
    pub(super) sure: LeaseValidity,
    /// Flows that this run has seen to be in the ledger.
    pub(super) flows: HashSet<String>,
}

impl Writer {
    /// Starts the thread. `broken` puts the database's words into an error.
    pub(super) fn start(
        mut desk: WriterState,
        broken: impl Fn(&rusqlite::Error) -> LedgerError + Send + 'static,
    ) -> Self {
        let (queue, messages) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // After a failed write nothing may follow it: what comes later may build on it.
            let mut failed: Option<LedgerError> = None;
            let mut ended = false;
            let mut busy = false;
            while !ended {
                let mut group = Vec::new();
                match messages.recv_timeout(BEAT) {
                    Ok(Message::Write(first)) => group.push(first),
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
                }
                if busy {
                    std::thread::sleep(LINGER);
                }
                while group.len() < GROUP && !ended {
                    match messages.try_recv() {
                        Ok(Message::Write(job)) => group.push(job),
                        Ok(Message::End) => ended = true,
                        Err(_) => break,
                    }
                }
                busy = group.len() >= BUSY;
                let result = match &failed {
                    Some(error) => Err(error.clone()),
                    None => desk.commit(&group).map_err(|error| match error {
                        WriteError::Taken(by) => {
                            // No call may go out any more, though its intent is on disk.
                            desk.sure.lose();
                            LedgerError::Taken(by)
                        }
                        WriteError::Broken(error) => broken(&error),
                    }),
                };
                // A sign of life alone may fail and be given later: then the lease tells whether it was in time.
                let matters = |error: &LedgerError| {
                    !group.is_empty() || matches!(error, LedgerError::Taken(_))
                };
                failed = failed.or_else(|| result.clone().err().filter(matters));
                for job in group {
                    // Nobody may be waiting, and that is fine.
                    let _ = job.done.send(result.clone());
                }
            }
            // Whoever comes next need not wait. What cannot be given back runs out.
            let _ = lease::give_back(&desk.connection, desk.fence);
        });
        Self {
            queue: Queue {
                messages: queue,
                at_once: false,
            },
            thread: Some(thread),
        }
    }
}

/// Why nothing was written.
enum WriteError {
    /// Another run has the ledger.
    Taken(String),
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

impl WriterState {
    fn commit(&mut self, group: &[Job]) -> Result<(), WriteError> {
        let moment = LeaseValidity::now();
        let behavior = rusqlite::TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        lease::beat(&transaction, self.fence, lease::now())?.map_err(WriteError::Taken)?;
        for write in group.iter().flat_map(|job| &job.writes) {
            if let Write::ItemBegun { flow, .. } = write
                && !self.flows.contains(flow)
            {
                store::flow(&transaction, flow)?;
                self.flows.insert(flow.clone());
            }
            store::write(&transaction, write)?;
        }
        failpoint("commit.before");
        transaction.commit()?;
        failpoint("commit.after");
        self.sure.renew(moment);
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread ends once it has written all that is queued.
        let _ = self.queue.messages.send(Message::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
