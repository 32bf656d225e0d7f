//! A plan together with the rows it was made from.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::drift::Drift;
use super::people::PeopleCounter;
use super::reissue::ReissueMatches;
use super::selection::Selection;
use crate::address::{Address, AddressPattern};
use crate::desired::FlowRows;
use crate::diagnostic::{Diagnostic, Findings};
use crate::expr::Fingerprint;
use crate::ledger::Failure;
use crate::manifest::ExistingAccounts;
use crate::plan::Plan;

/// A plan and its inputs: everything that a run needs.
#[derive(Debug)]
pub struct PlannedRun<'a> {
    /// The actions.
    pub plan: Plan,
    /// The flows whose sheet could be opened, in the order of the plan.
    pub flows: Vec<FlowRows<'a>>,
    /// Rows that are well-formed but cannot be sent, by flow and row number.
    pub refused: RefusedRows,
    /// Errors and warnings about rows.
    pub row_findings: Findings,
    /// Fingerprints of the `thirdId`s of row accounts that exist at the service.
    pub existing: HashSet<Fingerprint>,
    /// The number of accounts of rows to be sent that the ledger does not record.
    pub unrecorded_accounts: usize,
    /// The strictest rule for an existing account, by the fingerprint of its `thirdId`, if flows
    /// with different rules may share accounts.
    pub existing_rules: HashMap<Fingerprint, ExistingAccounts>,
    /// Fingerprints of the `thirdId`s of row accounts whose lookup failed, with the reason.
    pub unobserved: HashMap<Fingerprint, Failure>,
    /// The differences between the recorded and the observed resources.
    pub drift: Vec<Drift>,
    /// The patterns of `--force-update` that match no declared account.
    pub unforced: Vec<AddressPattern>,
    /// Recorded flows that are no longer declared, each with a new flow: they may be renamed.
    pub suspected_renames: Vec<(String, String)>,
    /// Targets that match no address.
    pub unmatched: Vec<AddressPattern>,
    /// Indexes of the targets that match an item.
    pub(crate) matched: HashSet<usize>,
    /// The items that `--reissue` names.
    pub(crate) reissues: ReissueMatches,
    /// The people who are asked to sign.
    pub(crate) people: PeopleCounter,
}

impl PlannedRun<'_> {
    /// Creates a plan without actions.
    pub(crate) fn new(row_findings: Findings) -> Self {
        Self {
            plan: Plan::default(),
            flows: Vec::new(),
            refused: RefusedRows::new(),
            row_findings,
            existing: HashSet::new(),
            unrecorded_accounts: 0,
            existing_rules: HashMap::new(),
            unobserved: HashMap::new(),
            drift: Vec::new(),
            unforced: Vec::new(),
            suspected_renames: Vec::new(),
            unmatched: Vec::new(),
            matched: HashSet::new(),
            reissues: ReissueMatches::default(),
            people: PeopleCounter::default(),
        }
    }

    /// Records which targets match the address of an item.
    pub(crate) fn record_matches(&mut self, selection: &Selection, address: &Address) {
        let targets = selection.targets.iter().enumerate();
        let matching = targets.filter(|(_, pattern)| pattern.matches(address));
        self.matched.extend(matching.map(|(at, _)| at));
    }

    /// Returns the rule for an account of a flow's row if it exists and is not recorded.
    pub(crate) fn existing_rule(&self, flow: &str, third_id: Fingerprint) -> ExistingAccounts {
        let mut flows = self.flows.iter();
        let rows = flows.find(|rows| rows.flow.name == flow);
        let own = rows.map(|rows| rows.flow.existing_accounts);
        let shared = self.existing_rules.get(&third_id).copied();
        own.max(shared).unwrap_or_default()
    }

    /// Refuses a well-formed row, and adds the diagnostic to the row findings.
    pub(crate) fn refuse(&mut self, flow: &str, row: u64, diagnostic: Diagnostic) {
        self.refused
            .insert((flow.to_owned(), row), diagnostic.clone());
        self.row_findings.push(diagnostic);
    }
}

/// Reasons why well-formed rows are refused, by flow and row number.
pub type RefusedRows = BTreeMap<(String, u64), Diagnostic>;
