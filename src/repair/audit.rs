//! Audits the ledger: looks up every recorded item at the service and compares it with the record.
//!
//! All calls are read-only; needs no sheet and no manifest. A bounded number of items is in
//! progress; each `thirdId` is looked up once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::iter;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{Instrument, info_span};

use super::compare::{
    CHECK_FLOW, Differences, Verdict, added_signers, compare_status, compare_tasks, lacks_tasks,
};
use super::concurrent::for_each;
use crate::address::{AccountId, Address, AddressPattern, FlowId, is_selected};
use crate::api::ErrorCode;
use crate::client::Client;
use crate::execute::{
    Event, ItemJournal, Listener, Locks, SETTLE_DELAY, StepContext, StepError, Stop, ending_waits,
    sent_flow, undecided_step,
};
use crate::expr::Fingerprint;
use crate::ledger::{EntityId, ItemStatus, KnownItem, LedgerError, Records, ResourceKind};
use crate::plan::{Fatal, Lookup};

/// The number of items read from the ledger at once.
const PAGE_SIZE: u32 = 256;

/// The inputs of an audit.
pub struct Audit<'a> {
    /// The recorded state.
    pub records: &'a dyn Records,
    /// The API client.
    pub client: &'a Client,
    /// The project's folder.
    pub root: &'a Path,
    /// Restricts the audit to the items that this run was the last to work on.
    pub run: Option<i64>,
    /// Selects matching items; selects all when empty.
    pub targets: Vec<AddressPattern>,
    /// Items that are not selected.
    pub excludes: Vec<AddressPattern>,
    /// Whether another ledger may have sent the items before this one. No item is then proven to exist
    /// exactly once: its other contract is not recorded.
    pub has_predecessor: bool,
    /// Items that were audited before and are skipped.
    pub skip: HashSet<EntityId>,
    /// The maximum number of items in progress.
    pub concurrency: usize,
    /// Receives progress events.
    pub listener: Listener,
    /// Signals when to stop.
    pub stop: watch::Receiver<Stop>,
}

/// The result of the audit of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedItem {
    /// Its id in the ledger.
    pub id: EntityId,
    /// Its flow.
    pub flow: String,
    /// Its key.
    pub key: String,
    /// The worst difference.
    pub verdict: Verdict,
    /// The id of its flow at the service.
    pub flow_id: Option<FlowId>,
    /// The differences, or the reasons why it could not be compared.
    pub differences: Vec<String>,
    /// The recommended action.
    pub hint: String,
}

