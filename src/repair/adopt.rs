//! Adopts resources that were created elsewhere: records them as if treaty had made them.
//!
//! Looks up and decides, but writes nothing: the writes are returned, so that the command can ask
//! for confirmation first.

use std::collections::BTreeMap;

use super::adopt_error::{AdoptError, rejected};
use crate::address::AccountId;
use crate::api::QuerySeals;
use crate::desired::{Account, Item, Resources, Seal, Template};
use crate::execute::StepContext;
use crate::ledger::{
    LedgerError, Records, Resource, ResourceKind, Write, kept_fields, seal_identity,
};
use crate::manifest::ExistingAccounts;
use crate::plan::field_fingerprints;

/// Looks up resources and flows that are to be adopted.
pub struct Adopter<'a> {
    pub(crate) records: &'a dyn Records,
    pub(crate) context: StepContext<'a>,
    resources: &'a Resources,
}

/// The ledger writes of an adoption, and notes for the operator.
#[derive(Debug, Default)]
pub struct Adoption {
    /// The writes, for one transaction.
    pub writes: Vec<Write>,
    /// Notes for the operator, one line each.
    pub notes: Vec<String>,
}

impl<'a> Adopter<'a> {
    /// Creates an adopter that looks up through a client.
    pub fn new(
        records: &'a dyn Records,
        client: &'a crate::client::Client,
        root: &'a std::path::Path,
        resources: &'a Resources,
    ) -> Self {
        Self {
            records,
            context: StepContext::new(records, client, root),
            resources,
        }
    }

    /// Adopts an account; the service must have it under its `thirdId`.
    pub async fn account(&self, account: &Account, id: &str) -> Result<Adoption, AdoptError> {
        let third_id = account.third_id();
        match self.context.account_of(third_id).await? {
            None => Err(rejected(
                format!("the service has no account with the thirdId {third_id}"),
                "run treaty apply to create it",
            )),
            Some(found) if found.as_str() != id => Err(rejected(
                format!("the account with the thirdId {third_id} is {found}, not {id}"),
                "adopt the id that account/idexchange returns",
            )),
            Some(found) => Ok(Adoption {
                writes: vec![self.account_write(account, &found)?],
                notes: vec![
                    "The next apply sets the updatable fields to their declared values.".to_owned(),
                ],
            }),
        }
    }

    /// The record of an account that treaty did not create. Fields that cannot be updated are
    /// assumed to be as declared.
    pub(crate) fn account_write(
        &self,
        account: &Account,
        id: &AccountId,
    ) -> Result<Write, LedgerError> {
        let mut fields = field_fingerprints(account, self.records.salt());
        fields.retain(|name, _| !account.updatable().contains(&name.as_str()));
        let recorded = self
            .records
            .resource(ResourceKind::Account, account.third_id())?;
        // A grant is valid only for the account id that it was made for.
        let same = recorded
            .as_ref()
            .filter(|resource| resource.remote_id.as_deref() == Some(id.as_str()));
        Ok(Write::Resource {
            kind: ResourceKind::Account,
            identity: account.third_id().to_owned(),
            resource: Resource {
                grant: same.and_then(|resource| resource.grant),
                id: recorded.map_or_else(|| self.records.next_subject(), |resource| resource.id),
                remote_id: Some(id.0.clone()),
                fields,
            },
        })
    }

