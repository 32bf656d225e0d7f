//! The accounts of the rows that are to be sent: which ones to look up, and the calls they need.

use std::collections::{BTreeMap, HashSet};

use super::error::Fatal;
use super::forecast::Calls;
use super::observe::{Lookup, LookupListener, find_accounts};
use crate::api::operation::Op;
use crate::api::{CreateOrganization, CreatePerson, Operation, UpdateOrganization, UpdatePerson};
use crate::client::Client;
use crate::desired::{Account, AccountHolder};
use crate::diagnostic::Diagnostic;
use crate::expr::Fingerprint;
use crate::ledger::{AccountRecord, Ledger, LedgerError, ResourceKind};
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

    /// Returns the number of accounts to look up.
    pub(crate) fn unrecorded(&self) -> usize {
        self.unrecorded.len()
    }

    /// Looks up the unrecorded accounts, and counts their calls.
    ///
    /// Returns the fingerprints of the `thirdId`s whose account exists.
    pub(crate) async fn look_up(
        &mut self,
        client: &Client,
        ledger: &dyn Ledger,
        listener: &LookupListener,
    ) -> Result<HashSet<Fingerprint>, Fatal> {
        listener(Lookup::Started(self.unrecorded.len()));
        let third_ids: Vec<String> = self
            .unrecorded
            .iter()
            .map(|unrecorded| unrecorded.third_id.to_string())
            .collect();
        let answers = find_accounts(client, third_ids, listener).await?;
        let mut existing = HashSet::new();
        for unrecorded in std::mem::take(&mut self.unrecorded) {
            let calls = self.calls.entry(unrecorded.flow).or_default();
            // A rejected lookup counts as no account: it fails with its row, not the whole plan.
            if matches!(answers.get(&*unrecorded.third_id), Some(Ok(Some(_)))) {
                calls.add(Op::ExchangeId, 1);
                calls.add(unrecorded.update, 1);
                existing.insert(ledger.salt().of(&unrecorded.third_id));
            } else {
                calls.add(unrecorded.create, 1);
            }
        }
        Ok(existing)
    }
}

/// The operations that create and update an account.
fn creation(account: &Account) -> (Op, Op) {
    match account.holder {
        AccountHolder::Person(_) => (CreatePerson::OP, UpdatePerson::OP),
        AccountHolder::Organization(_) => (CreateOrganization::OP, UpdateOrganization::OP),
    }
}
