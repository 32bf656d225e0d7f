//! The state of the emulated service, and what changes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::operation::Refusal;
use crate::api::{ErrorCode, FlowStatus, SignStatus};
use crate::id::{AccountId, DocId, FileKey, FlowId, SealId, TemplateId};

/// Everything that the service knows.
#[derive(Debug, Default)]
pub struct World {
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) third_ids: BTreeMap<String, AccountId>,
    pub(super) files: BTreeMap<FileKey, StoredFile>,
    pub(super) templates: BTreeMap<TemplateId, Template>,
    pub(super) docs: BTreeMap<DocId, Doc>,
    pub(super) flows: BTreeMap<FlowId, Flow>,
    pub(super) seals: BTreeMap<SealId, Seal>,
    /// The number of the next thing; ids are made of it.
    next: u64,
    /// What has changed since the store last asked.
    changes: Vec<Change>,
}

/// A person or an organization. Numbers of documents and mobiles are checked and not kept: nothing here needs them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) id: AccountId,
    pub(super) third_id: Option<String>,
    pub(super) name: String,
    pub(super) is_person: bool,
    pub(super) deleted: bool,
    /// Silent signing, where it is granted.
    pub(super) grant: Option<Grant>,
}

/// A grant of silent signing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Grant {
    /// Until when, in milliseconds since 1970; none for good.
    pub(super) deadline: Option<i64>,
}

/// A file that was announced, and perhaps uploaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredFile {
    pub(super) key: FileKey,
    pub(super) size: i64,
    pub(super) md5: String,
    pub(super) content_type: String,
    /// The upload address lives until then, in milliseconds since 1970.
    pub(super) expires: i64,
    /// What arrived: nothing, a PDF, or something else.
    pub(super) arrived: Option<Arrived>,
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Arrived {
    Pdf,
    Other,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Template {
    pub(super) id: TemplateId,
    pub(super) file: FileKey,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Doc {
    pub(super) id: DocId,
    pub(super) name: String,
    pub(super) file: FileKey,
    /// Values of the form, when it is made of a template.
    pub(super) fields: BTreeMap<String, String>,
}

/// A sign flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// Its document.
    pub doc: DocId,
    /// The name of the document in it.
    pub doc_name: String,
    /// How it stands; whether its time has run out is found when it is asked for.
    pub status: Status,
    /// When it was made, in milliseconds since 1970.
    pub begun: i64,
    /// The last moment for signing, in milliseconds since 1970.
    pub sign_validity: Option<i64>,
    /// Every task that was ever added: each is one question to a person, or one signature.
    pub tasks: Vec<Task>,
}

/// A signer's task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// Who signs.
    pub account: AccountId,
    /// How far he is.
    pub status: Status,
    /// The caller's own number.
    pub third_order_no: Option<String>,
    /// When it was added, in milliseconds since 1970.
    pub received: i64,
    /// When it was signed, in milliseconds since 1970.
    pub signed: Option<i64>,
}

/// A status by its number on the wire.
pub type Status = i64;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Seal {
    pub(super) id: SealId,
    pub(super) account: AccountId,
    pub(super) alias: String,
}

/// One thing as it is after a change: what a store writes down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Change {
    Account(Account),
    File(StoredFile),
    Template(Template),
    Doc(Doc),
    Flow(Flow),
    Seal(Seal),
    Next(u64),
}

impl World {
    /// A new number, never given twice.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.changes.push(Change::Next(self.next));
        self.next
    }

    /// A new id of 32 hexadecimal digits.
    pub(super) fn hex_id(&mut self, kind: &str) -> String {
        let number = self.number();
        let hash = blake3::hash(format!("{kind} {number}").as_bytes());
        hash.to_hex()[..32].to_owned()
    }

    /// Takes a thing as it is now.
    pub(super) fn put(&mut self, change: Change) {
        self.changes.push(change.clone());
        self.load(change);
    }

    /// Takes a thing without noting that it changed.
    pub(super) fn load(&mut self, change: Change) {
        match change {
            Change::Account(account) => {
                if let Some(third_id) = &account.third_id {
                    if account.deleted {
                        self.third_ids.remove(third_id);
                    } else {
                        self.third_ids.insert(third_id.clone(), account.id.clone());
                    }
                }
                self.accounts.insert(account.id.clone(), account);
            }
            Change::File(file) => drop(self.files.insert(file.key.clone(), file)),
            Change::Template(template) => {
                drop(self.templates.insert(template.id.clone(), template));
            }
            Change::Doc(doc) => drop(self.docs.insert(doc.id.clone(), doc)),
            Change::Flow(flow) => drop(self.flows.insert(flow.id.clone(), flow)),
            Change::Seal(seal) => drop(self.seals.insert(seal.id.clone(), seal)),
            Change::Next(next) => {
                self.next = self.next.max(next);
            }
        }
    }

    /// What has changed since this was last asked.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Everything, for a store that begins anew.
    pub(super) fn all(&self) -> Vec<Change> {
        let mut all = vec![Change::Next(self.next)];
        all.extend(self.accounts.values().cloned().map(Change::Account));
        all.extend(self.files.values().cloned().map(Change::File));
        all.extend(self.templates.values().cloned().map(Change::Template));
        all.extend(self.docs.values().cloned().map(Change::Doc));
        all.extend(self.flows.values().cloned().map(Change::Flow));
        all.extend(self.seals.values().cloned().map(Change::Seal));
        all
    }

    /// An account that exists and was not deleted.
    pub(super) fn account(&self, id: &AccountId, missing: ErrorCode) -> Result<&Account, Refusal> {
        self.accounts
            .get(id)
            .filter(|account| !account.deleted)
            .ok_or_else(|| missing.into())
    }

    /// The platform's own account, which nobody created.
    pub fn platform() -> AccountId {
        AccountId("00000000000000000000000000000001".to_owned())
    }

    /// All flows, for those who want to know what people would have received.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.values()
    }

    /// How many accounts there are.
    pub fn account_count(&self) -> usize {
        self.third_ids.len()
    }
}

impl Flow {
    /// Its status at a moment.
    pub(super) fn status_at(&self, now: Timestamp) -> Status {
        let open =
            [FlowStatus::Draft.number(), FlowStatus::Signing.number()].contains(&self.status);
        if open
            && self
                .sign_validity
                .is_some_and(|end| end < now.as_millisecond())
        {
            return FlowStatus::Expired.number();
        }
        self.status
    }
}

impl Task {
    /// Whether it was neither signed nor taken back.
    pub fn is_pending(&self) -> bool {
        [SignStatus::Pending.number(), SignStatus::Signing.number()].contains(&self.status)
    }
}
