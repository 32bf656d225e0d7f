//! The survey: all rows rendered and checked, what exists asked for, and a plan made of it.

use super::observe::LookupListener;
use super::recorded_items::Known;
use super::selection::Selection;
use crate::desired::{FlowRows, Resources};
use crate::diagnostic::Findings;

use crate::expr::RunTime;
use crate::ledger::{Ledger, LedgerError};
use crate::manifest::{Flow, Project};

/// What a survey needs.
pub struct Planner<'a> {
    /// What is declared.
    pub project: &'a Project,
    /// What should stand.
    pub standing: &'a Resources,
    /// What has been done.
    pub ledger: &'a dyn Ledger,
    /// What the command line means.
    pub selection: Selection,
    /// When the run began.
    pub run: RunTime,
    /// Hears of every question.
    pub listener: LookupListener,
}

impl<'a> Planner<'a> {
    /// Opens the sheets of all flows that are wanted, while what is recorded of these is read.
    pub(crate) fn open(
        &self,
        findings: &mut Findings,
    ) -> Result<Vec<(FlowRows<'a>, Known)>, LedgerError> {
        let (project, salt) = (self.project, self.ledger.salt());
        let flows = project.flows.values();
        let flows: Vec<&Flow> = flows
            .filter(|flow| self.selection.wants(&flow.name))
            .collect();
        let open = |flow| FlowRows::open(project, self.standing, flow, &self.run, salt, findings);
        let known = |flow: &&Flow| Known::of(self.ledger, &flow.name);
        let (opened, known) = rayon::join(
            || flows.iter().copied().map(open).collect::<Vec<_>>(),
            || flows.iter().map(known).collect::<Result<Vec<_>, _>>(),
        );
        let both = opened.into_iter().zip(known?);
        Ok(both
            .filter_map(|(rows, known)| Some((rows?, known)))
            .collect())
    }
}
