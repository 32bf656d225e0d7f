//! The part of a project that a command means.

use crate::address::{Address, AddressPattern, is_selected};
use crate::expr::Fingerprint;
use crate::ledger::RecordedItem;
use crate::manifest::Tolerance;
use crate::plan::diff::{ItemAction, ItemPolicy, Retry, item_action};

/// Which accounts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observe {
    /// Those of the project, and those of rows that are to be sent and are not recorded.
    All,
    /// Those of the project.
    Resources,
    /// None: the ledger is believed.
    None,
}

/// What the command line means.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// These; all when empty.
    pub targets: Vec<AddressPattern>,
    /// But not these.
    pub excludes: Vec<AddressPattern>,
    /// Only what has failed, or only what is in doubt; all when absent.
    pub retry: Option<Retry>,
    /// What may be revoked of a flow; what the project says when absent.
    pub max_revoke: Option<Tolerance>,
    /// Whether every item is shown, and not some of each kind.
    pub show_all: bool,
}

impl Selection {
    /// Whether any item of a flow may be meant.
    pub(crate) fn wants(&self, flow: &str) -> bool {
        let mut targets = self.targets.iter();
        self.targets.is_empty() || targets.any(|pattern| pattern.may_match_flow(flow))
    }

    /// What is to be done with an item, of what there is to do.
    pub(crate) fn action(
        &self,
        address: &Address,
        policy: ItemPolicy,
        recorded: Option<RecordedItem>,
        print: Fingerprint,
    ) -> ItemAction {
        if !is_selected(&self.targets, &self.excludes, address) {
            return ItemAction::Excluded;
        }
        let action = item_action(policy, recorded, print);
        match self.retry {
            Some(retry) => retry.narrow(action, recorded, print),
            None => action,
        }
    }
}
