//! An index of a flow's recorded items by key. It is loaded in one pass and takes 29 bytes per
//! item.

use crate::expr::{Fingerprint, Salt, ShortFingerprint};
use crate::ledger::{BegunRevocation, ItemStatus, Ledger, LedgerError, RecordedItem};

/// The recorded items of a flow, sorted by key.
pub(crate) struct RecordedItems {
    salt: Salt,
    items: Vec<Item>,
    /// The number of items whose row was not seen yet.
    unseen: usize,
}

struct Item {
    /// The fingerprint of the key. If two were equal, a row would be compared with another row's
    /// item, differ from it, and be refused.
    key: ShortFingerprint,
    fingerprint: [u8; 16],
    status: ItemStatus,
    sent: bool,
    is_reissue: bool,
    revocation: Option<BegunRevocation>,
    /// Whether the sheet has a row with this key.
    seen: bool,
}

impl RecordedItems {
    /// Loads the recorded items of a flow.
    pub(crate) fn load(ledger: &dyn Ledger, flow: &str) -> Result<Self, LedgerError> {
        let salt = ledger.salt().clone();
        let mut items = Vec::new();
        ledger.items(flow, &mut |key, item| {
            items.push(Item {
                key: salt.of(key).into(),
                fingerprint: item.fingerprint.0,
                status: item.status,
                sent: item.sent,
                is_reissue: item.is_reissue,
                revocation: item.revocation,
                seen: false,
            });
        })?;
        items.sort_unstable_by_key(|item| item.key);
        Ok(Self {
            salt,
            unseen: items.len(),
            items,
        })
    }

    /// Marks the item at an index as seen, and returns its record.
    ///
    /// May be called twice for one index: a key can occur twice in a sheet when all but one of its
    /// rows are left out.
    pub(crate) fn mark_seen(&mut self, index: usize) -> RecordedItem {
        let item = &mut self.items[index];
        self.unseen -= usize::from(!std::mem::replace(&mut item.seen, true));
        RecordedItem {
            fingerprint: Fingerprint(item.fingerprint),
            status: item.status,
            sent: item.sent,
            is_reissue: item.is_reissue,
            revocation: item.revocation,
        }
    }

    /// Whether every item was seen.
    pub(crate) fn are_all_seen(&self) -> bool {
        self.unseen == 0
    }

    /// Whether the item with this key is recorded and was not seen.
    pub(crate) fn is_unseen(&self, key: &str) -> bool {
        self.find(key).is_some_and(|index| !self.items[index].seen)
    }

    /// The index of the item with this key, if it is recorded.
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        let key = ShortFingerprint::from(self.salt.of(key));
        self.items.binary_search_by_key(&key, |item| item.key).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_29_bytes_per_item() {
        assert_eq!(size_of::<Item>(), 29);
    }
}
