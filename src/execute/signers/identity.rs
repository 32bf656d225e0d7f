//! The accounts that identify a signer of a flow.

use serde_json::{Map, Value};

use crate::address::AccountId;
use crate::api::SigningMethod;

/// The identity of a signer: the accounts under which the service lists its tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignerIdentity {
    /// None: the platform, whose account is not known before it has signed.
    pub(crate) account: Option<AccountId>,
    pub(crate) organization: Option<AccountId>,
    /// Whether it may also sign for itself beside the organization.
    pub(crate) both: bool,
}

impl From<&SigningMethod> for SignerIdentity {
    fn from(method: &SigningMethod) -> Self {
        let (account, organization) = match method {
            SigningMethod::Platform(_) => (None, None),
            SigningMethod::User(signer) => (Some(&signer.account_id), None),
            SigningMethod::Person(signer) => (Some(&signer.account_id), None),
            SigningMethod::Organization(signer) => {
                (Some(&signer.account_id), Some(&signer.authorization_org_id))
            }
            SigningMethod::PersonAndOrganization(signer) => (
                Some(&signer.account_id),
                signer.authorization_org_id.as_ref(),
            ),
        };
        Self {
            account: account.cloned(),
            organization: organization.cloned(),
            both: matches!(method, SigningMethod::PersonAndOrganization(_)),
        }
    }
}

impl SignerIdentity {
    /// Adds it to the receipt of a step.
    pub(crate) fn note(&self, receipt: &mut Map<String, Value>) {
        for (name, id) in [
            ("accountId", &self.account),
            ("authorizationOrgId", &self.organization),
        ] {
            if let Some(id) = id {
                receipt.insert(name.to_owned(), id.as_str().into());
            }
        }
        for (name, is) in [("both", self.both), ("platform", self.account.is_none())] {
            if is {
                receipt.insert(name.to_owned(), true.into());
            }
        }
    }

    /// Reads it from the receipt of a step.
    pub(crate) fn of(receipt: &Value) -> Self {
        let is = |name: &str| receipt.get(name).is_some();
        let id = |name: &str| receipt.get(name)?.as_str().map(AccountId::from);
        Self {
            // The response of the platform tells its account, which is not part of the identity.
            account: id("accountId").filter(|_| !is("platform")),
            organization: id("authorizationOrgId"),
            both: is("both"),
        }
    }

    /// Whether one task may be that of either signer.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.account == other.account
            && (self.both || other.both || self.organization == other.organization)
    }
}
