//! Bringing what was sent up to date: who has signed is asked, and what waited for it is done.
//!
//! Needs the ledger alone. An item of which nothing waits is not asked about.

use std::path::Path;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::ask::whose;
use super::caller::Caller;
use super::event::{Ended, Event, Listener};
use super::halt::{Fatal, Halt};
use super::item::{ARCHIVE, DOWNLOAD, SIGNER};
use super::look::{FlowRef, FlowState, sent_flow};
use super::run::{Stop, stopped_now};
use super::step::{Steps, Who};
use crate::api::operation::Op;
use crate::api::{FlowStatus, SignStatus};
use crate::client::Client;
use crate::id::{Address, AddressPattern};
use crate::ledger::{Failure, Ledger, LedgerError, Step, SubjectId, Write};
use crate::plan::{ItemStatus, selected};

/// What a sync needs.
pub struct Sync<'a> {
    /// What has been done.
    pub ledger: &'a dyn Ledger,
    /// The API.
    pub client: &'a Client,
    /// The project's folder.
    pub root: &'a Path,
    /// These items; all when empty.
    pub targets: Vec<AddressPattern>,
    /// But not these.
    pub excludes: Vec<AddressPattern>,
    /// Items that are worked on at the same time.
    pub window: usize,
    /// Hears of everything.
    pub listener: Listener,
    /// Says when to stop.
    pub stop: watch::Receiver<Stop>,
}

/// How the items stand after a sync.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Synced {
    /// Archived, and downloaded where that was asked for.
    pub finished: u64,
    /// Somebody is still to sign.
    pub waiting: u64,
    /// Refused, expired or revoked.
    pub ended: u64,
    /// Something failed; it is tried again by the next sync.
    pub failed: u64,
    /// Whether a call was carried out is not known.
    pub in_doubt: u64,
    /// Why items ended before all had signed.
    pub endings: Vec<(Address, Failure)>,
    /// Whether it was asked to stop before all were looked at.
    pub stopped: bool,
}

impl Sync<'_> {
    /// Goes through all items of which something waits.
    pub async fn all(&self) -> Result<Synced, Fatal> {
        let caller = Caller::new(self.ledger, self.client, self.root);
        let items: Vec<(SubjectId, Address)> = self
            .ledger
            .waiting()?
            .into_iter()
            .map(|(id, flow, key)| (id, Address::item(&flow, &key)))
            .filter(|(_, address)| selected(&self.targets, &self.excludes, address))
            .collect();
        (self.listener)(Event::Items(items.len() as u64));
        let mut synced = Synced::default();
        let mut items = items.into_iter();
        let mut window = FuturesUnordered::new();
        let mut stop = self.stop.clone();
        let mut fatal = None;
        loop {
            while window.len() < self.window && fatal.is_none() {
                if *stop.borrow() != Stop::No {
                    synced.stopped = true;
                    break;
                }
                let Some((id, address)) = items.next() else {
                    break;
                };
                let caller = &caller;
                window.push(async move { (address, caller.sync_item(id).await) });
            }
            let next = tokio::select! {
                biased;
                next = window.next() => next,
                () = stopped_now(&mut stop) => {
                    synced.stopped = true;
                    None
                }
            };
            let Some((address, result)) = next else {
                return fatal.map_or(Ok(synced), Err);
            };
            let ended = match result {
                Ok((status, failure)) => {
                    let ending = failure.map(|failure| (address.clone(), failure));
                    synced.endings.extend(ending);
                    match status {
                        ItemStatus::Finished => synced.finished += 1,
                        ItemStatus::Done => synced.waiting += 1,
                        _ => synced.ended += 1,
                    }
                    Ended::Done(status)
                }
                Err(Halt::Failed(failure)) => {
                    synced.failed += 1;
                    Ended::Failed(failure)
                }
                Err(Halt::InDoubt(failure) | Halt::NotLooked(failure)) => {
                    synced.in_doubt += 1;
                    Ended::InDoubt(failure)
                }
                Err(Halt::Fatal(why)) => {
                    // What is under way ends.
                    fatal.get_or_insert(why);
                    Ended::Open
                }
            };
            (self.listener)(Event::Item {
                address,
                row: None,
                ended,
            });
        }
    }
}

