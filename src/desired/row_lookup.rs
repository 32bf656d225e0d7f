//! Finding a row by its key, and a person of a row by his `thirdId`, in the sheets as they are now.

use std::collections::HashSet;

use crate::desired::{Account, FlowRows, Item, Outcome, Resources};
use crate::diagnostic::Findings;
use crate::expr::{RunTime, Salt};
use crate::manifest::Project;

/// The sheets of a project.
pub struct Rows<'a> {
    /// What is declared.
    pub project: &'a Project,
    /// What should stand.
    pub standing: &'a Resources,
    /// When the run began.
    pub run: &'a RunTime,
    /// The key of the ledger's fingerprints.
    pub salt: &'a Salt,
}

impl Rows<'_> {
    /// The contract of a row, if a row has this key. What is wrong with the sheet or the row is found.
    pub fn item(&self, flow: &str, key: &str, findings: &mut Findings) -> Option<Box<Item>> {
        let rows = self.open(flow, findings)?;
        let mut drafts = rows.rendered_rows(|_| true).ok()?.map(|(_, draft)| draft);
        match drafts
            .find(|draft| draft.key.as_deref() == Some(key))?
            .outcome
        {
            Outcome::Item(item) => Some(item),
            Outcome::Invalid(errors) => {
                findings.extend(errors);
                None
            }
            Outcome::Skipped => None,
        }
    }

    /// The contracts of rows that have these keys, in the sheet's order. What is wrong with the sheet or such a row is found.
    pub fn items(
        &self,
        flow: &str,
        keys: &HashSet<&str>,
        findings: &mut Findings,
    ) -> Vec<Box<Item>> {
        let mut items = Vec::new();
        if let Some(rows) = self.open(flow, findings)
            && let Ok(drafts) = rows.rendered_rows(|_| true)
        {
            for (_, draft) in drafts {
                if !draft.key.as_deref().is_some_and(|key| keys.contains(key)) {
                    continue;
                }
                match draft.outcome {
                    Outcome::Item(item) => items.push(item),
                    Outcome::Invalid(errors) => findings.extend(errors),
                    Outcome::Skipped => {}
                }
            }
        }
        items
    }

    /// A person or organization of some row.
    pub fn account(&self, third_id: &str) -> Option<Account> {
        let flows = self.project.flows.values();
        let mut open = flows.filter_map(|flow| self.open(&flow.name, &mut Findings::default()));
        open.find_map(|rows| {
            let drafts = rows.all_rendered_rows().ok()?;
            let items = drafts.filter_map(|(_, draft)| match draft.outcome {
                Outcome::Item(item) => Some(item),
                _ => None,
            });
            items
                .flat_map(|item| item.accounts.into_values())
                .find(|account| account.third_id() == third_id)
        })
    }

    fn open(&self, flow: &str, findings: &mut Findings) -> Option<FlowRows<'_>> {
        let flow = self.project.flows.get(flow)?;
        FlowRows::open(
            self.project,
            self.standing,
            flow,
            self.run,
            self.salt,
            findings,
        )
    }
}
