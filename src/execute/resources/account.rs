//! Executes the actions on accounts: create once for each `thirdId`, update, adopt, grant, delete.

use std::collections::BTreeMap;

use crate::address::{AccountId, Address};
use crate::api::operation::Op;
use crate::api::{
    AccountAnswer, DeleteAccount, ErrorCode, GrantSilentSign, Nothing, RevokeSilentSign,
    UpdateOrganization, UpdatePerson,
};
use crate::desired::{Account, AccountHolder};
use crate::execute::context::StepContext;
use crate::execute::error::StepError;
use crate::execute::executor::Executor;
use crate::execute::journal::{AttemptError, ProbeResult};
use crate::ledger::{
    Failure, RecordedAccount, RecordedGrant, Resource, ResourceKind, Write, declared_fields,
    is_kept, is_made,
};
use crate::plan::{
    AccountAction, Grant, PlannedAccount, Removal, field_fingerprints, plan_row_account,
};
use crate::util::failpoint::failpoint;

/// How an account that was to be created came into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountOrigin {
    /// This call created it.
    Created,
    /// An earlier call of this ledger created it.
    Recovered,
    /// It existed before.
    Existing,
}

impl Executor<'_> {
    /// Applies the planned action to an account resource, and returns its id.
    pub(crate) async fn apply_account(
        &self,
        address: &Address,
        account: &Account,
        planned: &PlannedAccount,
    ) -> Result<AccountId, StepError> {
        let _guard = self.account_locks.lock(account.third_id()).await;
        let known = self
            .context
            .ledger
            .resource(ResourceKind::Account, account.third_id())?;
        let mut was_made = known.as_ref().is_some_and(|known| is_made(&known.fields));
        let id = match &planned.action {
            AccountAction::Create => {
                let (id, origin) = self.create(account, known.clone(), false).await?;
                was_made = origin == AccountOrigin::Created;
                if origin != AccountOrigin::Created {
                    self.record_existing(account.third_id());
                }
                if origin == AccountOrigin::Existing {
                    self.record_taken_account(address, None, false);
                }
                id
            }
            AccountAction::Adopt(id) => {
                was_made = false;
                let id = self.adopt(account, id, known.as_ref()).await?;
                self.record_taken_account(address, None, false);
                id
            }
            AccountAction::Update(id, changed) => {
                self.context.update(account, id, changed).await?;
                self.context.record(account, id, known.as_ref()).await?;
                id.clone()
            }
            AccountAction::Unchanged(id) => id.clone(),
        };
        self.set_grant(account.third_id(), &id, planned.grant)
            .await?;
        self.mark_declared(account, &planned.shown, was_made)
            .await?;
        Ok(id)
    }

    /// Records that a manifest declares an account, whether treaty made it, and whether it is
    /// protected, for the time when it is no longer declared; and its values as plans show them.
    async fn mark_declared(
        &self,
        account: &Account,
        shown: &BTreeMap<String, String>,
        is_made: bool,
    ) -> Result<(), StepError> {
        let (kind, identity) = (ResourceKind::Account, account.third_id());
        let ledger = self.context.ledger;
        let Some(resource) = ledger.resource(kind, identity)? else {
            return Ok(());
        };
        let mut fields = resource.fields.clone();
        for (name, desired) in field_fingerprints(account, ledger.salt()) {
            // The update of an excluded account is not made: its earlier values stay.
            let field = fields.get_mut(&name);
            if let Some(field) = field.filter(|own| own.fingerprint == desired.fingerprint) {
                field.shown = shown.get(&name).cloned();
            }
        }
        let fields = declared_fields(fields, is_made, account.protect);
        if fields == resource.fields || is_kept(&fields) {
            return Ok(());
        }
        let write = Write::Resource {
            kind,
            identity: identity.to_owned(),
            resource: Resource { fields, ..resource },
        };
        Ok(ledger.write(vec![write]).await?)
    }

    /// Removes an account that is no longer declared, or its grant.
    pub(crate) async fn remove(&self, removal: &Removal) -> Result<(), StepError> {
        let Removal {
            third_id,
            account_id,
            revokes,
            deletes,
        } = removal;
        if *revokes {
            let _guard = self.account_locks.lock(third_id).await;
            self.context.check_account(third_id, account_id)?;
            self.set_grant(third_id, account_id, Grant::Revoke).await?;
        }
        if *deletes {
            self.delete_account(third_id, account_id).await?;
        }
        Ok(())
    }

    /// Deletes an account that the manifest declares as absent. An account that does not exist any
    /// more is not an error.
    pub(crate) async fn delete_account(
        &self,
        third_id: &str,
        id: &AccountId,
    ) -> Result<(), StepError> {
        let _guard = self.account_locks.lock(third_id).await;
        self.context.check_account(third_id, id)?;
        let request = DeleteAccount {
            account_id: id.clone(),
        };
        let probe = async || {
            let found = self.context.account_of(third_id).await?;
            Ok(match found {
                Some(_) => ProbeResult::Absent,
                None => ProbeResult::Found(Nothing),
            })
        };
        match self.context.send_once(false, &request, probe).await {
            Ok(Nothing) => {}
            Err(
                AttemptError::NotExecuted(StepError::Failed(failure))
                | AttemptError::Refused(StepError::Failed(failure))
                | AttemptError::MayTakeEffect(StepError::Failed(failure)),
            ) if failure.code == Some(ErrorCode::NO_ACCOUNT.0) => {}
            Err(error) => return Err(error.into()),
        }
        let forgotten = Write::ResourceForgotten {
            kind: ResourceKind::Account,
            identity: third_id.to_owned(),
        };
        Ok(self.context.ledger.write(vec![forgotten]).await?)
    }

    /// Creates an account. Returns its id and its origin. `was_absent`: a lookup of this run has not
    /// found it, so one that exists now was created by this call.
    pub(super) async fn create(
        &self,
        account: &Account,
        known: Option<Resource>,
        was_absent: bool,
    ) -> Result<(AccountId, AccountOrigin), StepError> {
        let is_begun = known
            .as_ref()
            .is_some_and(|resource| resource.remote_id.is_none());
        let subject = match &known {
            Some(resource) => resource.id,
            None => self.context.ledger.next_subject(),
        };
        let resource = Resource {
            id: subject,
            remote_id: None,
            fields: BTreeMap::default(),
            grant: None,
        };
        let identity = account.third_id().to_owned();
        if !is_begun {
            // A record without a remote id is the intent.
            let intent = Write::Resource {
                kind: ResourceKind::Account,
                identity: identity.clone(),
                resource: resource.clone(),
            };
            self.context.ledger.write(vec![intent]).await?;
            tracing::debug!(step = "account", "intent written");
            failpoint("account.intent");
        }
        let probe = async || {
            let found = self.context.account_of(account.third_id()).await?;
            Ok(found.map_or(ProbeResult::Absent, |account_id| {
                ProbeResult::Found(AccountAnswer { account_id })
            }))
        };
        let result = match &account.holder {
            AccountHolder::Person(person) => {
                self.context
                    .send_once(is_begun, &person.create_request(), probe)
                    .await
            }
            AccountHolder::Organization(organization) => {
                let creator = self.resolved().account(&organization.creator)?;
                self.context
                    .send_once(is_begun, &organization.create_request(creator), probe)
                    .await
            }
        };
        failpoint("account.answered");
        let already_exists = |failure: &Failure| {
            [
                ErrorCode::ACCOUNT_EXISTS.0,
                ErrorCode::ORGANIZATION_EXISTS.0,
            ]
            .contains(&failure.code.unwrap_or(0))
        };
        match result {
            // An earlier run may have created it, with the row's values of that time.
            Ok(answer) if is_begun => {
                let id = self.adopt(account, &answer.account_id, Some(&resource));
                Ok((id.await?, AccountOrigin::Recovered))
            }
            Ok(answer) => {
                self.context
                    .record(account, &answer.account_id, Some(&resource))
                    .await?;
                failpoint("account.recorded");
                Ok((answer.account_id, AccountOrigin::Created))
            }
            Err(error) => {
                // An earlier attempt of this run may have created it.
                let is_own =
                    is_begun || was_absent || matches!(error, AttemptError::MayTakeEffect(_));
                let is_refused = matches!(
                    &error,
                    AttemptError::NotExecuted(StepError::Failed(_))
                        | AttemptError::Refused(StepError::Failed(_))
                );
                let failure = match StepError::from(error) {
                    StepError::Failed(failure) if already_exists(&failure) => failure,
                    error => {
                        // The account may be created by others until the next run, which then looks
                        // it up: the intent must not make it this ledger's own.
                        if was_absent && !is_begun && is_refused {
                            let forgotten = Write::ResourceForgotten {
                                kind: ResourceKind::Account,
                                identity,
                            };
                            self.context.ledger.write(vec![forgotten]).await?;
                        }
                        return Err(error);
                    }
                };
                let Some(id) = self.context.account_of(account.third_id()).await? else {
                    return Err(StepError::Failed(failure));
                };
                let origin = if is_own {
                    AccountOrigin::Recovered
                } else {
                    AccountOrigin::Existing
                };
                Ok((self.adopt(account, &id, Some(&resource)).await?, origin))
            }
        }
    }

    /// Adopts an existing account: sets all updatable fields to their declared values.
    pub(super) async fn adopt(
        &self,
        account: &Account,
        id: &AccountId,
        known: Option<&Resource>,
    ) -> Result<AccountId, StepError> {
        // Until it is recorded, no other thirdId may take the same account.
        let _guard = self.adoption_locks.lock(id.as_str()).await;
        self.context.check_account(account.third_id(), id)?;
        self.context
            .update(account, id, account.updatable())
            .await?;
        // A recorded grant belongs to the account with the recorded id only.
        let same = known.filter(|resource| resource.remote_id.as_deref() == Some(id.as_str()));
        let fresh = known.map(|resource| Resource {
            grant: None,
            ..resource.clone()
        });
        self.context
            .record(account, id, same.or(fresh.as_ref()))
            .await?;
        Ok(id.clone())
    }

    /// Grants or revokes automatic signing for an account, and records it.
    async fn set_grant(
        &self,
        third_id: &str,
        id: &AccountId,
        grant: Grant,
    ) -> Result<(), StepError> {
        let recorded = match grant {
            Grant::Unchanged => return Ok(()),
            Grant::Grant(deadline) => {
                self.context
                    .call(&GrantSilentSign {
                        grant_account_id: id.clone(),
                        deadline,
                    })
                    .await?;
                Some(RecordedGrant { deadline })
            }
            Grant::Revoke => {
                self.context
                    .call(&RevokeSilentSign {
                        grant_account_id: id.clone(),
                    })
                    .await?;
                None
            }
        };
        failpoint("account.granted");
        if let Some(resource) = self
            .context
            .ledger
            .resource(ResourceKind::Account, third_id)?
        {
            let resource = Resource {
                grant: recorded,
                ..resource
            };
            let write = Write::Resource {
                kind: ResourceKind::Account,
                identity: third_id.to_owned(),
                resource,
            };
            self.context.ledger.write(vec![write]).await?;
        }
        Ok(())
    }
}

