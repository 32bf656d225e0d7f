//! The state of the emulated service, and what changes it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::{AccountId, DocId, FileKey, FlowId, SealId, TemplateId};
use crate::api::callback::Callback;
use crate::api::{FlowStatus, Position, SignStatus};

/// Everything that the service knows.
#[derive(Debug, Default)]
pub struct World {
    pub(super) accounts: BTreeMap<AccountId, Account>,
    /// By [`third_key`]: each app has its own.
    third_ids: BTreeMap<String, AccountId>,
    pub(super) files: BTreeMap<FileKey, StoredFile>,
    pub(super) templates: BTreeMap<TemplateId, Template>,
    pub(super) docs: BTreeMap<DocId, Doc>,
    pub(super) flows: BTreeMap<FlowId, Flow>,
    pub(super) seals: BTreeMap<SealId, Seal>,
    /// The flow of each task, by what stands in its short link.
    pub(super) tokens: BTreeMap<String, FlowId>,
    /// Flows in which a signature without a person is being made.
    pub(super) signing: BTreeSet<FlowId>,
    /// The number of the next thing; ids are made of it.
    next: u64,
    /// What has changed since the store last asked.
    changes: Vec<Change>,
    /// Callbacks that are to be sent.
    pub(super) outbox: Vec<Notice>,
}

/// Whose a thing is: an app, by its id. What no app made belongs to all of them.
pub(super) type AppId = String;

/// A callback that is to be sent (5.9).
#[derive(Debug, Clone)]
pub(super) struct Notice {
    /// The app that made the flow, and signs the callback (5.9.2).
    pub(super) app: Option<AppId>,
    /// Where the flow wants it; the app's own address when absent.
    pub(super) url: Option<String>,
    /// What it says.
    pub(super) callback: Callback,
}

/// A person or an organization. Numbers of documents and mobiles are checked and not kept: nothing here needs them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<AppId>,
    pub(super) third_id: Option<String>,
    pub(super) name: String,
    pub(super) is_person: bool,
    pub(super) deleted: bool,
    /// Silent signing, where it is granted.
    pub(super) grant: Option<Grant>,
    /// The person who acts for it, of an organization.
    #[serde(default)]
    pub(super) creator: Option<AccountId>,
}

impl Account {
    /// Whether it lets the platform sign for it at a moment.
    pub(super) fn has_granted(&self, now: Timestamp) -> bool {
        let lasts = |end: i64| end > now.as_millisecond();
        self.grant
            .is_some_and(|grant| grant.deadline.is_none_or(lasts))
    }
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<AppId>,
    pub(super) size: i64,
    pub(super) md5: String,
    pub(super) content_type: String,
    /// The upload address lives until then, in milliseconds since 1970.
    pub(super) expires: i64,
    /// The file's name, as it was announced.
    pub(super) name: String,
    /// What arrived: nothing, a PDF, or something else.
    pub(super) arrived: Option<Arrived>,
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Arrived {
    Pdf,
    /// A PDF that asks for a password.
    LockedPdf,
    Other,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Template {
    pub(super) id: TemplateId,
    /// It is the app's whose file it is.
    pub(super) file: FileKey,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Doc {
    pub(super) id: DocId,
    pub(super) name: String,
    /// It is the app's whose file it is.
    pub(super) file: FileKey,
    /// Values of the form, when it is made of a template.
    pub(super) fields: BTreeMap<String, String>,
    /// Pages that are appended: a PDF, or the text of an HTML page.
    pub(super) chunks: Vec<StoredChunk>,
}

/// Pages that are appended to a document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum StoredChunk {
    Html(String),
    /// Base64 of its bytes.
    Pdf(String),
}

/// A sign flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// The app that made it; none, when nobody had to say who he is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Who begins it; the platform, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<AccountId>,
    /// Who pays; the platform, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<AccountId>,
    /// What it is about.
    pub business_scene: String,
    /// Its documents, in their order.
    pub docs: Vec<FlowDoc>,
    /// Names of the files that go along.
    pub attachments: Vec<String>,
    /// Where callbacks go.
    pub notice_url: Option<String>,
    /// Where a person's browser goes after signing.
    pub redirect_url: Option<String>,
    /// Whether the time is put beside each signature.
    pub add_sign_time: bool,
    /// How it stands; whether its time has run out is found when it is asked for.
    pub status: FlowStatus,
    /// When it was made, in milliseconds since 1970.
    pub begun: i64,
    /// The last moment for signing, in milliseconds since 1970.
    pub sign_validity: Option<i64>,
    /// Every task that was ever added: each is one question to a person, or one signature.
    pub tasks: Vec<Task>,
}

/// A document of a flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FlowDoc {
    /// The document.
    pub id: DocId,
    /// Its name in the flow.
    pub name: String,
    /// Whether signers must give its password.
    pub encryption: bool,
}

