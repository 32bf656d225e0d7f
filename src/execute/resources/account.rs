//! Accounts: created once for each `thirdId`, updated, granted.

use crate::address::AccountId;
use crate::api::{
    AccountAnswer, CreateOrganization, CreatePerson, DeleteAccount, ErrorCode, GrantSilentSign,
    Nothing, RevokeSilentSign, UpdateOrganization, UpdatePerson,
};
use crate::desired::{Account, Organization, Person, Who};
use crate::execute::context::StepContext;
use crate::execute::error::StepError;
use crate::execute::executor::Apply;
use crate::execute::journal::{AttemptError, ProbeResult};
use crate::ledger::{Failure, RecordedAccount, RecordedGrant, Resource, ResourceKind, Write};
use crate::plan::{AccountAction, Grant, field_fingerprints, plan_row_account};
use crate::util::failpoint::failpoint;

impl Apply<'_> {
    /// Does what the plan says about a standing account.
    pub(crate) async fn resource_account(
        &self,
        account: &Account,
        action: &AccountAction,
        grant: Grant,
    ) -> Result<AccountId, StepError> {
        let _only = self.accounts_under_way.lock(account.third_id()).await;
        let known = self
            .context
            .ledger
            .resource(ResourceKind::Account, account.third_id())?;
        let id = match action {
            AccountAction::Create => {
                let (id, was_there) = self.create(account, known.clone()).await?;
                if was_there {
                    self.note_found(account.third_id());
                }
                id
            }
            AccountAction::Adopt(id) => self.adopt(account, id, known.as_ref()).await?,
            AccountAction::Update(id, changed) => {
                self.context.update(account, id, changed).await?;
                self.context.record(account, id, known.as_ref()).await?;
                id.clone()
            }
            AccountAction::Unchanged(id) => id.clone(),
        };
        self.grant(account, &id, grant).await?;
        Ok(id)
    }

    /// The account of a row, made or updated if need be. Rows that share it come one after the other.
    pub(crate) async fn row_account(&self, account: &Account) -> Result<AccountId, StepError> {
        let _only = self.accounts_under_way.lock(account.third_id()).await;
        let known = self
            .context
            .ledger
            .resource(ResourceKind::Account, account.third_id())?;
        let recorded = known
            .clone()
            .map(crate::ledger::AccountRecord::from)
            .and_then(|record| record.account);
        if let Some(recorded) = recorded {
            self.context
                .bring_up_to_date(account, &recorded, known.as_ref())
                .await?;
            return Ok(recorded.account_id);
        }
        if self.exists(account.third_id())
            && let Some(id) = self.context.account_of(account.third_id()).await?
        {
            return self.adopt(account, &id, known.as_ref()).await;
        }
        let (id, _) = self.create(account, known).await?;
        Ok(id)
    }

    /// Deletes an account that should not be there. One that is gone meanwhile is gone.
    pub(crate) async fn delete(&self, third_id: &str, id: &AccountId) -> Result<(), StepError> {
        let _only = self.accounts_under_way.lock(third_id).await;
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
                AttemptError::NotDone(StepError::Failed(failure))
                | AttemptError::Unsure(StepError::Failed(failure)),
            ) if failure.code == Some(ErrorCode::NO_ACCOUNT.0) => {}
            Err(once) => return Err(once.into()),
        }
        let void_intent = Write::ResourceForgotten {
            kind: ResourceKind::Account,
            identity: third_id.to_owned(),
        };
        Ok(self.context.ledger.write(vec![void_intent]).await?)
    }

    /// Makes an account; tells, too, whether it was there already.
    async fn create(
        &self,
        account: &Account,
        known: Option<Resource>,
    ) -> Result<(AccountId, bool), StepError> {
        let begun = known
            .as_ref()
            .is_some_and(|thing| thing.remote_id.is_none());
        let subject = match &known {
            Some(thing) => thing.id,
            None => self.context.ledger.next_subject(),
        };
        let thing = Resource {
            id: subject,
            remote_id: None,
            fields: std::collections::BTreeMap::default(),
            grant: None,
        };
        let identity = account.third_id().to_owned();
        if !begun {
            // The thing without an id is the intent: it says that the call may have gone out.
            let intent = Write::Resource {
                kind: ResourceKind::Account,
                identity: identity.clone(),
                resource: thing.clone(),
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
        let result = match &account.who {
            Who::Person(person) => {
                self.context
                    .send_once(begun, &create_person(person), probe)
                    .await
            }
            Who::Organization(organization) => {
                let creator = self.resource_id(&organization.creator)?;
                self.context
                    .send_once(begun, &create_organization(organization, creator), probe)
                    .await
            }
        };
        failpoint("account.answered");
        let taken = |failure: &Failure| {
            [
                ErrorCode::ACCOUNT_EXISTS.0,
                ErrorCode::ORGANIZATION_EXISTS.0,
            ]
            .contains(&failure.code.unwrap_or(0))
        };
        match result {
            // It may be what an earlier call has made, of what the row said then.
            Ok(answer) if begun => {
                let id = self.adopt(account, &answer.account_id, Some(&thing));
                Ok((id.await?, true))
            }
            Ok(answer) => {
                self.context
                    .record(account, &answer.account_id, Some(&thing))
                    .await?;
                failpoint("account.recorded");
                Ok((answer.account_id, false))
            }
            Err(
                AttemptError::NotDone(StepError::Failed(failure))
                | AttemptError::Unsure(StepError::Failed(failure)),
            ) if taken(&failure) => match self.context.account_of(account.third_id()).await? {
                Some(id) => Ok((self.adopt(account, &id, Some(&thing)).await?, true)),
                None => Err(StepError::Failed(failure)),
            },
            Err(once) => Err(once.into()),
        }
    }

    /// Takes over an account that treaty did not make: what can be set is set as declared.
    async fn adopt(
        &self,
        account: &Account,
        id: &AccountId,
        known: Option<&Resource>,
    ) -> Result<AccountId, StepError> {
        self.context
            .update(account, id, account.updatable())
            .await?;
        // A grant belongs to the account that it was made for.
        let same = known.filter(|thing| thing.remote_id.as_deref() == Some(id.as_str()));
        let fresh = known.map(|thing| Resource {
            grant: None,
            ..thing.clone()
        });
        self.context
            .record(account, id, same.or(fresh.as_ref()))
            .await?;
        Ok(id.clone())
    }

    async fn grant(
        &self,
        account: &Account,
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
        if let Some(thing) = self
            .context
            .ledger
            .resource(ResourceKind::Account, account.third_id())?
        {
            let thing = Resource {
                grant: recorded,
                ..thing
            };
            let write = Write::Resource {
                kind: ResourceKind::Account,
                identity: account.third_id().to_owned(),
                resource: thing,
            };
            self.context.ledger.write(vec![write]).await?;
        }
        Ok(())
    }
}

impl StepContext<'_> {
    /// Sets what a row says otherwise of a recorded account than was set last.
    pub(crate) async fn bring_up_to_date(
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

    /// Sets what can be set of an account.
    pub(crate) async fn update(
        &self,
        account: &Account,
        id: &AccountId,
        fields: &[&str],
    ) -> Result<(), StepError> {
        let value =
            |name: &str, value: Option<&String>| value.filter(|_| fields.contains(&name)).cloned();
        match &account.who {
            Who::Person(person) => {
                let request = UpdatePerson {
                    account_id: id.clone(),
                    name: value("name", Some(&person.name)),
                    mobile: value("mobile", person.mobile.as_ref()),
                    email: value("email", person.email.as_ref()),
                };
                self.call(&request).await?;
            }
            Who::Organization(organization) => {
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

    /// Records an account as it was just set.
    pub(crate) async fn record(
        &self,
        account: &Account,
        id: &AccountId,
        known: Option<&Resource>,
    ) -> Result<(), StepError> {
        let subject = known.map_or_else(|| self.ledger.next_subject(), |thing| thing.id);
        let thing = Resource {
            id: subject,
            remote_id: Some(id.0.clone()),
            fields: field_fingerprints(account, self.ledger.salt()),
            grant: known.and_then(|thing| thing.grant),
        };
        let write = Write::Resource {
            kind: ResourceKind::Account,
            identity: account.third_id().to_owned(),
            resource: thing,
        };
        Ok(self.ledger.write(vec![write]).await?)
    }
}

fn create_person(person: &Person) -> CreatePerson {
    CreatePerson {
        third_id: Some(person.third_id.clone()),
        name: person.name.clone(),
        id_no: person.id_no.clone(),
        id_type: person.id_type,
        mobile: person.mobile.clone(),
        email: person.email.clone(),
    }
}

fn create_organization(organization: &Organization, creator_id: AccountId) -> CreateOrganization {
    CreateOrganization {
        third_id: Some(organization.third_id.clone()),
        creator_id,
        name: organization.name.clone(),
        organ_code: organization.organ_code.clone(),
        organ_type: organization.organ_type,
        legal_name: organization.legal_name.clone(),
        legal_id_no: organization.legal_id_no.clone(),
        legal_id_type: organization.legal_id_type,
        email: organization.email.clone(),
    }
}