/// An error that ends an audit.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The service cannot be reached, or the ledger cannot be read.
    #[error(transparent)]
    Fatal(#[from] Fatal),
    /// A result cannot be written to the audit journal.
    #[error(transparent)]
    Journal(#[from] std::io::Error),
}

impl From<LedgerError> for AuditError {
    fn from(error: LedgerError) -> Self {
        Self::Fatal(error.into())
    }
}

impl Audit<'_> {
    /// Audits all selected items, and passes each result to `found`.
    ///
    /// Returns whether the audit is complete; `false` when it was stopped.
    pub async fn run(
        &self,
        mut found: impl FnMut(AuditedItem) -> std::io::Result<()>,
    ) -> Result<bool, AuditError> {
        let auditor = Auditor {
            records: self.records,
            has_predecessor: self.has_predecessor,
            context: StepContext::new(self.records, self.client, self.root),
            accounts: account_entities(self.records)?,
            answers: Mutex::default(),
            in_progress: Locks::default(),
        };
        (self.listener)(Event::Lookup(Lookup::Started(self.count()?)));
        let work = async |item: KnownItem| {
            let span = info_span!("item", address = %Address::item(&item.flow, &item.key));
            auditor.audit_item(item).instrument(span).await
        };
        let record = |audited: Result<AuditedItem, Fatal>| {
            match audited {
                // A call waited when the stop was requested.
                Err(Fatal::Stopped) => return Ok(()),
                audited => found(audited?)?,
            }
            (self.listener)(Event::Lookup(Lookup::Done));
            Ok(())
        };
        let items = self.selected_items();
        let run = for_each(items, self.concurrency, &self.stop, work, record);
        ending_waits(self.client, &self.stop, run).await?;
        Ok(*self.stop.borrow() == Stop::No)
    }

    /// The items to audit, read from the ledger in pages.
    fn selected_items(&self) -> impl Iterator<Item = Result<KnownItem, AuditError>> {
        let (mut page, mut after) = (VecDeque::new(), 0);
        let items = iter::from_fn(move || {
            if page.is_empty() {
                match self.records.items_after(self.run, after, PAGE_SIZE) {
                    Ok(items) => page.extend(items),
                    Err(error) => return Some(Err(error.into())),
                }
                after = page.back().map_or(after, |item: &KnownItem| item.record.id);
            }
            page.pop_front().map(Ok)
        });
        items.filter(|item| !matches!(item, Ok(item) if !self.is_selected(item)))
    }

    fn is_selected(&self, item: &KnownItem) -> bool {
        let address = Address::item(&item.flow, &item.key);
        !self.skip.contains(&item.record.id) && is_selected(&self.targets, &self.excludes, &address)
    }

    /// The number of items to audit.
    fn count(&self) -> Result<usize, LedgerError> {
        let mut count = 0;
        self.records.each_item(&mut |item| {
            let is_of_run = self.run.is_none_or(|run| run == item.record.run);
            count += usize::from(is_of_run && self.is_selected(&item));
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }
}

/// Looks up and compares single items.
struct Auditor<'a> {
    records: &'a dyn Records,
    has_predecessor: bool,
    context: StepContext<'a>,
    /// The ledger ids of the accounts, by the fingerprint of their account ids, which is shorter.
    accounts: HashMap<Fingerprint, EntityId>,
    /// The results of the lookups so far.
    answers: Mutex<HashMap<EntityId, AccountLookup>>,
    in_progress: Locks,
}

/// The lookup (`account/idexchange`) of a recorded account's `thirdId`.
#[derive(Clone)]
enum AccountLookup {
    Same,
    Other(Box<str>),
    NotFound,
    Failed(Box<str>),
}

fn account_entities(records: &dyn Records) -> Result<HashMap<Fingerprint, EntityId>, LedgerError> {
    let mut entities = HashMap::new();
    records.each_resource(&mut |resource| {
        if let (ResourceKind::Account, Some(id)) = (resource.kind, &resource.resource.remote_id) {
            entities.insert(records.salt().of(id), resource.resource.id);
        }
        ControlFlow::Continue(())
    })?;
    Ok(entities)
}

const CHECK_SIGNERS: &str = "look up the signers on the service's own pages for a second contract";
const LOOK_UP: &str = "apply again: the item is looked up before anything is sent";
const RETRY_AUDIT: &str = "run treaty audit again";
const RESOLVE: &str = "check the flow on the service's own pages, then run treaty state settle";

impl Auditor<'_> {
    async fn audit_item(&self, item: KnownItem) -> Result<AuditedItem, Fatal> {
        let journal = ItemJournal::new(item.record.id, self.records.steps(item.record.id)?);
        let mut differences = Differences::default();
        self.compare_item(&item, &journal, &mut differences).await?;
        if self.has_predecessor {
            let reason = "the ledger is younger than accounts at the service, or was accepted in place of another: an earlier ledger may have sent this item";
            match &differences.0[..] {
                [] => {
                    let what = format!("the flow exists as recorded, but {reason} too");
                    differences.add(Verdict::Unproven, what, CHECK_SIGNERS);
                }
                [(Verdict::NotSent, ..)] => {
                    differences.add(Verdict::Unproven, reason, CHECK_SIGNERS);
                }
                _ => {}
            }
        }
        // The worst difference gives the verdict and the hint; all are listed.
        differences.0.sort_by_key(|(verdict, ..)| *verdict);
        let (verdict, hint) = differences
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
            flow_id: sent_flow(&journal).map(|flow| flow.id),
            differences: differences.0.into_iter().map(|(_, what, _)| what).collect(),
            hint: hint.to_owned(),
        })
    }

    async fn compare_item(
        &self,
        item: &KnownItem,
        journal: &ItemJournal,
        differences: &mut Differences,
    ) -> Result<(), Fatal> {
        let record = &item.record;
        let why = record
            .failure
            .as_ref()
            .map_or(String::new(), |failure| format!(": {}", failure.message));
        let flow =
            sent_flow(journal).filter(|_| record.sent || record.status == ItemStatus::Revoked);
        let Some(flow) = flow else {
            let what = match undecided_step(journal) {
                Some(step) => format!("the outcome of {step} is unknown{why}"),
                None if record.status == ItemStatus::InDoubt => {
                    format!("the item is in doubt{why}")
                }
                None => {
                    let what = format!("no signer was asked{why}");
                    differences.add(Verdict::NotSent, what, "run treaty apply to send it");
                    return Ok(());
                }
            };
            differences.add(Verdict::Unproven, what, LOOK_UP);
            return Ok(());
        };
        let unproven = match (record.status, undecided_step(journal)) {
            (ItemStatus::InDoubt, _) => Some((format!("the item is in doubt{why}"), RESOLVE)),
            (ItemStatus::Open, _) => Some(("sending the item was interrupted".to_owned(), LOOK_UP)),
            (_, Some(step)) => Some((format!("the outcome of {step} is unknown"), RESOLVE)),
            (ItemStatus::Failed, None) => Some((format!("the item failed{why}"), "apply again")),
            _ => None,
        };
        if let Some((what, hint)) = unproven {
            differences.add(Verdict::Unproven, what, hint);
            return Ok(());
        }
        let mut found = self.context.state(&flow).await;
        if found
            .as_ref()
            .is_ok_and(|state| lacks_tasks(journal, state))
        {
            // A service may list a newly added task with a delay.
            sleep(SETTLE_DELAY).await;
            found = self.context.state(&flow).await;
        }
        match found {
            Ok(state) => {
                compare_status(record.status, journal, &state, differences);
                compare_tasks(journal, &state, differences);
            }
            Err(StepError::Failed(failure)) if failure.code == Some(ErrorCode::NO_FLOW.0) => {
                // This code also means that the details are temporarily unavailable.
                let what = format!(
                    "the service does not show the flow {}: {}",
                    flow.id, failure.message
                );
                differences.add(Verdict::Unproven, what, CHECK_FLOW);
            }
            Err(error) => {
                let failure = error.into_failure()?;
                let what = format!("the flow could not be looked up: {}", failure.message);
                differences.add(Verdict::Unproven, what, RETRY_AUDIT);
            }
        }
        self.compare_accounts(journal, differences).await
    }

    /// Checks that each signing account still is the account of its `thirdId`.
    async fn compare_accounts(
        &self,
        journal: &ItemJournal,
        differences: &mut Differences,
    ) -> Result<(), Fatal> {
        let mut seen = HashSet::new();
        for signer in added_signers(journal) {
            let ids = [signer.identity.account, signer.identity.organization];
            for id in ids.into_iter().flatten() {
                if seen.insert(id.clone()) {
                    self.compare_account(&signer.step, &id, differences).await?;
                }
            }
        }
        Ok(())
    }

    async fn compare_account(
        &self,
        step: &str,
        id: &AccountId,
        differences: &mut Differences,
    ) -> Result<(), Fatal> {
        let id_fingerprint = self.records.salt().of(id.as_str());
        let entity = self.accounts.get(&id_fingerprint).copied();
        let account = match entity {
            Some(entity) => self.records.resource_by_id(entity)?,
            None => None,
        };
        let account =
            account.filter(|account| account.resource.remote_id.as_deref() == Some(id.as_str()));
        let Some(account) = account else {
            let what = format!("no thirdId is recorded for the account {id} of {step}");
            differences.add(Verdict::Unproven, what, CHECK_FLOW);
            return Ok(());
        };
        let third_id = &account.identity;
        match self
            .look_up_account(account.resource.id, third_id, id)
            .await?
        {
            AccountLookup::Same => {}
            AccountLookup::NotFound => differences.add(
                Verdict::Different,
                format!(
                    "the thirdId {third_id} of {step} no longer has an account; {id} is recorded"
                ),
                "the account was deleted outside of treaty",
            ),
            AccountLookup::Other(other) => differences.add(
                Verdict::Different,
                format!(
                    "the thirdId {third_id} of {step} now has the account {other}; {id} is recorded"
                ),
                "the account was deleted and created again outside of treaty",
            ),
            AccountLookup::Failed(why) => differences.add(
                Verdict::Unproven,
                format!("the thirdId {third_id} could not be looked up: {why}"),
                RETRY_AUDIT,
            ),
        }
        Ok(())
    }

    /// Looks up a `thirdId`, once per audit.
    async fn look_up_account(
        &self,
        entity: EntityId,
        third_id: &str,
        id: &AccountId,
    ) -> Result<AccountLookup, Fatal> {
        let _guard = self.in_progress.lock(third_id).await;
        let cached = self.answers().get(&entity).cloned();
        if let Some(cached) = cached {
            return Ok(cached);
        }
        let answer = match self.context.account_of(third_id).await {
            Ok(Some(found)) if found == *id => AccountLookup::Same,
            Ok(Some(found)) => AccountLookup::Other(found.0.into()),
            Ok(None) => AccountLookup::NotFound,
            Err(error) => AccountLookup::Failed(error.into_failure()?.message.into()),
        };
        self.answers().insert(entity, answer.clone());
        Ok(answer)
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<EntityId, AccountLookup>> {
        // No code panics while the lock is held, so the data is consistent.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
