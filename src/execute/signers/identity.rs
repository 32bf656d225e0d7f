//! The accounts that identify a signer of a flow.

use crate::address::AccountId;
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
