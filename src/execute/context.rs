//! What every durable step needs: the API, and the ledger that remembers what was asked of it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::clock::Clock;
use super::error::StepError;
use super::locks::Locks;
use crate::address::FileKey;
use crate::api::operation::Op;
use crate::client::Client;
use crate::ledger::{EntityId, Failure, ItemStatus, Ledger, Write};

/// Makes calls, and has the ledger remember them.
pub(crate) struct StepContext<'a> {
    pub(crate) ledger: &'a dyn Ledger,
    pub(crate) client: &'a Client,
    /// Tells this ledger's items from others' in callbacks.
    pub(crate) mark: String,
    /// The project's folder, where downloads go.
    pub(crate) root: &'a Path,
    pub(crate) clock: Clock,
    /// What this run has uploaded, by content and name.
    uploads: Mutex<HashMap<String, FileKey>>,
    uploading: Locks,
    /// Steps whose answers keep getting lost: a person is told each time that his task is made again.
    losing: Mutex<HashSet<(EntityId, String)>>,
    /// When this run began.
    born: Instant,
    /// Steps that were written down as begun by this run, and not by an earlier one.
    own: Mutex<HashSet<(EntityId, String)>>,
    /// Items whose details have lacked somebody in this run.
    lacking: Mutex<HashSet<EntityId>>,
    /// Calls that would have to be looked up if nobody waited for their end.
    pub(crate) out: watch::Sender<usize>,
}

/// A call that would have to be looked up, until this is dropped.
pub(crate) struct UnsettledCall<'a>(&'a watch::Sender<usize>);

impl Drop for UnsettledCall<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|out| *out -= 1);
    }
}

impl<'a> StepContext<'a> {
    pub(crate) fn new(ledger: &'a dyn Ledger, client: &'a Client, root: &'a Path) -> Self {
        Self {
            mark: ledger.salt().of("thirdOrderNo").to_string()[..8].to_owned(),
            ledger,
            client,
            root,
            clock: Clock::start(),
            uploads: Mutex::default(),
            uploading: Locks::default(),
            losing: Mutex::default(),
            born: Instant::now(),
            own: Mutex::default(),
            lacking: Mutex::default(),
            out: watch::Sender::new(0),
        }
    }

    /// Notes a call that would have to be looked up.
    pub(crate) fn begin_unsettled(&self) -> UnsettledCall<'_> {
        self.out.send_modify(|out| *out += 1);
        UnsettledCall(&self.out)
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Uploads a file that several things may share: an image, an attachment. Once a run is enough.
    pub(crate) async fn shared_file(
        &self,
        file_name: &str,
        content_type: &str,
        bytes: &Bytes,
    ) -> Result<FileKey, StepError> {
        let what = format!(
            "{} {content_type} {file_name}",
            blake3::hash(bytes).to_hex()
        );
        let _only = self.uploading.lock(&what).await;
        if let Some(known) = self.uploads().get(&what).cloned() {
            return Ok(known);
        }
        let uploaded = self.client.upload(file_name, content_type, bytes).await;
        let key = uploaded.map_err(|failure| StepError::of(Op::UploadUrl, failure))?;
        self.uploads().insert(what, key.clone());
        Ok(key)
    }

    /// Whether a step is not to be tried again in this run, however often it is visited.
    pub(crate) fn is_losing(&self, subject: EntityId, step: &str) -> bool {
        let losing = self.losing.lock().unwrap_or_else(PoisonError::into_inner);
        losing.contains(&(subject, step.to_owned()))
    }

    pub(crate) fn note_losing(&self, subject: EntityId, step: &str) {
        let mut losing = self.losing.lock().unwrap_or_else(PoisonError::into_inner);
        losing.insert((subject, step.to_owned()));
    }

    /// Waits until nothing can be under way any more that an earlier run has called: a call that it made for a step without an
    /// answer would undo what this run does for it. What this run has begun itself is not waited for.
    pub(crate) async fn wait_for_earlier_run(&self, subject: EntityId, step: &str) {
        let own = |own: &HashSet<_>| own.contains(&(subject, step.to_owned()));
        if !own(&self.own.lock().unwrap_or_else(PoisonError::into_inner)) {
            sleep_until(self.born + self.late()).await;
        }
    }

    /// Notes a step that this run has written down as begun.
    pub(crate) fn note_own(&self, subject: EntityId, step: &str) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.insert((subject, step.to_owned()));
    }

    /// Notes that the details of an item's flow lack somebody; whether that is so for the first time in this run.
    pub(crate) fn is_first_lack(&self, subject: EntityId) -> bool {
        let mut lacking = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
        lacking.insert(subject)
    }

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
        // Nothing panics while it is held; what is in it stays true.
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