    /// Adopts a seal; the service must list it for its account.
    pub async fn seal(&self, seal: &Seal, id: &str) -> Result<Adoption, AdoptError> {
        let Some(account) = self.resources.accounts.get(&seal.account) else {
            return Err(rejected(
                format!("accounts.{} has errors in its declaration", seal.account),
                "run treaty validate",
            ));
        };
        let Some(account_id) = self.id_of(account).await? else {
            return Err(rejected(
                format!("the service has no account for accounts.{}", seal.account),
                "run treaty apply to create it",
            ));
        };
        let query = QuerySeals {
            account_id: account_id.clone(),
        };
        let seals = self.context.call(&query).await?;
        let Some(found) = seals.iter().find(|listed| listed.seal_id.as_str() == id) else {
            let message = format!("accounts.{} has no seal {id}", seal.account);
            let hint = format!("treaty ask seal/query accountId={account_id} lists its seals");
            return Err(rejected(message, hint));
        };
        let identity = seal_identity(account.third_id(), &seal.alias);
        let recorded = self.records.resource(ResourceKind::Seal, &identity)?;
        let alias = found.seal_alias.as_deref();
        let other = alias.filter(|alias| *alias != seal.alias);
        Ok(Adoption {
            writes: vec![Write::Resource {
                kind: ResourceKind::Seal,
                identity,
                resource: resource_without_fields(
                    recorded.map_or_else(|| self.records.next_subject(), |resource| resource.id),
                    id,
                ),
            }],
            notes: other
                .map(|alias| format!("The alias of the seal at the service is {alias}."))
                .into_iter()
                .collect(),
        })
    }

    /// Adopts a template for the current content of its file. The API has no operation to verify
    /// this.
    pub fn template(&self, template: &Template, id: &str) -> Result<Adoption, AdoptError> {
        let Some(fingerprint) = template.source.fingerprint() else {
            return Err(rejected(
                "the template is declared by its templateId, so there is nothing to record",
                "change the templateId in the manifest",
            ));
        };
        let identity = fingerprint.to_string();
        let recorded = self.records.resource(ResourceKind::Template, &identity)?;
        Ok(Adoption {
            writes: vec![Write::Resource {
                kind: ResourceKind::Template,
                identity,
                resource: resource_without_fields(
                    recorded.map_or_else(|| self.records.next_subject(), |resource| resource.id),
                    id,
                ),
            }],
            notes: vec![
                "It cannot be verified that the template was made from this file; its form fields are assumed to be the same."
                    .to_owned(),
            ],
        })
    }

    /// The recorded id of an account, or else the one that the service returns.
    async fn id_of(&self, account: &Account) -> Result<Option<AccountId>, AdoptError> {
        let recorded = self
            .records
            .resource(ResourceKind::Account, account.third_id())?;
        match recorded.and_then(|resource| resource.remote_id) {
            Some(id) => Ok(Some(AccountId(id))),
            None => Ok(self.context.account_of(account.third_id()).await?),
        }
    }

    /// The ids of all signing accounts by name, and the writes for accounts that were looked up.
    pub(crate) async fn accounts(
        &self,
        item: &Item,
        rule: ExistingAccounts,
    ) -> Result<(BTreeMap<String, AccountId>, Vec<Write>), AdoptError> {
        let mut ids = BTreeMap::new();
        let mut writes = Vec::new();
        for signer in &item.signers {
            let (account, organization) = signer.kind.accounts();
            for name in account.into_iter().chain(organization) {
                let own = item.accounts.get(name);
                let Some(account) = own.or_else(|| self.resources.accounts.get(name)) else {
                    continue;
                };
                if ids.contains_key(name) {
                    continue;
                }
                let Some(id) = self.id_of(account).await? else {
                    continue;
                };
                let recorded = self
                    .records
                    .resource(ResourceKind::Account, account.third_id())?;
                if recorded.is_none_or(|resource| resource.remote_id.is_none()) {
                    let is_kept = own.is_some() && rule != ExistingAccounts::Adopt;
                    let mut write = self.account_write(account, &id)?;
                    if let (true, Write::Resource { resource, .. }) = (is_kept, &mut write) {
                        resource.fields = kept_fields();
                    }
                    writes.push(write);
                }
                ids.insert(name.clone(), id);
            }
        }
        Ok((ids, writes))
    }
}

fn resource_without_fields(id: i64, remote_id: &str) -> Resource {
    Resource {
        id,
        remote_id: Some(remote_id.to_owned()),
        fields: BTreeMap::new(),
        grant: None,
    }
}
