//! The audit: the service is asked about every item that is recorded, and what it says is held against the record.
//!
//! Only asks, and needs the ledger alone. Items stream through a window of bounded size; each `thirdId` is asked once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{Instrument, info_span};

use super::compare::{
    Differences, PAGES, Verdict, added_signers, compare_status, compare_tasks, lacks_tasks,
};
use crate::address::{AccountId, Address, AddressPattern, FlowId, is_selected};
use crate::api::ErrorCode;
use crate::client::Client;
use crate::execute::{
    Event, ItemJournal, Listener, Locks, SETTLE_DELAY, StepContext, StepError, Stop, sent_flow,
    undecided_step,
};
use crate::ledger::{EntityId, ItemStatus, KnownItem, LedgerError, Records, ResourceKind};
use crate::plan::{Fatal, Lookup};

/// So many items are read from the ledger at once.
const PAGE: u32 = 256;

/// What an audit needs.
pub struct Audit<'a> {
    /// What has been done.
    pub records: &'a dyn Records,
    /// The API.
    pub client: &'a Client,
    /// The project's folder.
    pub root: &'a Path,
    /// The items that this run worked on last; all when none.
    pub run: Option<i64>,
    /// These items; all when empty.
    pub targets: Vec<AddressPattern>,
    /// But not these.
    pub excludes: Vec<AddressPattern>,
    /// Those that were audited already.
    pub skip: HashSet<EntityId>,
    /// Items that are asked about at the same time.
    pub window: usize,
    /// Hears of everything.
    pub listener: Listener,
    /// Says when to stop.
    pub stop: watch::Receiver<Stop>,
}

/// An item that was audited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedItem {
    /// Its number.
    pub id: EntityId,
    /// Its flow.
    pub flow: String,
    /// Its key.
    pub key: String,
    /// What was found.
    pub verdict: Verdict,
    /// Its flow at the service.
    pub flow_id: Option<FlowId>,
    /// What differs, or why it cannot be told.
    pub differs: Vec<String>,
    /// What to do.
    pub hint: String,
}

