//! A plan with the rows that it was made from.

use std::collections::{BTreeMap, HashSet};

use super::selection::Selection;
use crate::address::{Address, AddressPattern};
use crate::desired::FlowRows;
use crate::diagnostic::{Diagnostic, Findings};
use crate::expr::Fingerprint;
use crate::plan::Plan;

/// A plan, and what it was made of.
#[derive(Debug)]
pub struct Survey<'a> {
    /// What is to be done.
    pub plan: Plan,
    /// The flows that can be read, in the plan's order.
    pub flows: Vec<FlowRows<'a>>,
    /// Rows that cannot be used although they are well-formed, by flow and row.
    pub refused: Refused,
    /// What is wrong with rows.
    pub row_findings: Findings,
    /// Accounts of rows that were seen to exist, by the fingerprint of their `thirdId`.
    pub existing: HashSet<Fingerprint>,
    /// Targets that match nothing.
    pub unmatched: Vec<AddressPattern>,
    /// Targets that match an item, by their place in the selection.
    pub(crate) matched: HashSet<usize>,
}

impl Survey<'_> {
    /// Remembers which targets mean an item.
    pub(crate) fn note_match(&mut self, selection: &Selection, address: &Address) {
        let targets = selection.targets.iter().enumerate();
        let matching = targets.filter(|(_, pattern)| pattern.matches(address));
        self.matched.extend(matching.map(|(at, _)| at));
    }

    /// Notes why a well-formed row is refused.
    pub(crate) fn refuse(&mut self, flow: &str, row: u64, why: Diagnostic) {
        self.refused.insert((flow.to_owned(), row), why.clone());
        self.row_findings.push(why);
    }
}

/// Why rows are refused that are well-formed by themselves.
pub type Refused = BTreeMap<(String, u64), Diagnostic>;
