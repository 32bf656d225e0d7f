//! The state of the emulated service and its changes, without I/O.

mod callbacks;
mod change;
mod flow;
mod records;
mod signing;
mod store;

use std::collections::{BTreeMap, BTreeSet};

use crate::address::{AccountId, DocId, FileKey, FlowId, SealId, TemplateId};
use crate::api::SignStatus;

pub(crate) use callbacks::{queue_flow_finish, queue_signer_update};
pub(crate) use change::Change;
pub(crate) use flow::short_token;
pub use flow::{Flow, FlowDoc, SealChoice, SignPlace, Task};
pub(crate) use records::{
    Account, AppId, Doc, Grant, PendingCallback, Seal, SealDesign, StoredChunk, StoredFile,
    Template, UploadedKind, platform_account,
};
pub(super) use signing::MAX_REASON_LENGTH;
pub use signing::{ActionError, AutoSign, UserAction};
pub(crate) use store::WorldStore;
pub use store::{InUse, StoreError};

/// The state of the emulated service.
#[derive(Debug, Default)]
pub struct World {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    /// The accounts by [`third_id_key`].
    third_ids: BTreeMap<String, AccountId>,
    pub(crate) files: BTreeMap<FileKey, StoredFile>,
    pub(crate) templates: BTreeMap<TemplateId, Template>,
    pub(crate) docs: BTreeMap<DocId, Doc>,
    pub(crate) flows: BTreeMap<FlowId, Flow>,
    pub(crate) seals: BTreeMap<SealId, Seal>,
    /// The flow of each task, by [`short_token`].
    flow_by_token: BTreeMap<String, FlowId>,
    /// The flows with an automatic signature in progress.
    signing_flows: BTreeSet<FlowId>,
    /// The last number that was assigned; ids are derived from it.
    last_number: u64,
    /// The changes that are not stored yet.
    changes: Vec<Change>,
    /// The callbacks that are waiting to be sent.
    pub(crate) outbox: Vec<PendingCallback>,
}

/// The form of the ids of documents and flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdForm {
    /// 32 hexadecimal digits, as the service returns them.
    #[default]
    Hex,
    /// Numbers, as in the examples of the API document.
    Numeric,
}

/// Returns the index key of an app's `thirdId`. App ids contain no line feed.
fn third_id_key(app: Option<&AppId>, third_id: &str) -> String {
    format!("{}\n{third_id}", app.map_or("", |app| app))
}

impl World {
    /// Removes everything. Later records get other ids than earlier ones had.
    pub(super) fn clear(&mut self) {
        *self = Self {
            last_number: self.last_number,
            ..Self::default()
        };
    }

