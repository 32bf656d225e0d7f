//! The steps of one item: those that the ledger records, and those that this run takes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::address::FlowId;
use crate::api::Operation;
use crate::execute::error::StepError;
use crate::execute::signers::SignerIdentity;
use crate::ledger::step_name::PROCESS;
use crate::ledger::{Deferral, EntityId, LedgerError, Receipt, Step};

/// The steps of one item as recorded when work on it began, the receipts of this run, and the
/// signers that the steps add.
pub(crate) struct ItemJournal {
    pub(crate) subject: EntityId,
    known: HashMap<String, Step>,
    /// The signer that each step adds, for steps that were taken or are next.
    pub(crate) signers: Vec<(String, SignerIdentity)>,
    /// The receipts of the steps that this run has taken.
    new_receipts: Mutex<HashMap<String, Arc<Value>>>,
    /// Whether this run has written or voided an intent.
    pub(crate) wrote_intent: AtomicBool,
}

impl ItemJournal {
    /// Creates the journal of an item from its recorded steps.
    pub(crate) fn new(subject: EntityId, known: Vec<(String, Step)>) -> Self {
        Self {
            subject,
            known: known.into_iter().collect(),
            signers: Vec::new(),
            new_receipts: Mutex::default(),
            wrote_intent: AtomicBool::new(false),
        }
    }

    /// Returns a step's recorded response; none if it has no receipt.
    pub(crate) fn answer<O: Operation>(&self, name: &str) -> Result<Option<O::Answer>, StepError> {
        self.receipt_json(name)
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| {
                StepError::from(LedgerError::Broken {
                    path: String::new(),
                    why: format!("cannot read the receipt of the step {name}: {error}"),
                })
            })
    }

    /// Returns a step's receipt.
    pub(crate) fn receipt(&self, name: &str) -> Option<Receipt> {
        Some(Receipt::from_json(&self.receipt_json(name)?))
    }

    /// Returns the id of the flow; none if its creation has no receipt.
    pub(crate) fn flow_id(&self) -> Option<FlowId> {
        self.receipt(PROCESS)?.flow_id
    }

    /// Returns the signing link in a step's receipt; empty if the link is unknown.
    pub(crate) fn sign_url(&self, name: &str) -> Option<String> {
        self.receipt(name)?.sign_url
    }

    /// Returns a step's receipt as JSON.
    pub(crate) fn receipt_json(&self, name: &str) -> Option<Value> {
        if let Some(Step::Receipt(receipt)) = self.known.get(name) {
            return Some(receipt.clone());
        }
        self.new_receipts()
            .get(name)
            .map(|receipt| Value::clone(receipt))
    }

    /// Returns whether the step's call may have been sent by an earlier run: it has an intent or a
    /// receipt.
    pub(crate) fn is_begun(&self, name: &str) -> bool {
        match self.known.get(name) {
            Some(Step::Intent(_) | Step::Receipt(_)) => true,
            Some(Step::Deferred(_)) | None => false,
        }
    }

    /// Returns whether the step has a receipt.
    pub(crate) fn is_done(&self, name: &str) -> bool {
        matches!(self.known.get(name), Some(Step::Receipt(_)))
            || self.new_receipts().contains_key(name)
    }

    /// Returns whether a recorded receipt contains a sign link.
    pub(crate) fn has_sign_link(&self) -> bool {
        let has_link = |step: &Step| match step {
            Step::Receipt(receipt) => Receipt::from_json(receipt).sign_url.is_some(),
            Step::Deferred(_) | Step::Intent(_) => false,
        };
        self.known.values().any(has_link)
    }

    /// Returns whether the ledger records the item as open: it has an intent without a receipt, or
    /// this run has written or voided one.
    pub(crate) fn is_recorded_open(&self) -> bool {
        let is_intent = |step: &Step| matches!(step, Step::Intent(_));
        self.known.values().any(is_intent) || self.wrote_intent.load(Ordering::Relaxed)
    }

    /// Returns whether this run has recorded a receipt.
    pub(crate) fn has_new_receipts(&self) -> bool {
        !self.new_receipts().is_empty()
    }

    /// Returns the deferred steps in their order, including those with an intent.
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

    /// Adds a deferred step.
    pub(crate) fn defer(&mut self, name: String, deferral: Deferral) {
        self.known.insert(name, Step::Deferred(deferral));
    }

    /// Removes a step that is known not to have been executed.
    pub(crate) fn void(&mut self, name: &str) {
        self.known.remove(name);
        self.wrote_intent.store(true, Ordering::Relaxed);
    }

    /// Iterates over the recorded steps with their names, in no order.
    pub(crate) fn known(&self) -> impl Iterator<Item = (&String, &Step)> {
        self.known.iter()
    }

    /// Returns the number of other steps whose signer a probe of this step may find instead.
    pub(crate) fn count_rivals(&self, name: &str, who: &SignerIdentity) -> usize {
        let others = self
            .signers
            .iter()
            .filter(|(other, identity)| other != name && identity.overlaps(who));
        others
            .filter(|(other, _)| self.may_have_taken_effect(other))
            .count()
    }

    /// Returns whether the step may have taken effect.
    pub(crate) fn may_have_taken_effect(&self, name: &str) -> bool {
        self.is_begun(name) || self.is_done(name)
    }

    /// Adds a receipt of this run.
    pub(crate) fn insert_receipt(&self, name: &str, receipt: Arc<Value>) {
        self.new_receipts().insert(name.to_owned(), receipt);
    }

    fn new_receipts(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Value>>> {
        // No code panics while it holds the lock, so the content of a poisoned lock is valid.
        self.new_receipts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the name of a step that can be neither continued nor voided: it has an intent, but
/// neither a receipt nor a recorded deferral.
pub(crate) fn undecided_step(journal: &ItemJournal) -> Option<&String> {
    journal
        .known()
        .find(|(_, step)| matches!(step, Step::Intent(None)))
        .map(|(name, _)| name)
}
