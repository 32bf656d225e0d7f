//! The recorded keys of flows without rows.

use std::collections::BTreeMap;

use crate::ledger::{Ledger, LedgerError, Store};
use crate::manifest::Project;

/// Reads the keys of flows without rows. The only recorded item of such a flow is its item, also if
/// the flow had another name when it was sent.
pub(in crate::cli) fn read_single_keys(
    project: &Project,
    ledger: &Store,
) -> Result<(), LedgerError> {
    let mut recorded_keys = BTreeMap::new();
    let flows = project.flows.values();
    for flow in flows.filter(|flow| flow.rows.is_none()) {
        let (mut items, mut only) = (0_u64, None);
        ledger.items(&flow.name, &mut |key, _| {
            items += 1;
            only = (items == 1).then(|| key.to_owned());
        })?;
        recorded_keys.extend(only.map(|key| (flow.name.clone(), key)));
    }
    project.set_recorded_keys(recorded_keys);
    Ok(())
}
