//! The resources that a run has applied: their remote ids, or why they failed.

use std::collections::{BTreeMap, BTreeSet};

use super::error::StepError;
use crate::address::{AccountId, Address, SealId, TemplateId};
use crate::desired::{DocumentSource, Item};
use crate::ledger::Failure;

/// The remote ids of the resources that this run has applied, and the failures of the others.
#[derive(Default)]
pub(crate) struct Resolved {
    pub(crate) accounts: BTreeMap<String, AccountId>,
    pub(crate) seals: BTreeMap<String, SealId>,
    pub(crate) templates: BTreeMap<String, TemplateId>,
    pub(crate) failed: BTreeMap<Address, Failure>,
    /// The `thirdId`s of accounts that the plan creates but that already existed.
    pub(crate) existing: BTreeSet<String>,
}

impl Resolved {
    /// Returns the id of an account resource, or an error if it failed or was excluded.
    pub(crate) fn account(&self, name: &str) -> Result<AccountId, StepError> {
        let found = self.accounts.get(name).cloned();
        found.ok_or_else(|| self.missing(&Address::Account(name.to_owned())))
    }

    /// Returns the id of a seal, or an error if it failed or was excluded.
    pub(crate) fn seal(&self, name: &str) -> Result<SealId, StepError> {
        let found = self.seals.get(name).cloned();
        found.ok_or_else(|| self.missing(&Address::Seal(name.to_owned())))
    }

    /// Returns the id of a template, or an error if it failed or was excluded.
    pub(crate) fn template(&self, name: &str) -> Result<TemplateId, StepError> {
        let found = self.templates.get(name).cloned();
        found.ok_or_else(|| self.missing(&Address::Template(name.to_owned())))
    }

    fn missing(&self, address: &Address) -> StepError {
        match self.failed.get(address) {
            Some(failure) => StepError::failed(
                t!(
                    "%{address} failed: %{message}",
                    address = address,
                    message = failure.message
                ),
                failure.hint.clone(),
            ),
            None => StepError::failed(
                t!(
                    "requires %{address}, which is excluded from this run",
                    address = address
                ),
                t!("apply again without --exclude"),
            ),
        }
    }

    /// Returns the failure of the first resource that an item requires and that failed, if any.
    /// Such an item sends no requests.
    pub(crate) fn failed_dependency(&self, item: &Item) -> Option<Failure> {
        let is_resource = |name: &&String| !item.accounts.contains_key(*name);
        let process = &item.process;
        let mut required: Vec<Address> = [&process.initiator, &process.payer]
            .into_iter()
            .flatten()
            .filter(is_resource)
            .map(|name| Address::Account(name.clone()))
            .collect();
        for document in &item.documents {
            if let DocumentSource::Template { template, .. } = &document.source {
                required.push(Address::Template(template.clone()));
            }
        }
        for signer in &item.signers {
            required.extend(signer.kind.seal().cloned().map(Address::Seal));
            let (account, organization) = signer.kind.accounts();
            let accounts = account.into_iter().chain(organization);
            required.extend(
                accounts
                    .filter(is_resource)
                    .map(|name| Address::Account(name.clone())),
            );
        }
        required.iter().find_map(|address| {
            self.failed.get(address).map(|failure| Failure {
                code: failure.code,
                message: t!(
                    "requires %{address}, which failed: %{message}",
                    address = address,
                    message = failure.message
                )
                .into_owned(),
                hint: failure.hint.clone(),
            })
        })
    }
}
