//! Flows that the ledger records under an earlier name (`moved`).

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Findings};
use crate::ledger::{Ledger, LedgerError};
use crate::manifest::Project;

/// A flow that is recorded under an earlier name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowMove {
    /// The recorded name.
    pub from: String,
    /// The declared name.
    pub to: String,
    /// The number of recorded items.
    pub items: u64,
}

/// Returns the declared flows that the ledger records under an earlier name. Adds an error for a flow
/// that is recorded under both names.
///
/// # Errors
///
/// Returns an error when the ledger cannot be read.
pub fn moved_flows(
    project: &Project,
    ledger: &dyn Ledger,
    findings: &mut Findings,
) -> Result<Vec<FlowMove>, LedgerError> {
    let mut moves = Vec::new();
    let count = |flow: &str| {
        let mut items = 0_u64;
        ledger.items(flow, &mut |_, _| items += 1)?;
        Ok::<_, LedgerError>(items)
    };
    for flow in project.flows.values() {
        for from in project.moves.former("flows", &flow.name) {
            let items = count(from)?;
            if items == 0 {
                continue;
            }
            let (from, to) = (from.to_owned(), flow.name.clone());
            if count(&to)? == 0 && !moves.iter().any(|known: &FlowMove| known.to == to) {
                moves.push(FlowMove { from, to, items });
                continue;
            }
            let error = Diagnostic::error(t!(
                "flows.%{from} cannot be moved to flows.%{to}: the ledger records contracts of both",
                from = from,
                to = to
            ));
            findings.push(error.at(&flow.span).hint(t!(
                "two flows cannot become one: declare flows.%{from} again, or remove the entry from moved",
                from = from
            )));
        }
    }
    Ok(moves)
}
