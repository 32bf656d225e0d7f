//! The part of a project that a command selects.

use serde::{Deserialize, Serialize};

use crate::address::{Address, AddressPattern, is_selected};
use crate::expr::Fingerprint;
use crate::ledger::RecordedItem;
use crate::manifest::{OnChange, Tolerance};
use crate::plan::diff::{ItemAction, Listing, NotReissued, Retry, item_action, reissue_action};

/// Which accounts the planner looks up at the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Observe {
    /// The accounts of the project, and the unrecorded accounts of rows that are to be sent.
    #[default]
    All,
    /// The accounts of the project.
    Resources,
    /// None: the ledger is taken as the current state.
    None,
}

/// The selection made on the command line.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Selects matching addresses; selects all when empty.
    pub targets: Vec<AddressPattern>,
    /// Addresses that are not selected.
    pub excludes: Vec<AddressPattern>,
    /// Restricts items to those of a status.
    pub retry: Option<Retry>,
    /// Items to send again, although a contract was sent for them.
    pub reissue: Vec<AddressPattern>,
    /// Accounts whose fields are set again, although the ledger records them as set.
    pub force_update: Vec<AddressPattern>,
    /// Limit of revocations per flow; overrides the project's limit.
    pub max_revoke: Option<Tolerance>,
    /// The items that the plan lists.
    pub listing: Listing,
}

impl Selection {
    /// Whether any item of a flow may be selected.
    pub(crate) fn may_select_flow(&self, flow: &str) -> bool {
        let mut targets = self.targets.iter();
        self.targets.is_empty() || targets.any(|pattern| pattern.may_match_flow(flow))
    }

    /// The action for an item, [`ItemAction::Excluded`] when it is not selected. Of an item that
    /// `--reissue` names and that is not sent again, also the reason.
    pub(crate) fn action(
        &self,
        address: &Address,
        policy: OnChange,
        recorded: Option<RecordedItem>,
        desired: Fingerprint,
    ) -> (ItemAction, Option<NotReissued>) {
        let is_reissued = self.is_reissued(address);
        if !is_selected(&self.targets, &self.excludes, address) {
            let refusal = is_reissued.then_some(NotReissued::Excluded);
            return (ItemAction::Excluded, refusal);
        }
        let mut action = item_action(policy, recorded, desired);
        if let Some(retry) = self.retry {
            action = retry.narrow(action, recorded, desired);
        }
        if !is_reissued {
            return (action, None);
        }
        match reissue_action(policy, recorded, desired) {
            Ok(reissue) => (reissue, None),
            Err(refusal) => (action, Some(refusal)),
        }
    }

    /// Whether `--reissue` names an item.
    pub(crate) fn is_reissued(&self, address: &Address) -> bool {
        self.reissue.iter().any(|pattern| pattern.matches(address))
    }
}
