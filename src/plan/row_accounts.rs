//! The accounts of the rows that are to be sent: which are recorded, which are to be asked for, what they cost.

use std::collections::{BTreeMap, HashSet};

use super::error::Fatal;
use super::forecast::Calls;
use super::observe::{Lookup, LookupListener, ask_all};
use crate::api::operation::Op;
use crate::api::{CreateOrganization, CreatePerson, Operation, UpdateOrganization, UpdatePerson};
use crate::client::Client;
use crate::desired::{Account, AccountHolder};
use crate::diagnostic::Diagnostic;
use crate::expr::Fingerprint;
use crate::ledger::{AccountRecord, Ledger, LedgerError, ResourceKind};
use crate::plan::diff::{AccountAction, plan_row_account};

/// The accounts of the rows that are to be sent: each `thirdId` once. Where nobody is asked, they are only counted.
pub(crate) struct RowAccounts {
    ask: bool,
    /// Those that are not recorded and are to be asked for.
    unknown: Vec<Unrecorded>,
    /// Calls by the place of the flow in the survey.
    pub(crate) calls: BTreeMap<usize, Calls>,
}

struct Unrecorded {
    third_id: Box<str>,
    flow: usize,
    create: Op,
    update: Op,
}

impl RowAccounts {
    pub(crate) fn new(ask: bool) -> Self {
        Self {
            ask,
            unknown: Vec::new(),
            calls: BTreeMap::new(),
        }
    }

    /// Adds an account of a row that is sent. Counts its calls when `is_first` is set: later rows with the same account
    /// need none. Returns an error when the recorded account cannot be changed to the declared one.
    pub(crate) fn see(
        &mut self,
        account: &Account,
        is_first: bool,
        flow: usize,
        ledger: &dyn Ledger,
    ) -> Result<Result<(), Diagnostic>, LedgerError> {
        let record = ledger
            .resource(ResourceKind::Account, account.third_id())?
            .map(AccountRecord::from);
        let known = record.and_then(|record| record.account);
        let action = match known.map(|known| plan_row_account(account, &known, ledger.salt())) {
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
        if self.ask && action.is_none() {
            self.unknown.push(Unrecorded {
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

    /// Asks for those that are not recorded; gives those that exist.
    pub(crate) async fn ask(
        &mut self,
        client: &Client,
        ledger: &dyn Ledger,
        listener: &LookupListener,
    ) -> Result<HashSet<Fingerprint>, Fatal> {
        listener(Lookup::Started(self.unknown.len()));
        let third_ids: Vec<String> = self
            .unknown
            .iter()
            .map(|unknown| unknown.third_id.to_string())
            .collect();
        let answers = ask_all(client, third_ids, listener).await?;
        let mut existing = HashSet::new();
        for unknown in std::mem::take(&mut self.unknown) {
            let calls = self.calls.entry(unknown.flow).or_default();
            // Of whom the service will not say whether he exists, his row says so, and keeps no other from being sent.
            if matches!(answers.get(&*unknown.third_id), Some(Ok(Some(_)))) {
                calls.add(Op::ExchangeId, 1);
                calls.add(unknown.update, 1);
                existing.insert(ledger.salt().of(&unknown.third_id));
            } else {
                calls.add(unknown.create, 1);
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
