//! What is recorded of a flow's items, by key: an index that is loaded in one pass and takes 27 bytes an item.

use crate::expr::{Fingerprint, Salt};
use crate::ledger::{ItemStatus, Ledger, LedgerError, RecordedItem};

/// Half a fingerprint of a key. That two of a million have the same is as good as impossible; if they had, a row would
/// be held against what another one sent, would differ from it, and be refused.
type Half = [u8; 8];

/// The items, sorted by key.
pub(crate) struct Known {
    salt: Salt,
    items: Vec<Item>,
    /// How many were not met yet.
    left: usize,
}

struct Item {
    key: Half,
    fingerprint: [u8; 16],
    status: ItemStatus,
    sent: bool,
    /// Whether its row was met.
    met: bool,
}

impl Known {
    /// Loads what is recorded of a flow.
    pub(crate) fn of(ledger: &dyn Ledger, flow: &str) -> Result<Self, LedgerError> {
        let salt = ledger.salt().clone();
        let mut items = Vec::new();
        ledger.items(flow, &mut |key, item| {
            items.push(Item {
                key: half(salt.of(key)),
                fingerprint: item.fingerprint.0,
                status: item.status,
                sent: item.sent,
                met: false,
            });
        })?;
        items.sort_unstable_by_key(|item| item.key);
        Ok(Self {
            salt,
            left: items.len(),
            items,
        })
    }

    /// What is recorded of the item of a row, by its place. A key may stand in a sheet twice, where all but one of its rows are
    /// left out.
    pub(crate) fn meet(&mut self, at: usize) -> RecordedItem {
        let item = &mut self.items[at];
        self.left -= usize::from(!std::mem::replace(&mut item.met, true));
        RecordedItem {
            fingerprint: Fingerprint(item.fingerprint),
            status: item.status,
            sent: item.sent,
        }
    }

    /// Whether all have been met.
    pub(crate) fn is_through(&self) -> bool {
        self.left == 0
    }

    /// Whether an item was not met.
    pub(crate) fn is_left(&self, key: &str) -> bool {
        self.find(key).is_some_and(|at| !self.items[at].met)
    }

    /// The place of an item.
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        let half = half(self.salt.of(key));
        self.items.binary_search_by_key(&half, |item| item.key).ok()
    }
}

fn half(key: Fingerprint) -> Half {
    let mut half = Half::default();
    half.copy_from_slice(&key.0[..8]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_the_index_takes_no_more_than_is_said() {
        assert_eq!(size_of::<Item>(), 27);
    }
}
