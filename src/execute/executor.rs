//! One run: standing things first, then the items in the sheet's order through a window of bounded size.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tracing::{Instrument, Span, info_span};

use super::concurrency::has_room;
use super::context::StepContext;
use super::error::StepError;
use super::event::{Ended, Event, Listener};
use super::locks::Locks;
use super::stop::{Stop, Stopped, stopped_now};
use crate::address::{AccountId, Address, SealId, TemplateId};
use crate::client::Client;
use crate::desired::{DocumentSource, FlowRows, Item, Outcome, Resources};
use crate::ledger::{Failure, Ledger, RunRecord};
use crate::plan::{Fatal, FlowPlan, Plan, PlannedRow, PlannedRun, unreadable_sheet};

/// What a run did.
#[derive(Debug, Default)]
pub struct RunStats {
    /// Items that are done.
    pub done: u64,
    /// Items that failed.
    pub failed: u64,
    /// Items in doubt.
    pub in_doubt: u64,
    /// Items that were under way when the run was stopped.
    pub open: u64,
    /// Items that were not begun.
    pub not_begun: u64,
    /// Standing things that failed, and why.
    pub standing: Vec<(Address, Failure)>,
    /// Why it ended before all was done.
    pub stopped: Option<Stopped>,
}

/// What a run needs.
pub struct ExecutionContext<'a> {
    /// What should be.
    pub standing: &'a Resources,
    /// What is to be done, and what that was found from.
    pub survey: &'a PlannedRun<'a>,
    /// What has been done.
    pub ledger: &'a dyn Ledger,
    /// The API.
    pub client: &'a Client,
    /// The project's folder.
    pub root: &'a Path,
    /// The run.
    pub run: RunRecord,
    /// Failed items, past which nothing new is started; none: no bound.
    pub tolerate: Option<u64>,
    /// Hears of everything.
    pub listener: Listener,
    /// Says when to stop.
    pub stop: watch::Receiver<Stop>,
}

/// A run.
pub struct Apply<'a> {
    orders: ExecutionContext<'a>,
    pub(crate) context: StepContext<'a>,
    pub(crate) accounts_under_way: Locks,
    resolved: Mutex<Resolved>,
}

/// The ids of the standing things, as far as they are known, and why the others are not.
#[derive(Default)]
struct Resolved {
    accounts: BTreeMap<String, AccountId>,
    seals: BTreeMap<String, SealId>,
    templates: BTreeMap<String, TemplateId>,
    failed: BTreeMap<Address, Failure>,
    /// The `thirdId`s of accounts that were there when they were to be made.
    found: BTreeSet<String>,
}

impl<'a> Apply<'a> {
    /// A run that has not begun.
    pub fn new(orders: ExecutionContext<'a>) -> Self {
        Self {
            context: StepContext::new(orders.ledger, orders.client, orders.root),
            accounts_under_way: Locks::default(),
            resolved: Mutex::default(),
            orders,
        }
    }

    /// Does all that the plan says.
    pub async fn all(&self) -> RunStats {
        let survey = self.orders.survey;
        let mut tally = RunStats::default();
        let work: u64 = survey.plan.flows.iter().map(FlowPlan::work).sum();
        // What ends comes first: an account that is to go may still be asked to sign.
        let revocations: u64 = survey.plan.flows.iter().map(FlowPlan::revocations).sum();
        self.say(Event::Revoking(revocations));
        for plan in &survey.plan.flows {
            self.revoke_removed(plan, &mut tally).await;
        }
        if tally.stopped.is_none() {
            let mut stop = self.stop();
            let made = tokio::select! {
                biased;
                made = self.apply_resources(&survey.plan, &mut tally) => made,
                () = stopped_now(&mut stop) => Err(Stopped::Asked),
            };
            if let Err(stopped) = made {
                self.stop_for(stopped, &mut tally);
            }
        }
        if tally.stopped.is_some() {
            tally.not_begun += work;
            return tally;
        }
        self.say(Event::Items(work));
        for (rows, plan) in survey.flows.iter().zip(&survey.plan.flows) {
            self.flow(rows, plan, &mut tally).await;
        }
        tally
    }

