//! Finds single rows in the current sheets, by key or by the `thirdId` of an account.

use std::collections::HashSet;

use rayon::prelude::*;

use super::row_outcome::KeyedRow;
use crate::desired::{Account, FlowRows, Item, Outcome, Resources};
use crate::diagnostic::Findings;
use crate::expr::{RunTime, Salt};
use crate::manifest::Project;

/// Searches the sheets of a project. Every lookup opens the sheet again.
pub struct RowLookup<'a> {
    /// The loaded project.
    pub project: &'a Project,
    /// The rendered resources of the project.
    pub resources: &'a Resources,
    /// The start of the run, for expressions that use `run`.
    pub run: &'a RunTime,
    /// The key of the ledger's fingerprints.
    pub salt: &'a Salt,
}

/// The accounts that rows declare.
#[derive(Debug, Default)]
pub struct RowAccountIds {
    /// The `thirdId`s.
    pub third_ids: HashSet<String>,
    /// A flow of whose rows at least one is invalid, so that not all of its accounts are known.
    pub unreadable: Option<String>,
}

impl RowLookup<'_> {
    /// Returns the item of the row with this key, or `None` when no row has it or the row is
    /// invalid. Adds errors of the sheet and of the row to `findings`.
    pub fn item(&self, flow: &str, key: &str, findings: &mut Findings) -> Option<Box<Item>> {
        let rows = self.open(flow, findings)?;
        let mut rendered = rows.rendered_rows(|_| true).ok()?.map(|(_, row)| row);
        match rendered
            .find(|row| row.key.as_deref() == Some(key))?
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

    /// Returns the items of the rows with these keys, in sheet order. Adds errors of the sheet and
    /// of these rows to `findings`.
    pub fn items(
        &self,
        flow: &str,
        keys: &HashSet<&str>,
        findings: &mut Findings,
    ) -> Vec<Box<Item>> {
        let mut items = Vec::new();
        if let Some(rows) = self.open(flow, findings)
            && let Ok(rendered) = rows.rendered_rows(|_| true)
        {
            for (_, row) in rendered {
                if !row.key.as_deref().is_some_and(|key| keys.contains(key)) {
                    continue;
                }
                match row.outcome {
                    Outcome::Item(item) => items.push(item),
                    Outcome::Invalid(errors) => findings.extend(errors),
                    Outcome::Skipped => {}
                }
            }
        }
        items
    }

    /// Returns the account with this `thirdId` from the first row that declares it.
    pub fn account(&self, third_id: &str) -> Option<Account> {
        let flows = self.project.flows.values();
        let mut open = flows.filter_map(|flow| self.open(&flow.name, &mut Findings::default()));
        open.find_map(|rows| {
            let rendered = rows.all_rendered_rows().ok()?;
            let items = rendered.filter_map(|(_, row)| match row.outcome {
                Outcome::Item(item) => Some(item),
                _ => None,
            });
            items
                .flat_map(|item| item.accounts.into_values())
                .find(|account| account.third_id() == third_id)
        })
    }

    /// Returns the accounts that the rows of all sheets declare, also those that `where` leaves out.
    pub fn account_ids(&self) -> RowAccountIds {
        let mut found = RowAccountIds::default();
        let flows = self.project.flows.values();
        for flow in flows.filter(|flow| !flow.accounts.entries.is_empty()) {
            let RowAccountIds {
                third_ids,
                unreadable,
            } = &mut found;
            let rows = self.open(&flow.name, &mut Findings::default());
            let read = rows.and_then(|rows| {
                let prepare = |keyed: Vec<(usize, KeyedRow)>| {
                    let keyed = keyed.into_par_iter();
                    Ok(keyed
                        .map(|(_, row)| rows.rendered_even_if_left_out(row).outcome)
                        .collect())
                };
                let take = |outcome| match outcome {
                    Outcome::Item(item) => {
                        let accounts = item.accounts.values();
                        third_ids.extend(accounts.map(|own| own.third_id().to_owned()));
                        Ok(())
                    }
                    _ => Err(()),
                };
                rows.each_prepared(prepare, take).ok()?.ok()
            });
            if read.is_none() {
                unreadable.get_or_insert_with(|| flow.name.clone());
            }
        }
        found
    }

    fn open(&self, flow: &str, findings: &mut Findings) -> Option<FlowRows<'_>> {
        let flow = self.project.flows.get(flow)?;
        FlowRows::open(
            self.project,
            self.resources,
            flow,
            self.run,
            self.salt,
            findings,
        )
    }
}