/// Why an audit ended before it was through.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Nothing can be asked, or read.
    #[error(transparent)]
    Fatal(#[from] Fatal),
    /// What was found cannot be written down.
    #[error(transparent)]
    Journal(#[from] std::io::Error),
}

impl From<LedgerError> for AuditError {
    fn from(error: LedgerError) -> Self {
        Self::Fatal(error.into())
    }
}

impl Audit<'_> {
    /// Goes through the items; says whether it came to the end, or was stopped before.
    pub async fn all(
        &self,
        mut found: impl FnMut(AuditedItem) -> std::io::Result<()>,
    ) -> Result<bool, AuditError> {
        let asking = Asking {
            records: self.records,
            context: StepContext::new(self.records, self.client, self.root),
            accounts: account_numbers(self.records)?,
            answers: Mutex::default(),
            under_way: Locks::default(),
        };
        (self.listener)(Event::Lookup(Lookup::Started(self.count()?)));
        let mut stop = self.stop.clone();
        let (mut page, mut after, mut read_all) = (VecDeque::new(), 0, false);
        let mut window = FuturesUnordered::new();
        let mut whole = true;
        loop {
            whole &= *stop.borrow() == Stop::No;
            while whole && window.len() < self.window {
                if page.is_empty() && !read_all {
                    page.extend(self.records.items_after(self.run, after, PAGE)?);
                    after = page.back().map_or(after, |item: &KnownItem| item.record.id);
                    read_all = page.is_empty();
                }
                let Some(item) = page.pop_front() else { break };
                if self.wants(&item) {
                    let span = info_span!("item", address = %Address::item(&item.flow, &item.key));
                    window.push(asking.item(item).instrument(span));
                }
            }
            let next = tokio::select! {
                biased;
                next = window.next() => next,
                () = stopped(&mut stop) => return Ok(false),
            };
            let Some(audited) = next else {
                return Ok(whole);
            };
            found(audited?)?;
            (self.listener)(Event::Lookup(Lookup::Done));
        }
    }

    fn wants(&self, item: &KnownItem) -> bool {
        let address = Address::item(&item.flow, &item.key);
        !self.skip.contains(&item.record.id) && is_selected(&self.targets, &self.excludes, &address)
    }

    /// How many items there are to be asked about.
    fn count(&self) -> Result<usize, LedgerError> {
        let mut count = 0;
        self.records.each_item(("", ""), &mut |item| {
            let of_run = self.run.is_none_or(|run| run == item.record.run);
            count += usize::from(of_run && self.wants(&item));
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }
}

/// Resolves once the audit must end at once.
async fn stopped(stop: &mut watch::Receiver<Stop>) {
    if stop.wait_for(|stop| *stop == Stop::Now).await.is_err() {
        // Nobody can ask any more.
        std::future::pending::<()>().await;
    }
}

struct Asking<'a> {
    records: &'a dyn Records,
    context: StepContext<'a>,
    /// The numbers of the accounts, by half a hash of their ids: a few bytes each.
    accounts: HashMap<u64, EntityId>,
    /// What the service says of their `thirdId`s, as far as it was asked.
    answers: Mutex<HashMap<EntityId, Exchanged>>,
    under_way: Locks,
}

/// What `account/idexchange` says of a recorded account.
#[derive(Clone)]
enum Exchanged {
    Same,
    Other(Box<str>),
    Gone,
    Unanswered(Box<str>),
}

fn half(id: &str) -> u64 {
    let mut half = [0; 8];
    half.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(half)
}

fn account_numbers(records: &dyn Records) -> Result<HashMap<u64, EntityId>, LedgerError> {
    let mut numbers = HashMap::new();
    records.each_resource(&mut |known| {
        if let (ResourceKind::Account, Some(id)) = (known.kind, &known.resource.remote_id) {
            numbers.insert(half(id), known.resource.id);
        }
        ControlFlow::Continue(())
    })?;
    Ok(numbers)
}

const AGAIN: &str = "audit again";
const SETTLE: &str = "look at the flow on the service's own pages, then treaty state settle";

impl Asking<'_> {
    async fn item(&self, item: KnownItem) -> Result<AuditedItem, Fatal> {
        let steps = ItemJournal::new(item.record.id, self.records.steps(item.record.id)?);
        let mut differs = Differences::default();
        self.probe(&item, &steps, &mut differs).await?;
        // The worst gives the verdict and the hint; all is told.
        differs.0.sort_by_key(|(verdict, ..)| *verdict);
        let (verdict, hint) = differs
            .0
            .first()
            .map_or((Verdict::ExactlyOnce, ""), |(verdict, _, hint)| {
                (*verdict, *hint)
            });
        Ok(AuditedItem {
            id: item.record.id,
            flow: item.flow,
            key: item.key,
            verdict,
            flow_id: sent_flow(&steps).map(|flow| flow.id),
            differs: differs.0.into_iter().map(|(_, what, _)| what).collect(),
            hint: hint.to_owned(),
        })
    }

    async fn probe(
        &self,
        item: &KnownItem,
        steps: &ItemJournal,
        differs: &mut Differences,
    ) -> Result<(), Fatal> {
        let record = &item.record;
        let why = record
            .failure
            .as_ref()
            .map_or(String::new(), |failure| format!(": {}", failure.message));
        let flow = sent_flow(steps).filter(|_| record.sent || record.status == ItemStatus::Revoked);
        let Some(flow) = flow else {
            let what = format!("nobody was asked to sign{why}");
            differs.note(Verdict::Unproven, what, "apply sends it");
            return Ok(());
        };
        let unproven = match (record.status, undecided_step(steps)) {
            (ItemStatus::InDoubt, _) => Some((format!("it is in doubt{why}"), SETTLE)),
            (ItemStatus::Open, _) => Some((
                "work on it was cut off".to_owned(),
                "apply again: it is looked up before anything is sent",
            )),
            (_, Some(step)) => Some((
                format!("whether {step} was carried out is not known"),
                SETTLE,
            )),
            (ItemStatus::Failed, None) => Some((format!("it failed{why}"), "apply again")),
            _ => None,
        };
        if let Some((what, hint)) = unproven {
            differs.note(Verdict::Unproven, what, hint);
            return Ok(());
        }
        let mut found = self.context.state(&flow).await;
        if found.as_ref().is_ok_and(|state| lacks_tasks(steps, state)) {
            // Who was just asked is not listed at once by every service.
            sleep(SETTLE_DELAY).await;
            found = self.context.state(&flow).await;
        }
        match found {
            Ok(state) => {
                compare_status(record.status, steps, &state, differs);
                compare_tasks(steps, &state, differs);
            }
            Err(StepError::Fatal(fatal)) => return Err(fatal),
            Err(StepError::Failed(failure)) if failure.code == Some(ErrorCode::NO_FLOW.0) => {
                // The same is said of a flow that is not there, and of details that cannot be had just now.
                let what = format!(
                    "the service does not tell of the flow {}: {}",
                    flow.id, failure.message
                );
                differs.note(Verdict::Unproven, what, PAGES);
            }
            Err(
                StepError::Failed(failure)
                | StepError::InDoubt(failure)
                | StepError::ProbeFailed(failure),
            ) => {
                let what = format!("the question was not answered: {}", failure.message);
                differs.note(Verdict::Unproven, what, AGAIN);
            }
        }
        self.compare_accounts(steps, differs).await
    }

    /// The accounts that sign are still those of their `thirdId`s.
    async fn compare_accounts(
        &self,
        steps: &ItemJournal,
        differs: &mut Differences,
    ) -> Result<(), Fatal> {
        let mut seen = HashSet::new();
        for signer in added_signers(steps) {
            let ids = [signer.who.account, signer.who.organization];
            for id in ids.into_iter().flatten() {
                if seen.insert(id.clone()) {
                    self.compare_account(&signer.step, &id, differs).await?;
                }
            }
        }
        Ok(())
    }

    async fn compare_account(
        &self,
        step: &str,
        id: &AccountId,
        differs: &mut Differences,
    ) -> Result<(), Fatal> {
        let number = self.accounts.get(&half(id.as_str())).copied();
        let known = match number {
            Some(number) => self.records.resource_by_id(number)?,
            None => None,
        };
        let known = known.filter(|known| known.resource.remote_id.as_deref() == Some(id.as_str()));
        let Some(known) = known else {
            let what = format!("the account {id} of {step} is recorded with no thirdId");
            differs.note(Verdict::Unproven, what, PAGES);
            return Ok(());
        };
        let third_id = &known.identity;
        match self.exchange(known.resource.id, third_id, id).await? {
            Exchanged::Same => {}
            Exchanged::Gone => differs.note(
                Verdict::Different,
                format!(
                    "the thirdId {third_id} of {step} has no account any more; {id} is recorded"
                ),
                "somebody has deleted it",
            ),
            Exchanged::Other(other) => differs.note(
                Verdict::Different,
                format!(
                    "the thirdId {third_id} of {step} is the account {other} now; {id} is recorded"
                ),
                "somebody has deleted the account and made it anew",
            ),
            Exchanged::Unanswered(why) => differs.note(
                Verdict::Unproven,
                format!("the question for the thirdId {third_id} was not answered: {why}"),
                AGAIN,
            ),
        }
        Ok(())
    }

    /// Asks for a `thirdId`, once.
    async fn exchange(
        &self,
        number: EntityId,
        third_id: &str,
        id: &AccountId,
    ) -> Result<Exchanged, Fatal> {
        let _only = self.under_way.lock(third_id).await;
        let known = self.answers().get(&number).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let answer = match self.context.account_of(third_id).await {
            Ok(Some(found)) if found == *id => Exchanged::Same,
            Ok(Some(found)) => Exchanged::Other(found.0.into()),
            Ok(None) => Exchanged::Gone,
            Err(StepError::Fatal(fatal)) => return Err(fatal),
            Err(
                StepError::Failed(failure)
                | StepError::InDoubt(failure)
                | StepError::ProbeFailed(failure),
            ) => Exchanged::Unanswered(failure.message.into()),
        };
        self.answers().insert(number, answer.clone());
        Ok(answer)
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<EntityId, Exchanged>> {
        // Nothing panics while it is held; what is in it stays true.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
