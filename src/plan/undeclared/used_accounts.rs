//! Keeps accounts that rows or contracts under way use from being removed.

use std::collections::HashSet;

use serde_json::Value;

use super::model::{Kept, Removal, Undeclared};
use crate::address::AccountId;
use crate::desired::RowLookup;
use crate::ledger::{LedgerError, Records, Step};
use crate::manifest::Project;
use crate::plan::error::Fatal;

/// Keeps the accounts that a row or a contract under way uses, or may use.
pub(super) fn keep_used(
    found: &mut [Undeclared],
    project: &Project,
    ledger: &dyn Records,
    rows: &RowLookup<'_>,
) -> Result<(), Fatal> {
    let declared = rows.account_ids();
    let contracts = ContractsUnderWay::read(ledger)?;
    let kinds = project.prune.kinds();
    for own in found {
        let Some(removal) = own.prune.take() else {
            continue;
        };
        own.kept = if declared.third_ids.contains(&removal.third_id) {
            Some(Kept::Row)
        } else if let Some(flow) = &declared.unreadable {
            Some(Kept::UnreadableRow(flow.clone()))
        } else if contracts.name(&removal.account_id) {
            Some(Kept::Contract)
        } else if removal.deletes && contracts.count > 0 {
            // The initiator and the payer of a contract are not recorded.
            let revokes = removal.revokes && kinds.grants;
            own.prune = revokes.then_some(Removal {
                deletes: false,
                ..removal
            });
            Some(Kept::Contracts)
        } else {
            own.prune = Some(removal);
            None
        };
    }
    Ok(())
}

/// The contracts that were sent and that signers can still be added to or sign.
struct ContractsUnderWay {
    count: usize,
    /// The ids of accounts in the receipts and deferred requests of their steps.
    ids: HashSet<String>,
}

impl ContractsUnderWay {
    fn read(ledger: &dyn Records) -> Result<Self, LedgerError> {
        let mut items = Vec::new();
        ledger.under_way(&mut |id, _, _| items.push(id))?;
        let mut ids = HashSet::new();
        for &item in &items {
            for (_, step) in ledger.steps(item)? {
                match &step {
                    Step::Deferred(own) | Step::Intent(Some(own)) => {
                        account_ids(&own.request, &mut ids);
                    }
                    Step::Receipt(receipt) => account_ids(receipt, &mut ids),
                    Step::Intent(None) => {}
                }
            }
        }
        Ok(Self {
            count: items.len(),
            ids,
        })
    }

    /// Returns whether a step of a contract names the account.
    fn name(&self, account: &AccountId) -> bool {
        self.ids.contains(&account.0)
    }
}

/// Adds the fields of requests and receipts that are ids of accounts.
fn account_ids(json: &Value, ids: &mut HashSet<String>) {
    match json {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            Value::String(id) if is_account_field(name) => drop(ids.insert(id.clone())),
            value => account_ids(value, ids),
        }),
        Value::Array(values) => values.iter().for_each(|value| account_ids(value, ids)),
        _ => {}
    }
}

fn is_account_field(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("account") || name.contains("org")
}