    /// Returns a new number.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.changes.push(Change::LastNumber(self.last_number));
        self.last_number
    }

    /// Returns a new id of 32 hexadecimal digits.
    pub(crate) fn hex_id(&mut self, kind: &str) -> String {
        let number = self.next_number();
        let hash = blake3::hash(format!("{kind} {number}").as_bytes());
        hash.to_hex()[..32].to_owned()
    }

    /// Returns a new id of a document. Ids of one form sort in the order of creation.
    pub(crate) fn doc_id(&mut self, form: IdForm) -> DocId {
        let number = self.next_number();
        DocId(match form {
            IdForm::Numeric => format!("20180418{number:011}"),
            IdForm::Hex => sortable_hex_id("doc", number),
        })
    }

    /// Returns a new id of a flow. Ids of one form sort in the order of creation.
    pub(crate) fn flow_id(&mut self, form: IdForm) -> FlowId {
        let number = self.next_number();
        FlowId(match form {
            IdForm::Numeric => (1_000_000 + number).to_string(),
            IdForm::Hex => sortable_hex_id("flow", number),
        })
    }

    /// Applies a change and records it for the store.
    pub(crate) fn put(&mut self, change: Change) {
        self.changes.push(change.clone());
        self.apply(change);
    }

    /// Applies a change without recording it.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Account(account) => {
                if let Some(third_id) = &account.third_id {
                    let key = third_id_key(account.app.as_ref(), third_id);
                    if account.deleted {
                        self.third_ids.remove(&key);
                    } else {
                        self.third_ids.insert(key, account.id.clone());
                    }
                }
                self.accounts.insert(account.id.clone(), account);
            }
            Change::File(file) => drop(self.files.insert(file.key.clone(), file)),
            Change::Template(template) => {
                drop(self.templates.insert(template.id.clone(), template));
            }
            Change::Doc(doc) => drop(self.docs.insert(doc.id.clone(), doc)),
            Change::Flow(flow) => {
                for task in &flow.tasks {
                    let short = short_token(&task.token).to_owned();
                    self.flow_by_token.insert(short, flow.id.clone());
                }
                if flow
                    .tasks
                    .iter()
                    .any(|task| task.status == SignStatus::Signing)
                {
                    self.signing_flows.insert(flow.id.clone());
                } else {
                    self.signing_flows.remove(&flow.id);
                }
                self.flows.insert(flow.id.clone(), flow);
            }
            Change::Seal(seal) => drop(self.seals.insert(seal.id.clone(), seal)),
            Change::LastNumber(number) => {
                self.last_number = self.last_number.max(number);
            }
        }
    }

    /// Returns and clears the recorded changes.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Returns the whole state as changes to an empty world.
    pub(crate) fn snapshot(&self) -> Vec<Change> {
        let mut all = vec![Change::LastNumber(self.last_number)];
        all.extend(self.accounts.values().cloned().map(Change::Account));
        all.extend(self.files.values().cloned().map(Change::File));
        all.extend(self.templates.values().cloned().map(Change::Template));
        all.extend(self.docs.values().cloned().map(Change::Doc));
        all.extend(self.flows.values().cloned().map(Change::Flow));
        all.extend(self.seals.values().cloned().map(Change::Seal));
        all
    }

    /// Queues a callback. Drops it if the outbox is full, because a process without a
    /// [`Notifier`](super::Notifier) never empties it.
    pub(crate) fn queue_callback(&mut self, callback: PendingCallback) {
        const MAX_OUTBOX: usize = 100_000;
        if self.outbox.len() < MAX_OUTBOX {
            self.outbox.push(callback);
        }
    }

    /// Returns the seals of an account in the order of their creation.
    pub(crate) fn seals_of(&self, account: &AccountId) -> Vec<&Seal> {
        let mut seals: Vec<&Seal> = self
            .seals
            .values()
            .filter(|seal| seal.account == *account)
            .collect();
        seals.sort_by_key(|seal| seal.number);
        seals
    }

    /// Returns the name of an account; empty if the account is unknown.
    pub(crate) fn account_name(&self, account: &AccountId) -> &str {
        if *account == platform_account() {
            return "对接平台";
        }
        self.accounts
            .get(account)
            .map_or("", |account| &account.name)
    }

    /// Returns the id of the platform's own account.
    pub fn platform() -> AccountId {
        platform_account()
    }

    /// Returns all flows.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.values()
    }

    /// Changes a flow. Does nothing if the flow does not exist.
    pub fn change_flow(&mut self, id: &FlowId, change: impl FnOnce(&mut Flow)) {
        if let Some(mut flow) = self.flows.get(id).cloned() {
            change(&mut flow);
            self.put(Change::Flow(flow));
        }
    }

    /// Removes a flow from memory. The journal cannot record this: the flow returns when the world
    /// is opened again.
    pub fn remove_flow(&mut self, id: &FlowId) {
        self.flows.remove(id);
    }

    /// Deletes an account. Does nothing if the account does not exist.
    pub fn remove_account(&mut self, id: &AccountId) {
        if let Some(mut account) = self.accounts.get(id).cloned() {
            account.deleted = true;
            self.put(Change::Account(account));
        }
    }

    /// Returns the account with a `thirdId` that is visible to an app.
    pub(crate) fn visible_account(
        &self,
        app: Option<&AppId>,
        third_id: &str,
    ) -> Option<&AccountId> {
        let find = |app: Option<&AppId>| self.third_ids.get(&third_id_key(app, third_id));
        find(app).or_else(|| find(None))
    }

    /// Returns the account with a `thirdId`, of any app.
    pub fn account_of(&self, third_id: &str) -> Option<&AccountId> {
        let mut accounts = self.accounts.values();
        let matches =
            |account: &&Account| account.third_id.as_deref() == Some(third_id) && !account.deleted;
        accounts.find(matches).map(|account| &account.id)
    }

    /// Returns the `thirdId`s of all accounts that are not deleted.
    pub fn third_ids(&self) -> impl Iterator<Item = &str> {
        let live = self.accounts.values().filter(|account| !account.deleted);
        live.filter_map(|account| account.third_id.as_deref())
    }

    /// Returns the account and alias of all seals.
    pub fn seal_aliases(&self) -> impl Iterator<Item = (&AccountId, &str)> {
        let seals = self.seals.values();
        seals.map(|seal| (&seal.account, seal.alias.as_str()))
    }

    /// Returns the number of accounts with a `thirdId` that are not deleted.
    pub fn account_count(&self) -> usize {
        self.third_ids.len()
    }
}

/// Returns an id of 32 hexadecimal digits that begins with a number.
fn sortable_hex_id(kind: &str, number: u64) -> String {
    let hash = blake3::hash(format!("{kind} {number}").as_bytes());
    format!("{number:08x}{}", &hash.to_hex()[..24])
}
