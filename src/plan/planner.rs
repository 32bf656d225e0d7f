//! The inputs of a plan, and how its sheets are opened.

use super::observe::LookupListener;
use super::recorded_items::RecordedItems;
use super::selection::Selection;
use crate::desired::{FlowRows, Resources};
use crate::diagnostic::Findings;
use crate::expr::RunTime;
use crate::ledger::{Ledger, LedgerError};
use crate::manifest::{Flow, Named, Project};

/// The inputs of a plan.
pub struct Planner<'a> {
    /// The project.
    pub project: &'a Project,
    /// The declared resources.
    pub resources: &'a Resources,
    /// The recorded state.
    pub ledger: &'a dyn Ledger,
    /// The part of the project that the command line selects.
    pub selection: Selection,
    /// The start time of the run.
    pub run: RunTime,
    /// Receives the progress of lookups.
    pub listener: LookupListener,
}

impl<'a> Planner<'a> {
    /// Opens the sheets of all selected flows, and loads their recorded items at the same time.
    ///
    /// A sheet that cannot be opened is left out and reported in `findings`.
    pub(crate) fn open(
        &self,
        findings: &mut Findings,
    ) -> Result<Vec<(FlowRows<'a>, RecordedItems)>, LedgerError> {
        let (project, salt) = (self.project, self.ledger.salt());
        let flows = project.flows.values();
        let flows: Vec<&Named<Flow>> = flows
            .filter(|flow| self.selection.may_select_flow(&flow.name))
            .collect();
        let open = |flow| FlowRows::open(project, self.resources, flow, &self.run, salt, findings);
        let load = |flow: &&Named<Flow>| RecordedItems::load(self.ledger, &flow.name);
        let (opened, recorded) = rayon::join(
            || flows.iter().copied().map(open).collect::<Vec<_>>(),
            || flows.iter().map(load).collect::<Result<Vec<_>, _>>(),
        );
        let both = opened.into_iter().zip(recorded?);
        Ok(both
            .filter_map(|(rows, recorded)| Some((rows?, recorded)))
            .collect())
    }
}
