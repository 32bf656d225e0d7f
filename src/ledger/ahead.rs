//! The items of a flow for those who ask for one after the other. Who asks in the order in which they were begun, as a sheet
//! does, is answered from one pass through the ledger; who does not is answered all the same.

use std::collections::VecDeque;

use super::LedgerError;
use super::record::SubjectId;
use super::state::{Records, WholeItem};

/// So many items are read at once, as soon as they are asked for in their order.
const PAGE: u32 = 512;
/// Whoever passes over fewer than this still asks in their order.
const NEAR: usize = 16;

/// Reads the items of a flow ahead.
pub struct ReadAhead<'a> {
    records: &'a dyn Records,
    flow: &'a str,
    /// What is expected to be asked for next, in its order.
    ahead: VecDeque<WholeItem>,
    /// How many are read the next time: more each time that what was read is asked for.
    page: u32,
    /// The number of the item that was asked for last.
    last: SubjectId,
    /// Whether none comes after it.
    ended: bool,
}

impl<'a> ReadAhead<'a> {
    /// Nothing is read yet.
    pub fn of(records: &'a dyn Records, flow: &'a str) -> Self {
        Self {
            records,
            flow,
            ahead: VecDeque::new(),
            page: 1,
            last: 0,
            ended: false,
        }
    }

    /// All that is known of an item, by its key.
    pub fn item(&mut self, key: &str) -> Result<Option<WholeItem>, LedgerError> {
        if let Some(found) = self.expected(key) {
            return Ok(Some(found));
        }
        if self.ahead.is_empty() && !self.ended {
            self.read_page()?;
            if let Some(found) = self.expected(key) {
                return Ok(Some(found));
            }
        }
        let Some(record) = self.records.item(self.flow, key)? else {
            return Ok(None);
        };
        self.ahead.clear();
        (self.page, self.last, self.ended) = (1, record.id, false);
        Ok(Some(WholeItem {
            key: key.to_owned(),
            steps: self.records.written_steps(record.id)?,
            record,
        }))
    }

    /// Reads what will be asked for next, for those who have something else to do meanwhile.
    pub fn read_on(&mut self) -> Result<(), LedgerError> {
        if self.page == PAGE && self.ahead.len() < PAGE as usize && !self.ended {
            self.read_page()?;
        }
        Ok(())
    }

    fn read_page(&mut self) -> Result<(), LedgerError> {
        let read = self.ahead.back().map_or(self.last, |item| item.record.id);
        let next = self.records.whole_after(self.flow, read, self.page)?;
        self.ended = next.is_empty();
        self.page = PAGE.min(self.page * 2);
        self.ahead.extend(next);
        Ok(())
    }

    /// The item, if it is one of the next; those before it are passed over.
    fn expected(&mut self, key: &str) -> Option<WholeItem> {
        let mut near = self.ahead.iter().take(NEAR);
        let at = near.position(|item| item.key == key)?;
        let found = self.ahead.drain(..=at).next_back()?;
        self.last = found.record.id;
        Some(found)
    }
}
