//! The accounts of the rows that are to be sent: which ones to look up, and the calls they need.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::error::Fatal;
use super::existing_accounts::{ExistingAccount, RowAccountLookup, masked_third_id};
use super::forecast::Calls;
use super::observe::{Lookup, LookupListener, blocked, find_accounts, unreachable};
use crate::address::Address;
use crate::api::operation::Op;
use crate::api::{CreateOrganization, CreatePerson, Operation, UpdateOrganization, UpdatePerson};
use crate::client::Client;
use crate::desired::{Account, AccountHolder, FlowRows, Resources};
use crate::diagnostic::Diagnostic;
use crate::expr::{Fingerprint, mask};
use crate::ledger::{AccountRecord, Failure, Ledger, LedgerError, ResourceKind};
use crate::manifest::ExistingAccounts;
use crate::plan::diff::{AccountAction, plan_row_account};

/// The accounts of the rows that are to be sent, each `thirdId` once. Without lookups, only their
/// calls are counted.
pub(crate) struct RowAccounts {
    looks_up: bool,
    /// The `thirdId`s of the project's own accounts.
    declared: HashSet<Fingerprint>,
    /// Whether the flows have different rules for existing accounts.
    is_mixed: bool,
    /// Unrecorded accounts that are to be looked up.
    unrecorded: Vec<Unrecorded>,
    /// The number of unrecorded accounts that are not looked up.
    unobserved: u64,
    /// The rules other than [`ExistingAccounts::Adopt`] by `thirdId`, if the flows have different
    /// ones.
    pub(crate) rules: HashMap<Fingerprint, ExistingAccounts>,
    /// Calls by the index of the flow in the plan.
    pub(crate) calls: BTreeMap<usize, Calls>,
}

struct Unrecorded {
    third_id: Box<str>,
    /// The index of the flow in the plan.
    flow: usize,
    row: u64,
    key: Box<str>,
    /// The index of the account in the flow.
    account: usize,
    rule: ExistingAccounts,
    /// The fields that an adoption sets, with masked values.
    fields: Vec<(Cow<'static, str>, String)>,
    create: Op,
    update: Op,
    /// Whether no earlier row has the account.
    is_first: bool,
}

/// The use of an account by a row that is to be sent.
pub(crate) struct AccountUse<'a> {
    pub(crate) account: &'a Account,
    /// Its index in the flow.
    pub(crate) index: usize,
    pub(crate) key: &'a str,
    pub(crate) row: u64,
    /// The index of the flow in the plan.
    pub(crate) flow: usize,
    pub(crate) rule: ExistingAccounts,
    /// Whether no earlier row has the account.
    pub(crate) is_first: bool,
}

/// The results of the lookups.
#[derive(Default)]
pub(crate) struct LookedUp {
    /// The fingerprints of the `thirdId`s whose account exists.
    pub(crate) existing: HashSet<Fingerprint>,
    /// The accounts whose lookup had no usable response, by the fingerprint of the `thirdId`.
    pub(crate) unobserved: HashMap<Fingerprint, Failure>,
    pub(crate) lookup: RowAccountLookup,
    /// The rows whose account must not exist: the index of the flow, the row, and the account.
    pub(crate) refused: Vec<(usize, u64, String)>,
}

impl RowAccounts {
    pub(crate) fn new(
        looks_up: bool,
        is_mixed: bool,
        resources: &Resources,
        ledger: &dyn Ledger,
    ) -> Self {
        let declared = resources.accounts.values();
        Self {
            looks_up,
            declared: declared
                .map(|account| ledger.salt().of(account.third_id()))
                .collect(),
            is_mixed,
            unrecorded: Vec::new(),
            unobserved: 0,
            rules: HashMap::new(),
            calls: BTreeMap::new(),
        }
    }