impl StepContext<'_> {
    /// Updates the fields of a recorded account that differ from a row's values.
    pub(crate) async fn update_changed_fields(
        &self,
        account: &Account,
        recorded: &RecordedAccount,
        known: Option<&Resource>,
    ) -> Result<(), StepError> {
        let action = plan_row_account(account, recorded, self.ledger.salt())
            .map_err(|wrong| StepError::failed(wrong.message, wrong.hint.unwrap_or_default()))?;
        if let AccountAction::Update(id, changed) = &action {
            self.update(account, id, changed).await?;
            self.record(account, id, known).await?;
        }
        Ok(())
    }

    /// Sets the named fields of an account.
    pub(crate) async fn update(
        &self,
        account: &Account,
        id: &AccountId,
        fields: &[impl AsRef<str>],
    ) -> Result<(), StepError> {
        let value = |name: &str, value: Option<&String>| {
            let is_set = fields.iter().any(|field| field.as_ref() == name);
            value.filter(|_| is_set).cloned()
        };
        match &account.holder {
            AccountHolder::Person(person) => {
                let request = UpdatePerson {
                    account_id: id.clone(),
                    name: value("name", Some(&person.name)),
                    mobile: value("mobile", person.mobile.as_ref()),
                    email: value("email", person.email.as_ref()),
                };
                self.call(&request).await?;
            }
            AccountHolder::Organization(organization) => {
                let request = UpdateOrganization {
                    account_id: id.clone(),
                    name: value("name", Some(&organization.name)),
                    email: value("email", organization.email.as_ref()),
                    legal_name: value("legalName", organization.legal_name.as_ref()),
                };
                self.call(&request).await?;
            }
        }
        Ok(())
    }

    /// Records an account with the fingerprints of the values just set.
    pub(crate) async fn record(
        &self,
        account: &Account,
        id: &AccountId,
        known: Option<&Resource>,
    ) -> Result<(), StepError> {
        let subject = known.map_or_else(|| self.ledger.next_subject(), |resource| resource.id);
        let resource = Resource {
            id: subject,
            remote_id: Some(id.0.clone()),
            fields: field_fingerprints(account, self.ledger.salt()),
            grant: known.and_then(|resource| resource.grant),
        };
        let write = Write::Resource {
            kind: ResourceKind::Account,
            identity: account.third_id().to_owned(),
            resource,
        };
        // An account that was looked up is checked before.
        let op = match account.holder {
            AccountHolder::Person(_) => Op::CreatePerson,
            AccountHolder::Organization(_) => Op::CreateOrganization,
        };
        self.write_response(op, write).await
    }

    /// Fails if an account is recorded for another `thirdId`.
    pub(super) fn check_account(&self, third_id: &str, id: &AccountId) -> Result<(), StepError> {
        let kind = ResourceKind::Account;
        match self.ledger.collision(kind, third_id, id.as_str())? {
            Some(collision) => Err(StepError::InDoubt(
                self.response_mismatch(Op::ExchangeId, &collision),
            )),
            None => Ok(()),
        }
    }
}
