//! Accounts of rows: created, updated, or taken over by the rule for existing accounts.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use super::account::AccountOrigin;
use crate::address::{AccountId, Address};
use crate::api::operation::Op;
use crate::desired::{Account, Item};
use crate::execute::error::StepError;
use crate::execute::executor::Executor;
use crate::execute::taken_account::TakenAccount;
use crate::ledger::{AccountRecord, Resource, ResourceKind, Write, kept_fields};
use crate::manifest::ExistingAccounts;
use crate::plan::existing_account_error;

/// An account of a row.
#[derive(Clone, Copy)]
struct RowAccount<'a> {
    flow: &'a str,
    key: &'a str,
    /// Its name in the flow.
    name: &'a str,
    account: &'a Account,
}

impl Executor<'_> {
    /// Creates, updates or takes over the accounts of a row as needed, and returns their ids by name.
    pub(crate) async fn row_accounts<'i>(
        &self,
        flow: &str,
        item: &'i Item,
    ) -> Result<BTreeMap<&'i str, AccountId>, StepError> {
        let accounts = || {
            item.accounts.iter().map(|(name, account)| RowAccount {
                flow,
                key: &item.key,
                name,
                account,
            })
        };
        // Nothing is sent for a row of which one account is refused.
        if item.accounts.len() > 1 {
            for row_account in accounts() {
                let third_id = row_account.account.third_id();
                // Another row may be creating the account.
                let _guard = self.account_locks.lock(third_id).await;
                if self.existing_rule(flow, third_id) == ExistingAccounts::Error
                    && self.recorded_account(third_id)?.is_none()
                    && self.context.account_of(third_id).await?.is_some()
                {
                    return Err(self.existing_error(row_account));
                }
            }
        }
        let mut ids = BTreeMap::new();
        for (name, row_account) in item.accounts.keys().zip(accounts()) {
            ids.insert(name.as_str(), self.row_account(row_account).await?);
        }
        Ok(ids)
    }

    /// Returns the id of one account. Rows that share an account wait for each other.
    async fn row_account(&self, row_account: RowAccount<'_>) -> Result<AccountId, StepError> {
        let RowAccount {
            flow,
            key,
            name,
            account,
        } = row_account;
        let _guard = self.account_locks.lock(account.third_id()).await;
        let known = self.recorded_account(account.third_id())?;
        let recorded = known.clone().map(AccountRecord::from);
        if let Some(recorded) = recorded.and_then(|record| record.account) {
            self.context
                .update_changed_fields(account, &recorded, known.as_ref())
                .await?;
            return Ok(recorded.account_id);
        }
        if let Some(failure) = self.unobserved(account.third_id()) {
            return Err(StepError::Failed(failure.clone()));
        }
        let rule = self.existing_rule(flow, account.third_id());
        // An account whose creation this ledger has begun is its own.
        let looks_up = known.is_none()
            && (rule != ExistingAccounts::Adopt || self.is_observed(account.third_id()));
        if looks_up && let Some(id) = self.context.account_of(account.third_id()).await? {
            let id = match rule {
                ExistingAccounts::Adopt => self.adopt(account, &id, None).await?,
                ExistingAccounts::Keep => self.keep(account, id).await?,
                ExistingAccounts::Error => return Err(self.existing_error(row_account)),
            };
            let is_kept = rule == ExistingAccounts::Keep;
            self.record_taken_account(&Address::item(flow, key), Some(name), is_kept);
            return Ok(id);
        }
        let (id, origin) = self.create(account, known, looks_up).await?;
        if origin == AccountOrigin::Existing {
            self.record_taken_account(&Address::item(flow, key), Some(name), false);
        }
        Ok(id)
    }

    /// Records an existing account as one that is used and never changed.
    async fn keep(&self, account: &Account, id: AccountId) -> Result<AccountId, StepError> {
        // Until it is recorded, no other thirdId may take the same account.
        let _guard = self.adoption_locks.lock(id.as_str()).await;
        self.context.check_account(account.third_id(), &id)?;
        let write = Write::Resource {
            kind: ResourceKind::Account,
            identity: account.third_id().to_owned(),
            resource: Resource {
                id: self.context.ledger.next_subject(),
                remote_id: Some(id.0.clone()),
                fields: kept_fields(),
                grant: None,
            },
        };
        self.context.write_response(Op::ExchangeId, write).await?;
        Ok(id)
    }

    /// Records that an existing account was taken over. `name` is that of a row's account in its flow.
    pub(super) fn record_taken_account(
        &self,
        address: &Address,
        name: Option<&str>,
        is_kept: bool,
    ) {
        tracing::info!(
            account = name,
            "an existing account is {}",
            if is_kept {
                "used without a change"
            } else {
                "adopted: its fields are set"
            }
        );
        self.taken_accounts().push(TakenAccount {
            address: address.clone(),
            name: name.map(str::to_owned),
            is_kept,
        });
    }

    /// Returns the existing accounts that this run has taken over.
    pub(crate) fn taken_accounts(&self) -> MutexGuard<'_, Vec<TakenAccount>> {
        // Nothing panics while it is locked.
        let taken = self.taken_accounts.lock();
        taken.unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the plan's lookup found the account of a row.
    fn is_observed(&self, third_id: &str) -> bool {
        let third_id = self.context.ledger.salt().of(third_id);
        self.planned().existing.contains(&third_id)
    }

    fn existing_rule(&self, flow: &str, third_id: &str) -> ExistingAccounts {
        let third_id = self.context.ledger.salt().of(third_id);
        self.planned().existing_rule(flow, third_id)
    }

    fn recorded_account(&self, third_id: &str) -> Result<Option<Resource>, StepError> {
        let ledger = self.context.ledger;
        Ok(ledger.resource(ResourceKind::Account, third_id)?)
    }

    fn existing_error(&self, row_account: RowAccount<'_>) -> StepError {
        let RowAccount {
            flow,
            name,
            account,
            ..
        } = row_account;
        let place = account.origin.row();
        let mut flows = self.planned().flows.iter();
        let rows = flows.find(|rows| rows.flow.name == flow);
        let place = place.and_then(|row| rows?.third_id_cell(name, row));
        let (message, hint) = existing_account_error(name, place.as_ref());
        StepError::failed(message, hint)
    }
}
