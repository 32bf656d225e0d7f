//! The context that the steps of a run share: the client, the ledger, and what this run has
//! learned.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::clock::Clock;
use super::error::{StepError, response_mismatch};
use super::locks::Locks;
use crate::address::FileKey;
use crate::api::operation::Op;
use crate::client::Client;
use crate::ledger::{EntityId, Failure, ItemStatus, Ledger, LedgerError, Write};
use crate::plan::Fatal;

/// The number of responses to other requests at which a run stops.
const MAX_MISMATCHED_RESPONSES: usize = 3;

/// The client, the ledger and the state that the steps of a run share.
pub(crate) struct StepContext<'a> {
    pub(crate) ledger: &'a dyn Ledger,
    pub(crate) client: &'a Client,
    /// The prefix of `thirdOrderNo`, by which callbacks for this ledger's items are recognized.
    pub(crate) order_prefix: String,
    /// The project's folder; download paths are relative to it.
    pub(crate) root: &'a Path,
    pub(crate) clock: Clock,
    /// The file keys of this run's shared uploads, by content hash, content type and name.
    uploads: Mutex<HashMap<String, FileKey>>,
    upload_locks: Locks,
    /// Steps that this run does not repeat any more, because their responses were lost repeatedly:
    /// each repetition notifies the signer.
    steps_with_lost_responses: Mutex<HashSet<(EntityId, String)>>,
    /// The start of this run.
    started_at: Instant,
    /// Steps whose intent was written by a reissue of this run, not by an earlier run.
    own_intents: Mutex<HashSet<(EntityId, String)>>,
    /// Items whose flow details lacked an added signer in this run.
    incomplete_details: Mutex<HashSet<EntityId>>,
    /// The number of responses that belonged to other rows or resources.
    mismatches: AtomicUsize,
    /// The number of calls in flight that would have to be probed if the run ended now.
    pub(crate) unsettled: watch::Sender<usize>,
}

/// Counts a call as unsettled until it is dropped.
pub(crate) struct UnsettledCall<'a>(&'a watch::Sender<usize>);

impl Drop for UnsettledCall<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl<'a> StepContext<'a> {
    /// Creates the context of a run that starts now.
    pub(crate) fn new(ledger: &'a dyn Ledger, client: &'a Client, root: &'a Path) -> Self {
        Self {
            order_prefix: ledger.salt().of("thirdOrderNo").to_string()[..8].to_owned(),
            ledger,
            client,
            root,
            clock: Clock::start(),
            uploads: Mutex::default(),
            upload_locks: Locks::default(),
            steps_with_lost_responses: Mutex::default(),
            started_at: Instant::now(),
            own_intents: Mutex::default(),
            incomplete_details: Mutex::default(),
            mismatches: AtomicUsize::new(0),
            unsettled: watch::Sender::new(0),
        }
    }

    /// Counts a call that would have to be probed if the run ended before its response.
    pub(crate) fn begin_unsettled(&self) -> UnsettledCall<'_> {
        self.unsettled.send_modify(|count| *count += 1);
        UnsettledCall(&self.unsettled)
    }

    /// Counts a response that belongs to another row or resource, and returns its failure.
    pub(crate) fn response_mismatch(&self, op: Op, why: &impl Display) -> Failure {
        self.mismatches.fetch_add(1, Ordering::Relaxed);
        warn!(operation = op.path(), "{why}");
        response_mismatch(format!("{op}: {why}"))
    }

    /// Returns an error once so many responses belonged to other rows or resources that the run must
    /// stop.
    pub(crate) fn check_mismatches(&self) -> Result<(), Fatal> {
        match self.mismatches.load(Ordering::Relaxed) {
            count if count >= MAX_MISMATCHED_RESPONSES => Err(Fatal::MismatchedResponses(count)),
            _ => Ok(()),
        }
    }

    /// Writes the response to a call to the ledger, and checks its ids against the recorded ones.
    pub(crate) async fn write_response(&self, op: Op, write: Write) -> Result<(), StepError> {
        match self.ledger.write(vec![write]).await {
            Err(LedgerError::Collision(collision)) => {
                Err(StepError::InDoubt(self.response_mismatch(op, &collision)))
            }
            result => Ok(result?),
        }
    }

    /// Returns the current time of the run's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Uploads a file that several items or seals may share, once in a run, and returns its key.
    pub(crate) async fn shared_file(
        &self,
        file_name: &str,
        content_type: &str,
        bytes: &Bytes,
    ) -> Result<FileKey, StepError> {
        let identity = format!(
            "{} {content_type} {file_name}",
            blake3::hash(bytes).to_hex()
        );
        let _guard = self.upload_locks.lock(&identity).await;
        if let Some(key) = self.uploads().get(&identity).cloned() {
            return Ok(key);
        }
        let uploaded = self.client.upload(file_name, content_type, bytes).await;
        let key = uploaded.map_err(|failure| StepError::of(Op::UploadUrl, failure))?;
        self.uploads().insert(identity, key.clone());
        Ok(key)
    }

    /// Returns whether a step must not be repeated in this run, because its responses were lost
    /// repeatedly.
    pub(crate) fn has_lost_responses(&self, subject: EntityId, step: &str) -> bool {
        let steps = self
            .steps_with_lost_responses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        steps.contains(&(subject, step.to_owned()))
    }

    /// Records that the responses of a step were lost repeatedly.
    pub(crate) fn record_lost_responses(&self, subject: EntityId, step: &str) {
        let mut steps = self
            .steps_with_lost_responses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        steps.insert((subject, step.to_owned()));
    }

    /// Waits until a call that an earlier run sent for a step without a receipt cannot take effect
    /// any more; a late one would undo this run's. Does not wait if this run wrote the intent.
    pub(crate) async fn wait_for_earlier_run(&self, subject: EntityId, step: &str) {
        let is_own = {
            let intents = self
                .own_intents
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            intents.contains(&(subject, step.to_owned()))
        };
        if !is_own {
            sleep_until(self.started_at + self.late()).await;
        }
    }

    /// Records that this run has written the intent of a step.
    pub(crate) fn record_own_intent(&self, subject: EntityId, step: &str) {
        let mut intents = self
            .own_intents
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        intents.insert((subject, step.to_owned()));
    }

    /// Records that the details of an item's flow lack an added signer. Returns whether this is the
    /// first time in this run.
    pub(crate) fn is_first_lack(&self, subject: EntityId) -> bool {
        let mut items = self
            .incomplete_details
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        items.insert(subject)
    }

    /// Records an item's status, and waits until it is on disk. `drop_waiting`: also removes its
    /// deferred steps.
    pub(crate) async fn record_status(
        &self,
        id: EntityId,
        status: ItemStatus,
        failure: Option<Failure>,
        drop_waiting: bool,
    ) -> Result<(), StepError> {
        let mut writes = vec![Write::ItemEnded {
            id,
            status,
            failure,
            at: self.now(),
        }];
        if drop_waiting {
            writes.push(Write::DeferralsDropped { subject: id });
        }
        Ok(self.ledger.write(writes).await?)
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, HashMap<String, FileKey>> {
        // No code panics while it holds the lock, so the content of a poisoned lock is valid.
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
