//! Shows the flows that are recorded under another name from now on.

use super::style::{DIM, RESET, YELLOW};
use crate::plan::FlowMove;

/// Adds a line for each renamed flow.
pub(super) fn write_text(out: &mut Vec<String>, moves: &[FlowMove]) {
    out.extend(moves.iter().map(|own| {
        let note = t!(
            "renamed from flows.%{from}: %{count} recorded contracts keep their keys",
            from = own.from,
            count = own.items
        );
        format!("{YELLOW}~{RESET} flows.{}  {DIM}{note}{RESET}", own.to)
    }));
}