/// A signer's task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// What its page is known by.
    pub token: String,
    /// Who signs.
    pub account: AccountId,
    /// The organization that he signs for.
    pub organization: Option<AccountId>,
    /// Whether he may use his own seal beside the organization's.
    pub with_own_seal: bool,
    /// Whether he may sign for any organization that he created.
    #[serde(default)]
    pub for_any_organization: bool,
    /// How far he is.
    pub status: SignStatus,
    /// The caller's own number.
    pub third_order_no: Option<String>,
    /// What it was signed with.
    pub used: Vec<Used>,
    /// Whether he may only sign by hand (0) or only with a drawn seal (1): the API's numbers, separated by commas.
    pub seal_type: Option<String>,
    /// The documents that he signs, and where; an empty list of places leaves that to him.
    pub places: Vec<Place>,
    /// When it was added, in milliseconds since 1970.
    pub received: i64,
    /// When it was signed or refused, in milliseconds since 1970.
    pub ended: Option<i64>,
    /// What he said to it.
    pub explain: Option<String>,
}

/// What a task is signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Used {
    /// A seal.
    Seal(SealId),
    /// The seal that an account has without having made one.
    Default(AccountId),
    /// The person's own hand.
    Hand,
}

/// Where a document is signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The document.
    pub doc: DocId,
    /// Where on it.
    pub positions: Vec<Position>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Seal {
    pub(super) id: SealId,
    /// Later seals have higher numbers: the first one of an account is its default.
    pub(super) number: u64,
    pub(super) account: AccountId,
    pub(super) alias: String,
    /// Its size in pixels.
    pub(super) width: u32,
    pub(super) height: u32,
    /// How it looks.
    pub(super) look: SealLook,
}

/// How a seal looks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum SealLook {
    /// Drawn from its parameters (5.8.2, 5.8.3).
    Drawn {
        template_type: String,
        color: String,
        text: String,
        h_text: Option<String>,
        q_text: Option<String>,
    },
    /// An uploaded image (5.8.4, 5.8.5).
    Image(FileKey),
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

