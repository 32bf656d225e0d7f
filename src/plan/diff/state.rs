//! The recorded and observed state of a project's resources.

use std::collections::BTreeMap;

use crate::address::{AccountId, SealId, TemplateId};
use crate::expr::Fingerprint;
use crate::ledger::{RecordedAccount, RecordedSeal};

/// What the ledger knows of the standing things of a project.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordedResources {
    /// By `thirdId`.
    pub accounts: BTreeMap<String, RecordedAccount>,
    /// By `thirdId` of the account, and alias.
    pub seals: BTreeMap<(String, String), RecordedSeal>,
    /// By fingerprint of file and name.
    pub templates: BTreeMap<Fingerprint, TemplateId>,
}

/// What the API said. What was not asked is not there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// The account of each `thirdId` that was asked for; none where there is no such account.
    pub accounts: BTreeMap<String, Option<AccountId>>,
    /// The seals of each `thirdId` whose account exists and was asked, with their aliases: a service need not tell them
    /// (5.8.1).
    pub seals: BTreeMap<String, Vec<(SealId, Option<String>)>>,
}
