//! The recorded and observed state of a project's resources.

use std::collections::BTreeMap;

use crate::address::{AccountId, Address, SealId, TemplateId};
use crate::expr::Fingerprint;
use crate::ledger::{Failure, RecordedAccount, RecordedSeal};

/// The recorded state of a project's resources.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordedResources {
    /// By `thirdId`.
    pub accounts: BTreeMap<String, RecordedAccount>,
    /// By the account's `thirdId` and the alias.
    pub seals: BTreeMap<(String, String), RecordedSeal>,
    /// By fingerprint of file and name.
    pub templates: BTreeMap<Fingerprint, TemplateId>,
}

/// The observed state. Resources that were not looked up have no entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// The account id of each `thirdId` that was looked up; `None` where there is no account.
    pub accounts: BTreeMap<String, Option<AccountId>>,
    /// The seals by the `thirdId` of their account, with their aliases, which a service may omit
    /// (API 5.8.1).
    pub seals: BTreeMap<String, Vec<(SealId, Option<String>)>>,
}

/// The resources whose lookup failed, with the reason. Nothing that depends on them is sent.
pub(crate) type Unobserved = BTreeMap<Address, Failure>;