    /// Adds an account of a row that is to be sent.
    ///
    /// Counts its calls for the first row with the account: later ones need none. Returns a
    /// diagnostic when the recorded account cannot be changed to the declared one.
    pub(crate) fn add(
        &mut self,
        used: &AccountUse<'_>,
        ledger: &dyn Ledger,
    ) -> Result<Result<(), Diagnostic>, LedgerError> {
        let AccountUse { account, rule, .. } = *used;
        let third_id = account.third_id();
        if self.is_mixed && rule > ExistingAccounts::Adopt {
            let strictest = self.rules.entry(ledger.salt().of(third_id)).or_default();
            *strictest = rule.max(*strictest);
        }
        let record = ledger.resource(ResourceKind::Account, third_id)?;
        // This ledger began to create it: it is its own.
        let is_pending = record
            .as_ref()
            .is_some_and(|record| record.remote_id.is_none());
        let record = record.map(AccountRecord::from);
        let recorded = record.and_then(|record| record.account);
        let action =
            match recorded.map(|recorded| plan_row_account(account, &recorded, ledger.salt())) {
                Some(Err(diagnostic)) => return Ok(Err(diagnostic)),
                Some(Ok(action)) => Some(action),
                None => None,
            };
        let (create, update) = creation(account);
        let op = match action {
            Some(AccountAction::Update(..)) => Some(update),
            Some(_) => None,
            None => Some(create),
        };
        let may_exist =
            action.is_none() && !is_pending && !self.declared.contains(&ledger.salt().of(third_id));
        if self.looks_up && may_exist {
            // Of a refused account, each row is reported.
            if used.is_first || rule == ExistingAccounts::Error {
                self.unrecorded.push(Unrecorded {
                    third_id: third_id.into(),
                    flow: used.flow,
                    row: used.row,
                    key: used.key.into(),
                    account: used.index,
                    rule,
                    fields: masked_fields(account),
                    create,
                    update,
                    is_first: used.is_first,
                });
            }
            return Ok(Ok(()));
        }
        if used.is_first {
            self.unobserved += u64::from(may_exist);
            let calls = self.calls.entry(used.flow).or_default();
            if may_exist && rule != ExistingAccounts::Adopt {
                calls.add(Op::ExchangeId, 1);
            }
            if let Some(op) = op {
                calls.add(op, 1);
            }
        }
        Ok(Ok(()))
    }

    /// Returns the number of accounts to look up.
    pub(crate) fn unrecorded(&self) -> usize {
        self.unrecorded.len()
    }

    /// Returns the result without lookups.
    pub(crate) fn unobserved(&self) -> RowAccountLookup {
        RowAccountLookup {
            unobserved: self.unobserved,
            existing: Vec::new(),
        }
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
        flows: &[FlowRows<'_>],
        listener: &LookupListener,
    ) -> Result<LookedUp, Fatal> {
        let mut third_ids: Vec<String> = self
            .unrecorded
            .iter()
            .map(|unrecorded| unrecorded.third_id.to_string())
            .collect();
        third_ids.sort_unstable();
        third_ids.dedup();
        listener(Lookup::Started(third_ids.len()));
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
            let rule = self.rules.get(&fingerprint).copied().unwrap_or_default();
            let rule = rule.max(unrecorded.rule);
            let looks_again = rule != ExistingAccounts::Adopt;
            match answers.get(&*unrecorded.third_id) {
                Some(Ok(Some(_))) => {}
                Some(Err(failure)) if failure.code.is_none() => {
                    looked_up.unobserved.insert(fingerprint, blocked(failure));
                    continue;
                }
                // A rejected lookup counts as no account: it fails with its row, not the whole plan.
                _ => {
                    calls.add(
                        Op::ExchangeId,
                        u64::from(looks_again && unrecorded.is_first),
                    );
                    calls.add(unrecorded.create, u64::from(unrecorded.is_first));
                    continue;
                }
            }
            looked_up.existing.insert(fingerprint);
            let flow = flows[unrecorded.flow].flow;
            let mut accounts = flow.accounts.iter();
            let account = accounts.nth(unrecorded.account);
            let account = account.map_or(String::new(), |account| account.name.clone());
            if rule == ExistingAccounts::Error {
                looked_up
                    .refused
                    .push((unrecorded.flow, unrecorded.row, account));
                continue;
            }
            let is_kept = rule == ExistingAccounts::Keep;
            calls.add(Op::ExchangeId, 1);
            calls.add(unrecorded.update, u64::from(!is_kept));
            looked_up.lookup.existing.push(ExistingAccount {
                item: Address::item(&flow.name, &unrecorded.key),
                row: unrecorded.row,
                account,
                third_id: masked_third_id(&unrecorded.third_id),
                is_kept,
                fields: unrecorded.fields,
            });
        }
        Ok(looked_up)
    }
}

/// Returns the fields that an adoption of the account sets, with masked values.
fn masked_fields(account: &Account) -> Vec<(Cow<'static, str>, String)> {
    let fields = account.settable().into_iter();
    fields
        .map(|(name, value)| (name.into(), mask(&value)))
        .collect()
}

/// The operations that create and update an account.
fn creation(account: &Account) -> (Op, Op) {
    match account.holder {
        AccountHolder::Person(_) => (CreatePerson::OP, UpdatePerson::OP),
        AccountHolder::Organization(_) => (CreateOrganization::OP, UpdateOrganization::OP),
    }
}
