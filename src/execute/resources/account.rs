//! Accounts: created once for each `thirdId`, updated, granted.

use crate::address::AccountId;
use crate::api::{
    AccountAnswer, CreateOrganization, CreatePerson, DeleteAccount, ErrorCode, GrantSilentSign,
    Nothing, RevokeSilentSign, UpdateOrganization, UpdatePerson,
};
use crate::desired::{Account, Organization, Person, Who};
use crate::execute::context::Caller;
use crate::execute::error::Halt;
use crate::execute::executor::Apply;
use crate::execute::journal::{Once, Seen};
use crate::ledger::{Failure, RecordedAccount, RecordedGrant, Thing, ThingKind, Write};
use crate::plan::{AccountAction, Grant, field_prints, plan_row_account};
use crate::util::failpoint::point;

impl Apply<'_> {
    /// Does what the plan says about a standing account.
    pub(crate) async fn standing_account(
        &self,
        account: &Account,
        action: &AccountAction,
        grant: Grant,
    ) -> Result<AccountId, Halt> {
        let _only = self.accounts_under_way.lock(account.third_id()).await;
        let known = self
            .caller
            .ledger
            .thing(ThingKind::Account, account.third_id())?;
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
                self.caller.update(account, id, changed).await?;
                self.caller.record(account, id, known.as_ref()).await?;
                id.clone()
            }
            AccountAction::Unchanged(id) => id.clone(),
        };
        self.grant(account, &id, grant).await?;
        Ok(id)
    }

    /// The account of a row, made or updated if need be. Rows that share it come one after the other.
    pub(crate) async fn row_account(&self, account: &Account) -> Result<AccountId, Halt> {
        let _only = self.accounts_under_way.lock(account.third_id()).await;
        let known = self
            .caller
            .ledger
            .thing(ThingKind::Account, account.third_id())?;
        let recorded = known
            .clone()
            .map(crate::ledger::AccountRecord::from)
            .and_then(|record| record.account);
        if let Some(recorded) = recorded {
            self.caller
                .bring_up_to_date(account, &recorded, known.as_ref())
                .await?;
            return Ok(recorded.account_id);
        }
        if self.exists(account.third_id())
            && let Some(id) = self.caller.account_of(account.third_id()).await?
        {
            return self.adopt(account, &id, known.as_ref()).await;
        }
        let (id, _) = self.create(account, known).await?;
        Ok(id)
    }

    /// Deletes an account that should not be there. One that is gone meanwhile is gone.
    pub(crate) async fn delete(&self, third_id: &str, id: &AccountId) -> Result<(), Halt> {
        let _only = self.accounts_under_way.lock(third_id).await;
        let request = DeleteAccount {
            account_id: id.clone(),
        };
        let look = async || {
            let found = self.caller.account_of(third_id).await?;
            Ok(match found {
                Some(_) => Seen::NotThere,
                None => Seen::There(Nothing),
            })
        };
        match self.caller.once(false, &request, look).await {
            Ok(Nothing) => {}
            Err(Once::NotDone(Halt::Failed(failure)) | Once::Unsure(Halt::Failed(failure)))
                if failure.code == Some(ErrorCode::NO_ACCOUNT.0) => {}
            Err(once) => return Err(once.into()),
        }
        let forget = Write::Forgotten {
            kind: ThingKind::Account,
            identity: third_id.to_owned(),
        };
        Ok(self.caller.ledger.write(vec![forget]).await?)
    }

    /// Makes an account; tells, too, whether it was there already.
    async fn create(
        &self,
        account: &Account,
        known: Option<Thing>,
    ) -> Result<(AccountId, bool), Halt> {
        let begun = known
            .as_ref()
            .is_some_and(|thing| thing.remote_id.is_none());
        let subject = match &known {
            Some(thing) => thing.id,
            None => self.caller.ledger.next_subject(),
        };
        let thing = Thing {
            id: subject,
            remote_id: None,
            fields: std::collections::BTreeMap::default(),
            grant: None,
        };
        let identity = account.third_id().to_owned();
        if !begun {
            // The thing without an id is the intent: it says that the call may have gone out.
            let intent = Write::Thing {
                kind: ThingKind::Account,
                identity: identity.clone(),
                thing: thing.clone(),
            };
            self.caller.ledger.write(vec![intent]).await?;
            tracing::debug!(step = "account", "intent written");
            point("account.intent");
        }
        let look = async || {
            let found = self.caller.account_of(account.third_id()).await?;
            Ok(found.map_or(Seen::NotThere, |account_id| {
                Seen::There(AccountAnswer { account_id })
            }))
        };
        let result = match &account.who {
            Who::Person(person) => self.caller.once(begun, &create_person(person), look).await,
            Who::Organization(organization) => {
                let creator = self.standing_id(&organization.creator)?;
                self.caller
                    .once(begun, &create_organization(organization, creator), look)
                    .await
            }
        };
        point("account.answered");
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
                self.caller
                    .record(account, &answer.account_id, Some(&thing))
                    .await?;
                point("account.recorded");
                Ok((answer.account_id, false))
            }
            Err(Once::NotDone(Halt::Failed(failure)) | Once::Unsure(Halt::Failed(failure)))
                if taken(&failure) =>
            {
                match self.caller.account_of(account.third_id()).await? {
                    Some(id) => Ok((self.adopt(account, &id, Some(&thing)).await?, true)),
                    None => Err(Halt::Failed(failure)),
                }
            }
            Err(once) => Err(once.into()),
        }
    }

    /// Takes over an account that treaty did not make: what can be set is set as declared.
    async fn adopt(
        &self,
        account: &Account,
        id: &AccountId,
        known: Option<&Thing>,
    ) -> Result<AccountId, Halt> {
        self.caller.update(account, id, account.updatable()).await?;
        // A grant belongs to the account that it was made for.
        let same = known.filter(|thing| thing.remote_id.as_deref() == Some(id.as_str()));
        let fresh = known.map(|thing| Thing {
            grant: None,
            ..thing.clone()
        });
        self.caller
            .record(account, id, same.or(fresh.as_ref()))
            .await?;
        Ok(id.clone())
    }

    async fn grant(&self, account: &Account, id: &AccountId, grant: Grant) -> Result<(), Halt> {
        let recorded = match grant {
            Grant::Unchanged => return Ok(()),
            Grant::Grant(deadline) => {
                self.caller
                    .call(&GrantSilentSign {
                        grant_account_id: id.clone(),
                        deadline,
                    })
                    .await?;
                Some(RecordedGrant { deadline })
            }
            Grant::Revoke => {
                self.caller
                    .call(&RevokeSilentSign {
                        grant_account_id: id.clone(),
                    })
                    .await?;
                None
            }
        };
        point("account.granted");
        if let Some(thing) = self
            .caller
            .ledger
            .thing(ThingKind::Account, account.third_id())?
        {
            let thing = Thing {
                grant: recorded,
                ..thing
            };
            let write = Write::Thing {
                kind: ThingKind::Account,
                identity: account.third_id().to_owned(),
                thing,
            };
            self.caller.ledger.write(vec![write]).await?;
        }
        Ok(())
    }
}

impl Caller<'_> {
    /// Sets what a row says otherwise of a recorded account than was set last.
    pub(crate) async fn bring_up_to_date(
        &self,
        account: &Account,
        recorded: &RecordedAccount,
        known: Option<&Thing>,
    ) -> Result<(), Halt> {
        let action = plan_row_account(account, recorded, self.ledger.salt())
            .map_err(|wrong| Halt::failed(wrong.message, wrong.hint.unwrap_or_default()))?;
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
    ) -> Result<(), Halt> {
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
        known: Option<&Thing>,
    ) -> Result<(), Halt> {
        let subject = known.map_or_else(|| self.ledger.next_subject(), |thing| thing.id);
        let thing = Thing {
            id: subject,
            remote_id: Some(id.0.clone()),
            fields: field_prints(account, self.ledger.salt()),
            grant: known.and_then(|thing| thing.grant),
        };
        let write = Write::Thing {
            kind: ThingKind::Account,
            identity: account.third_id().to_owned(),
            thing,
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