    pub(crate) fn stop_for(&self, stopped: Stopped, tally: &mut RunStats) {
        if tally.stopped.is_none() {
            self.say(Event::Stopping(match &stopped {
                Stopped::Asked => {
                    "asked to stop: what is under way ends, nothing new is begun".to_owned()
                }
                Stopped::Failures { tolerated } => {
                    format!("more than {tolerated} items failed: nothing new is begun")
                }
                Stopped::Fatal(fatal) => fatal.to_string(),
            }));
            tally.stopped = Some(stopped);
        }
    }

    /// Says when to stop.
    pub(crate) fn stop(&self) -> watch::Receiver<Stop> {
        self.orders.stop.clone()
    }

    /// An error once nothing new is to be started.
    fn go_on(&self) -> Result<(), Stopped> {
        match *self.orders.stop.borrow() {
            Stop::No => Ok(()),
            Stop::Drain | Stop::Soon | Stop::Now => Err(Stopped::Asked),
        }
    }

    /// The number of the run.
    pub(crate) fn run_id(&self) -> i64 {
        self.orders.run.id
    }

    pub(crate) fn say(&self, event: Event) {
        (self.orders.listener)(event);
    }

    async fn apply_resources(&self, plan: &Plan, tally: &mut RunStats) -> Result<(), Stopped> {
        let symbols: HashMap<Address, char> = plan
            .resources
            .actions()
            .map(|(address, symbol, _)| (address, symbol))
            .collect();
        let mut note = |address: Address, result: Result<(), StepError>| {
            let failure = match result {
                Ok(()) => None,
                Err(StepError::Fatal(fatal)) => return Err(Stopped::Fatal(fatal)),
                Err(
                    StepError::Failed(failure)
                    | StepError::InDoubt(failure)
                    | StepError::ProbeFailed(failure),
                ) => Some(failure),
            };
            if let Some(failure) = &failure {
                self.resolved()
                    .failed
                    .insert(address.clone(), failure.clone());
                tally.standing.push((address.clone(), failure.clone()));
            }
            let symbol = symbols.get(&address).copied().unwrap_or('=');
            self.say(Event::Resources {
                address,
                symbol,
                failure,
            });
            Ok(())
        };
        for (name, deletion) in &plan.resources.absent {
            self.go_on()?;
            let address = Address::Account(name.clone());
            let result = match deletion {
                Some(id) => {
                    self.delete(&self.orders.standing.absent[name].third_id, id)
                        .instrument(resource_span(&address))
                        .await
                }
                None => Ok(()),
            };
            note(address, result)?;
        }
        for planned in &plan.resources.accounts {
            self.go_on()?;
            let address = Address::Account(planned.name.clone());
            let result = self.resource_account(
                &self.orders.standing.accounts[&planned.name],
                &planned.action,
                planned.grant,
            );
            let result = result.instrument(resource_span(&address));
            let result = result.await.map(|id| {
                self.resolved().accounts.insert(planned.name.clone(), id);
            });
            note(address, result)?;
        }
        for (name, action, _) in &plan.resources.seals {
            self.go_on()?;
            let seal = &self.orders.standing.seals[name];
            let third_id = self
                .orders
                .standing
                .accounts
                .get(&seal.account)
                .map_or("", |account| account.third_id());
            // Of an account that the plan did not find, it knows no seals either.
            let is_unseen = self.resolved().found.contains(third_id);
            let address = Address::Seal(name.clone());
            let result = match self.resource_id(&seal.account) {
                Ok(account) => {
                    self.seal(seal, third_id, &account, action, is_unseen)
                        .instrument(resource_span(&address))
                        .await
                }
                Err(halt) => Err(halt),
            };
            let result = result.map(|id| {
                self.resolved().seals.insert(name.clone(), id);
            });
            note(address, result)?;
        }
        for (name, action) in &plan.resources.templates {
            self.go_on()?;
            let address = Address::Template(name.clone());
            let result = self
                .template(&self.orders.standing.templates[name], action)
                .instrument(resource_span(&address))
                .await
                .map(|id| {
                    self.resolved().templates.insert(name.clone(), id);
                });
            note(address, result)?;
        }
        Ok(())
    }

