//! The accounts that identify a signer of a flow.

use crate::address::AccountId;
use crate::api::SigningMethod;
use crate::ledger::Receipt;

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
    /// Returns the fields of a receipt that record it.
    pub(crate) fn receipt(&self) -> Receipt {
        Receipt {
            account_id: self.account.clone(),
            authorization_org_id: self.organization.clone(),
            both: self.both,
            platform: self.account.is_none(),
            ..Receipt::default()
        }
    }

    /// Reads it from the receipt of a step.
    pub(crate) fn of(receipt: &Receipt) -> Self {
        // The response of the platform tells its account, which is not part of the identity.
        let account = receipt.account_id.clone().filter(|_| !receipt.platform);
        Self {
            account,
            organization: receipt.authorization_org_id.clone(),
            both: receipt.both,
        }
    }

    /// Whether one task may be that of either signer.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.account == other.account
            && (self.both || other.both || self.organization == other.organization)
    }
}
