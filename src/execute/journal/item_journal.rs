//! The recorded steps of one item, with those of this run.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::api::Operation;
use crate::execute::error::StepError;
use crate::execute::signers::SignerIdentity;
use crate::ledger::{Deferral, EntityId, LedgerError, Step};

/// The steps of one item: as they stood when work on it began, and who signs in which.
pub(crate) struct ItemJournal {
    pub(crate) subject: EntityId,
    known: HashMap<String, Step>,
    /// Who signs in which step, of those that were taken or are about to be.
    pub(crate) signers: Vec<(String, SignerIdentity)>,
    /// What those have answered that this run has taken.
    taken: Mutex<HashMap<String, Arc<Value>>>,
    /// Whether this run has begun any that somebody may hear of.
    pub(crate) began: AtomicBool,
}

impl ItemJournal {
    pub(crate) fn new(subject: EntityId, known: Vec<(String, Step)>) -> Self {
        Self {
            subject,
            known: known.into_iter().collect(),
            signers: Vec::new(),
            taken: Mutex::default(),
            began: AtomicBool::new(false),
        }
    }

    /// What a step answered, if it was answered.
    pub(crate) fn receipt<O: Operation>(&self, name: &str) -> Result<Option<O::Answer>, StepError> {
        self.kept(name)
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| {
                StepError::from(LedgerError::Broken {
                    path: String::new(),
                    why: format!("the receipt of {name} cannot be read: {error}"),
                })
            })
    }

    /// A text that a step answered.
    pub(crate) fn answered(&self, name: &str, field: &str) -> Option<String> {
        Some(self.kept(name)?.get(field)?.as_str()?.to_owned())
    }

    /// All that a step answered.
    pub(crate) fn kept(&self, name: &str) -> Option<Value> {
        if let Some(Step::Receipt(receipt)) = self.known.get(name) {
            return Some(receipt.clone());
        }
        self.taken().get(name).map(|receipt| Value::clone(receipt))
    }

    /// Whether the step's call may have gone out.
    pub(crate) fn is_begun(&self, name: &str) -> bool {
        match self.known.get(name) {
            Some(Step::Intent(_) | Step::Receipt(_)) => true,
            Some(Step::Deferred(_)) | None => false,
        }
    }

    /// Whether the step was answered.
    pub(crate) fn is_done(&self, name: &str) -> bool {
        matches!(self.known.get(name), Some(Step::Receipt(_))) || self.taken().contains_key(name)
    }

    /// Whether anybody was given a link to sign.
    pub(crate) fn asked_by_hand(&self) -> bool {
        let has_link = |step: &Step| matches!(step, Step::Receipt(receipt) if receipt.get("signUrl").is_some());
        self.known.values().any(has_link)
    }

    /// Whether any was begun that has no answer, or this run has begun one: the item is recorded as open then.
    pub(crate) fn began_any(&self) -> bool {
        let open = |step: &Step| matches!(step, Step::Intent(_));
        self.known.values().any(open) || self.began.load(Ordering::Relaxed)
    }

    /// Whether this run has taken any.
    pub(crate) fn took_any(&self) -> bool {
        !self.taken().is_empty()
    }

    /// The steps that wait, in their order.
    pub(crate) fn deferred(&self) -> Vec<(String, Deferral)> {
        let mut deferred: Vec<(String, Deferral)> = self
            .known
            .iter()
            .filter_map(|(name, step)| match step {
                Step::Deferred(deferral) | Step::Intent(Some(deferral)) => {
                    Some((name.clone(), deferral.clone()))
                }
                _ => None,
            })
            .collect();
        deferred.sort_by_key(|(_, deferral)| deferral.order);
        deferred
    }

    /// Adds a step that waits.
    pub(crate) fn defer(&mut self, name: String, deferral: Deferral) {
        self.known.insert(name, Step::Deferred(deferral));
    }

    /// Takes away a step that is known not to have been carried out.
    pub(crate) fn void(&mut self, name: &str) {
        self.known.remove(name);
        self.began.store(true, Ordering::Relaxed);
    }

    /// All that is known, by name.
    pub(crate) fn known(&self) -> impl Iterator<Item = (&String, &Step)> {
        self.known.iter()
    }

    /// How many other steps may be what looking for this one finds.
    pub(crate) fn others(&self, name: &str, who: &SignerIdentity) -> usize {
        let others = self
            .signers
            .iter()
            .filter(|(other, own)| other != name && own.overlaps(who));
        others.filter(|(other, _)| self.may_be_there(other)).count()
    }

    /// Whether what the step does may be there.
    pub(crate) fn may_be_there(&self, name: &str) -> bool {
        self.is_begun(name) || self.is_done(name)
    }

    pub(crate) fn take(&self, name: &str, receipt: Arc<Value>) {
        self.taken().insert(name.to_owned(), receipt);
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Value>>> {
        // Nothing panics while it is held; what is in it stays true.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A step of which it is not known whether it was carried out, and that is not written down well enough to go on.
pub(crate) fn undecided_step(steps: &ItemJournal) -> Option<&String> {
    steps
        .known()
        .find(|(_, step)| matches!(step, Step::Intent(None)))
        .map(|(name, _)| name)
}