    async fn flow(&self, rows: &'a FlowRows<'_>, plan: &'a FlowPlan, tally: &mut RunStats) {
        let is_work = move |at: usize| plan.rows.get(at).is_some_and(|row| row.action.is_work());
        let mut drafts = match rows.rendered_rows(is_work) {
            Ok(drafts) => drafts.fuse(),
            Err(error) => {
                // The sheet was readable a moment ago; its rows stay as they are, and are told to be not begun.
                let why = unreadable_sheet(rows.flow, &error);
                self.stop_for(Stopped::Fatal(why.into()), tally);
                tally.not_begun += plan.work();
                return;
            }
        };
        let mut window = FuturesUnordered::new();
        let mut stop = self.stop();
        let mut begun = 0;
        loop {
            while tally.stopped.is_none() && has_room(self.orders.client, window.len()) {
                if *stop.borrow() != Stop::No {
                    self.stop_for(Stopped::Asked, tally);
                    break;
                }
                let Some((at, draft)) = drafts.next() else {
                    break;
                };
                begun += 1;
                let (address, item) = match planned_item(&plan.flow, &plan.rows[at], draft) {
                    Ok(planned) => planned,
                    Err((address, row, failure)) => {
                        self.ended(address, Some(row), Ended::Failed(failure), tally);
                        continue;
                    }
                };
                let planned = plan.rows[at];
                window.push(self.named_item(&plan.flow, address, planned, item));
            }
            if window.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                ended = window.next() => match ended {
                    Some((address, row, Ok(ended))) => self.ended(address, Some(row), ended, tally),
                    Some((address, row, Err(fatal))) => {
                        self.ended(address, Some(row), Ended::Open, tally);
                        self.stop_for(Stopped::Fatal(fatal), tally);
                    }
                    None => break,
                },
                () = stopped_now(&mut stop) => {
                    tally.open += window.len() as u64;
                    self.stop_for(Stopped::Asked, tally);
                    break;
                }
                // There may be room for another item.
                () = self.orders.client.another_is_delayed() => {}
            }
            if let Some(tolerated) = self
                .orders
                .tolerate
                .filter(|tolerated| tally.failed > *tolerated)
            {
                self.stop_for(Stopped::Failures { tolerated }, tally);
            }
        }
        // Rows that are gone from the sheet since the plan was made were not begun either.
        tally.not_begun += plan.work().saturating_sub(begun);
    }

    fn named_item<'s>(
        &'s self,
        flow: &'s str,
        address: Address,
        planned: PlannedRow,
        item: Box<Item>,
    ) -> UnderWay<'s> {
        let span = info_span!("item", %address);
        let work = async move {
            let ended = self.item(flow, &item, planned.action).await;
            (address, u64::from(planned.row), ended)
        };
        Box::pin(work.instrument(span))
    }

    /// What failed among the standing things that an item needs: nothing is called for it then.
    pub(crate) fn lacks(&self, item: &Item) -> Option<Failure> {
        let own = |name: &&String| !item.accounts.contains_key(*name);
        let process = &item.process;
        let mut needs: Vec<Address> = [&process.initiator, &process.payer]
            .into_iter()
            .flatten()
            .filter(own)
            .map(|name| Address::Account(name.clone()))
            .collect();
        for document in &item.documents {
            if let DocumentSource::Template { template, .. } = &document.source {
                needs.push(Address::Template(template.clone()));
            }
        }
        for signer in &item.signers {
            needs.extend(signer.kind.seal().cloned().map(Address::Seal));
            let (account, organization) = signer.kind.accounts();
            let accounts = account.into_iter().chain(organization);
            needs.extend(
                accounts
                    .filter(own)
                    .map(|name| Address::Account(name.clone())),
            );
        }
        let resolved = self.resolved();
        needs.iter().find_map(|address| {
            resolved.failed.get(address).map(|failure| Failure {
                code: failure.code,
                message: format!("{address} is needed, and failed: {}", failure.message),
                hint: failure.hint.clone(),
            })
        })
    }

    pub(crate) fn ended(
        &self,
        address: Address,
        row: Option<u64>,
        ended: Ended,
        tally: &mut RunStats,
    ) {
        match &ended {
            Ended::Done(_) | Ended::Over(..) => tally.done += 1,
            Ended::Failed(_) => tally.failed += 1,
            Ended::InDoubt(_) => tally.in_doubt += 1,
            Ended::Open => tally.open += 1,
        }
        self.say(Event::Item {
            address,
            row,
            ended,
        });
    }

    /// Whether an account of a row was seen to exist.
    pub(crate) fn exists(&self, third_id: &str) -> bool {
        self.orders
            .survey
            .existing
            .contains(&self.context.ledger.salt().of(third_id))
    }

    /// Notes an account that was there when it was to be made.
    pub(crate) fn note_found(&self, third_id: &str) {
        self.resolved().found.insert(third_id.to_owned());
    }

    /// The id of a standing account.
    pub(crate) fn resource_id(&self, name: &str) -> Result<AccountId, StepError> {
        let found = self.resolved().accounts.get(name).cloned();
        found.ok_or_else(|| self.missing(&Address::Account(name.to_owned())))
    }

    pub(crate) fn seal_id(&self, name: &str) -> Result<SealId, StepError> {
        let found = self.resolved().seals.get(name).cloned();
        found.ok_or_else(|| self.missing(&Address::Seal(name.to_owned())))
    }

    pub(crate) fn template_id(&self, name: &str) -> Result<TemplateId, StepError> {
        let found = self.resolved().templates.get(name).cloned();
        found.ok_or_else(|| self.missing(&Address::Template(name.to_owned())))
    }

    fn missing(&self, address: &Address) -> StepError {
        match self.resolved().failed.get(address) {
            Some(failure) => StepError::failed(
                format!("{address} failed: {}", failure.message),
                failure.hint.clone(),
            ),
            None => StepError::failed(
                format!("{address} is needed, and was left out"),
                "apply without --exclude",
            ),
        }
    }

    fn resolved(&self) -> std::sync::MutexGuard<'_, Resolved> {
        // Nothing panics while it is held; what is in it stays true.
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The span of the work on an account, seal or template of the project.
fn resource_span(address: &Address) -> Span {
    info_span!("resource", %address)
}

/// All items share one task: their futures are many and small, and wait for the network most of the time.
type UnderWay<'s> = Pin<Box<dyn Future<Output = (Address, u64, Result<Ended, Fatal>)> + 's>>;

/// The item of a row, if it is still the one that was planned.
fn planned_item(
    flow: &str,
    planned: &PlannedRow,
    draft: crate::desired::RenderedRow,
) -> Result<(Address, Box<Item>), (Address, u64, Failure)> {
    let address = Address::item(flow, draft.key.as_deref().unwrap_or_default());
    match draft.outcome {
        Outcome::Item(item) if planned.matches(item.fingerprint) => Ok((address, item)),
        _ => Err((
            address,
            draft.number,
            Failure {
                code: None,
                message: "the row has changed since the plan was made".to_owned(),
                hint: "apply again".to_owned(),
            },
        )),
    }
}
