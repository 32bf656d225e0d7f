//! The accounts of the rows that are to be sent: which ones to look up, and the calls they need.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::error::Fatal;
use super::forecast::Calls;
use super::observe::{Lookup, LookupListener, blocked, find_accounts, unreachable};
use crate::api::operation::Op;
use crate::api::{CreateOrganization, CreatePerson, Operation, UpdateOrganization, UpdatePerson};
use crate::client::Client;
use crate::desired::{Account, AccountHolder};
use crate::diagnostic::Diagnostic;
use crate::expr::Fingerprint;
use crate::ledger::{AccountRecord, Failure, Ledger, LedgerError, ResourceKind};
use crate::plan::diff::{AccountAction, plan_row_account};

/// The accounts of the rows that are to be sent, each `thirdId` once. Without lookups, only their
/// calls are counted.
pub(crate) struct RowAccounts {
    looks_up: bool,
    /// Unrecorded accounts that are to be looked up.
    unrecorded: Vec<Unrecorded>,
    /// Calls by the index of the flow in the plan.
    pub(crate) calls: BTreeMap<usize, Calls>,
}

/// The results of the lookups, by the fingerprint of the `thirdId`.
#[derive(Default)]
pub(crate) struct LookedUp {
    /// The accounts that exist.
    pub(crate) existing: HashSet<Fingerprint>,
    /// The accounts whose lookup had no usable response.
    pub(crate) unobserved: HashMap<Fingerprint, Failure>,
}

struct Unrecorded {
    third_id: Box<str>,
    flow: usize,
    create: Op,
    update: Op,
}

impl RowAccounts {
    pub(crate) fn new(looks_up: bool) -> Self {
        Self {
            looks_up,
            unrecorded: Vec::new(),
            calls: BTreeMap::new(),
        }
    }

    /// Adds an account of a row that is to be sent.
    ///
    /// Counts its calls when `is_first` is set: later rows with the same account need none.
    /// Returns a diagnostic when the recorded account cannot be changed to the declared one.
    pub(crate) fn add(
        &mut self,
        account: &Account,
        is_first: bool,
        flow: usize,
        ledger: &dyn Ledger,
    ) -> Result<Result<(), Diagnostic>, LedgerError> {
        let record = ledger
            .resource(ResourceKind::Account, account.third_id())?
            .map(AccountRecord::from);
        let recorded = record.and_then(|record| record.account);
        let action =
            match recorded.map(|recorded| plan_row_account(account, &recorded, ledger.salt())) {
                Some(Err(diagnostic)) => return Ok(Err(diagnostic)),
                Some(Ok(action)) => Some(action),
                None => None,
            };
        if !is_first {
            return Ok(Ok(()));
        }
        let (create, update) = creation(account);
        let op = match action {
            Some(AccountAction::Update(..)) => Some(update),
            Some(_) => None,
            None => Some(create),
        };
        if self.looks_up && action.is_none() {
            self.unrecorded.push(Unrecorded {
                third_id: account.third_id().into(),
                flow,
                create,
                update,
            });
        } else if let Some(op) = op {
            self.calls.entry(flow).or_default().add(op, 1);
        }
        Ok(Ok(()))
    }

    /// Looks up the unrecorded accounts, and counts their calls.
    ///
    /// # Errors
    ///
    /// Returns [`Fatal::Unreachable`] if no lookup of the plan had a usable response.
    pub(crate) async fn look_up(
        &mut self,
        client: &Client,
        ledger: &dyn Ledger,
        listener: &LookupListener,
    ) -> Result<LookedUp, Fatal> {
        listener(Lookup::Started(self.unrecorded.len()));
        let third_ids: Vec<String> = self
            .unrecorded
            .iter()
            .map(|unrecorded| unrecorded.third_id.to_string())
            .collect();
        let answers = find_accounts(client, third_ids, listener).await?;
        let mut failed = answers.values().filter_map(|answer| answer.as_ref().err());
        if let Some(failure) = failed.find(|failure| failure.code.is_none())
            && !client.has_answered()
        {
            return Err(unreachable(failure));
        }
        let mut looked_up = LookedUp::default();
        for unrecorded in std::mem::take(&mut self.unrecorded) {
            let calls = self.calls.entry(unrecorded.flow).or_default();
            let fingerprint = ledger.salt().of(&unrecorded.third_id);
            match answers.get(&*unrecorded.third_id) {
                Some(Ok(Some(_))) => {
                    calls.add(Op::ExchangeId, 1);
                    calls.add(unrecorded.update, 1);
                    looked_up.existing.insert(fingerprint);
                }
                Some(Err(failure)) if failure.code.is_none() => {
                    looked_up.unobserved.insert(fingerprint, blocked(failure));
                }
                // A rejected lookup counts as no account: it fails with its row, not the whole plan.
                _ => calls.add(unrecorded.create, 1),
            }
        }
        Ok(looked_up)
    }
}

/// The operations that create and update an account.
fn creation(account: &Account) -> (Op, Op) {
    match account.holder {
        AccountHolder::Person(_) => (CreatePerson::OP, UpdatePerson::OP),
        AccountHolder::Organization(_) => (CreateOrganization::OP, UpdateOrganization::OP),
    }
}