/// What a `thirdId` of an app is known by: no app id has the end of a line in it.
fn third_key(app: Option<&AppId>, third_id: &str) -> String {
    format!("{}\n{third_id}", app.map_or("", |app| app))
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
                    let key = third_key(account.app.as_ref(), third_id);
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
                    let short = super::links::short(&task.token).to_owned();
                    self.tokens.insert(short, flow.id.clone());
                }
                if flow
                    .tasks
                    .iter()
                    .any(|task| task.status == SignStatus::Signing)
                {
                    self.signing.insert(flow.id.clone());
                } else {
                    self.signing.remove(&flow.id);
                }
                self.flows.insert(flow.id.clone(), flow);
            }
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

    /// Notes a callback. In a process that sends none, no more of them are kept than a sender would ever find.
    pub(super) fn tell(&mut self, notice: Notice) {
        const MOST: usize = 100_000;
        if self.outbox.len() < MOST {
            self.outbox.push(notice);
        }
    }

    /// The seals of an account, the first one first.
    pub(super) fn seals_of(&self, account: &AccountId) -> Vec<&Seal> {
        let mut seals: Vec<&Seal> = self
            .seals
            .values()
            .filter(|seal| seal.account == *account)
            .collect();
        seals.sort_by_key(|seal| seal.number);
        seals
    }

    /// What an account is called.
    pub(super) fn name_of(&self, account: &AccountId) -> &str {
        if *account == Self::platform() {
            return "对接平台";
        }
        self.accounts
            .get(account)
            .map_or("", |account| &account.name)
    }

    /// The platform's own account, which nobody created.
    pub fn platform() -> AccountId {
        AccountId("00000000000000000000000000000001".to_owned())
    }

    /// All flows, for those who want to know what people would have received.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.values()
    }

    /// Changes a flow, if it is there.
    pub fn change_flow(&mut self, id: &FlowId, change: impl FnOnce(&mut Flow)) {
        if let Some(mut flow) = self.flows.get(id).cloned() {
            change(&mut flow);
            self.put(Change::Flow(flow));
        }
    }

    /// Loses a flow, as long as the process lives: a journal has no word for it.
    pub fn remove_flow(&mut self, id: &FlowId) {
        self.flows.remove(id);
    }

    /// Deletes an account, if it is there.
    pub fn remove_account(&mut self, id: &AccountId) {
        if let Some(mut account) = self.accounts.get(id).cloned() {
            account.deleted = true;
            self.put(Change::Account(account));
        }
    }

    /// The account of an app's `thirdId`, or of one that no app has made.
    pub(super) fn third_id(&self, app: Option<&AppId>, third_id: &str) -> Option<&AccountId> {
        let of = |app: Option<&AppId>| self.third_ids.get(&third_key(app, third_id));
        of(app).or_else(|| of(None))
    }

    /// The account of a `thirdId`, whosever it is.
    pub fn account_of(&self, third_id: &str) -> Option<&AccountId> {
        let mut accounts = self.accounts.values();
        let is_it =
            |account: &&Account| account.third_id.as_deref() == Some(third_id) && !account.deleted;
        accounts.find(is_it).map(|account| &account.id)
    }

    /// How many accounts there are.
    pub fn account_count(&self) -> usize {
        self.third_ids.len()
    }
}

impl Flow {
    /// Its status at a moment.
    pub fn status_at(&self, now: Timestamp) -> FlowStatus {
        // What all have signed in time is not unsigned when it is over (5.9.4): it can still be archived.
        let mut live = self
            .tasks
            .iter()
            .filter(|task| task.status != SignStatus::Withdrawn)
            .peekable();
        let is_signed = live.peek().is_some() && live.all(|task| task.status == SignStatus::Signed);
        if self.is_open() && self.is_late(now) && !is_signed {
            return FlowStatus::Expired;
        }
        self.status
    }

    /// How far a task is at a moment: what was not signed when the flow ended has ended with it (5.5.7, 5.7.4).
    pub(super) fn task_status_at(&self, task: &Task, now: Timestamp) -> SignStatus {
        let goes_on = matches!(self.status_at(now), FlowStatus::Draft | FlowStatus::Signing);
        if task.is_pending() && !goes_on {
            return SignStatus::Ended;
        }
        task.status
    }

    /// Whether the last moment for signing is past.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        self.sign_validity
            .is_some_and(|end| end < now.as_millisecond())
    }

    /// Whether an account has to do with it: it signs, or is signed for, begins it or pays.
    pub(super) fn concerns(&self, account: &AccountId) -> bool {
        let platform = World::platform();
        let own = [&self.initiator, &self.payer];
        let signs = |task: &Task| {
            task.status != SignStatus::Withdrawn
                && (task.account == *account || task.organization.as_ref() == Some(account))
        };
        own.iter()
            .any(|one| one.as_ref().unwrap_or(&platform) == account)
            || self.tasks.iter().any(signs)
    }

    /// Whether nobody has ended it; its time may have run out.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status, FlowStatus::Draft | FlowStatus::Signing)
    }

    /// The accounts of all tasks that were not taken back: what people have received.
    pub fn live_tasks(&self) -> impl Iterator<Item = &AccountId> {
        self.tasks
            .iter()
            .filter(|task| task.status != SignStatus::Withdrawn)
            .map(|task| &task.account)
    }
}

impl Task {
    /// Whether it was neither signed nor taken back.
    pub fn is_pending(&self) -> bool {
        matches!(self.status, SignStatus::Pending | SignStatus::Signing)
    }
}