impl Caller<'_> {
    /// How an item stands now, and why it has ended, if it has before all had signed.
    async fn sync_item(&self, id: SubjectId) -> Result<(ItemStatus, Option<Failure>), Halt> {
        let mut steps = Steps::new(id, self.ledger.steps(id)?);
        let flow = sent_flow(&steps).ok_or_else(|| LedgerError::Broken {
            path: String::new(),
            why: format!("the item {id} waits, and has no flow"),
        })?;
        if let Some(step) = undecided(&steps) {
            return Err(Halt::InDoubt(Failure {
                code: None,
                message: format!("whether {step} was carried out is not known"),
                hint: "look at the flow on the service's own pages".to_owned(),
            }));
        }
        steps.whose = signers(&steps);
        let state = self.state(&flow).await?;
        if let Some(status) = dead(state.status) {
            let why = why(&state, status);
            self.end(id, status, Some(why.clone()), true).await?;
            return Ok((status, Some(why)));
        }
        if state.status == FlowStatus::Finished {
            self.wind_up(&steps, &flow).await?;
            return Ok((ItemStatus::Finished, None));
        }
        let signed: Vec<String> = steps
            .whose
            .iter()
            .filter(|(name, who)| has_signed(&steps, &state, name, who))
            .map(|(name, _)| name.clone())
            .collect();
        let result = self
            .advance(&steps, &flow, |step| signed.iter().any(|own| own == step))
            .await;
        match result {
            Ok(left) => {
                // Who was just added has not signed: only the archive ends an item. What was in doubt is so no longer.
                let status = match left {
                    0 if steps.is_done(ARCHIVE) => ItemStatus::Finished,
                    _ => ItemStatus::Done,
                };
                self.end(id, status, None, false).await?;
                Ok((status, None))
            }
            Err(Halt::InDoubt(failure)) => {
                let status = ItemStatus::InDoubt;
                self.end(id, status, Some(failure.clone()), false).await?;
                Err(Halt::InDoubt(failure))
            }
            Err(halt) => Err(halt),
        }
    }

    /// What is left to do of a flow that is archived already: by an earlier sync, by the service, or by somebody else.
    async fn wind_up(&self, steps: &Steps, flow: &FlowRef) -> Result<(), Halt> {
        let mut never_asked = Vec::new();
        for (step, deferral) in steps.deferred() {
            if step == DOWNLOAD {
                self.take(steps, &step, deferral, flow).await?;
            } else if let Some(name) = step.strip_prefix(SIGNER) {
                never_asked.push(name.to_owned());
            }
        }
        if never_asked.is_empty() {
            return self
                .end(steps.subject, ItemStatus::Finished, None, true)
                .await;
        }
        let failure = Failure {
            code: None,
            message: format!(
                "the flow was archived before these signers were asked: {}",
                never_asked.join(", ")
            ),
            hint: "give the row a new key to send it anew".to_owned(),
        };
        let failed = ItemStatus::Failed;
        self.end(steps.subject, failed, Some(failure.clone()), true)
            .await?;
        Err(Halt::Failed(failure))
    }

    async fn end(
        &self,
        id: SubjectId,
        status: ItemStatus,
        failure: Option<Failure>,
        drop_waiting: bool,
    ) -> Result<(), Halt> {
        let mut writes = vec![Write::ItemEnded {
            id,
            status,
            failure,
        }];
        if drop_waiting {
            writes.push(Write::Dropped { subject: id });
        }
        Ok(self.ledger.write(writes).await?)
    }
}

/// A step of which it is not known whether it was carried out, and that is not written down well enough to go on.
pub(super) fn undecided(steps: &Steps) -> Option<&String> {
    steps
        .known()
        .find(|(_, step)| matches!(step, Step::Intent(None)))
        .map(|(name, _)| name)
}

/// Who signs in which step, as the ledger knows it.
fn signers(steps: &Steps) -> Vec<(String, Who)> {
    let signers = steps.known().filter(|(name, _)| name.starts_with(SIGNER));
    signers
        .filter_map(|(name, step)| {
            let who = match step {
                Step::Deferred(deferral) | Step::Intent(Some(deferral)) => {
                    whose(Op::at(&deferral.operation)?, &deferral.request)?
                }
                Step::Intent(None) => return None,
                Step::Receipt(receipt) => Who::of(receipt),
            };
            Some((name.clone(), who))
        })
        .collect()
}

/// Whether a signer has signed: at once, or as the detail tells.
fn has_signed(steps: &Steps, state: &FlowState, name: &str, who: &Who) -> bool {
    if !steps.is_done(name) {
        return false;
    }
    if steps.answered(name, "signUrl").is_none() {
        return true;
    }
    let mut own = state.tasks.iter().filter(|task| task.is_of(who)).peekable();
    own.peek().is_some() && own.all(|task| task.status == SignStatus::Signed)
}

/// How an item stands whose flow has ended before all had signed.
pub(super) fn dead(status: FlowStatus) -> Option<ItemStatus> {
    match status {
        FlowStatus::Rejected | FlowStatus::Ended | FlowStatus::Deleted => {
            Some(ItemStatus::Rejected)
        }
        FlowStatus::Expired => Some(ItemStatus::Expired),
        FlowStatus::Revoked => Some(ItemStatus::Revoked),
        FlowStatus::Draft | FlowStatus::Signing | FlowStatus::Finished => None,
    }
}

/// Why a flow has ended before all had signed.
pub(super) fn why(state: &FlowState, status: ItemStatus) -> Failure {
    let said = state
        .tasks
        .iter()
        .find_map(|task| task.explain.clone().filter(|text| !text.is_empty()));
    let message = match (status, said) {
        (ItemStatus::Rejected, Some(said)) => format!("a signer refused: {said}"),
        (ItemStatus::Rejected, None) => "a signer refused, or signing failed".to_owned(),
        (ItemStatus::Expired, _) => "its time ran out before all had signed".to_owned(),
        _ => "it was revoked before all had signed".to_owned(),
    };
    Failure {
        code: None,
        message,
        hint: "give the row a new key to send it anew".to_owned(),
    }
}
