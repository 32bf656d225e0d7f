//! Finds rows that `where` selects or leaves out only because of characters that nobody sees.

use super::check::is_invisible;
use super::suspicion::{NULLS, Suspicion};
use crate::expr::{Expr, Scope};
use crate::sheet::Row;

const HINT: &str = t_key!(
    "correct the cells; for the whole column, compare the trimmed cell in the manifest: {{ row.… | trim == '…' }}"
);

/// Returns a suspicion when the filter would decide otherwise if the cells had no blanks and
/// invisible characters around them, and were empty where an export wrote `nan` or `NULL`.
pub(super) fn decided_by_blanks(
    scope: &Scope,
    filter: &Expr,
    row: &Row,
    wanted: bool,
) -> Option<Suspicion> {
    let columns = &filter.uses().columns;
    let is_dirty = |column: &String| row.get(column).is_some_and(|cell| clean(cell) != cell);
    let dirty = columns.iter().find(|column| is_dirty(column))?;
    let cleaned = row.map_cells(clean);
    let value = filter.value(&scope.with_row(cleaned)).ok()?;
    let would = match value.as_str() {
        Some(text) => text == "true",
        None => value.is_true(),
    };
    if would == wanted {
        return None;
    }
    let cell = row.get(dirty).unwrap_or_default();
    let is_blank = cell.trim() == clean(cell);
    Some(Suspicion {
        field: "where".to_owned(),
        kind: match (wanted, clean(cell), is_blank) {
            (true, "", false) => {
                t_key!("selects the row only because a cell is nan, NULL or the like")
            }
            (true, _, true) => t_key!("selects the row only because of blanks in a cell"),
            (true, ..) => t_key!("selects the row only because of invisible characters in a cell"),
            (false, "", false) => {
                t_key!("leaves the row out only because a cell is nan, NULL or the like")
            }
            (false, _, true) => t_key!("leaves the row out only because of blanks in a cell"),
            (false, ..) => {
                t_key!("leaves the row out only because of invisible characters in a cell")
            }
        },
        detail: String::new(),
        column: Some(dirty.clone()),
        hint: HINT,
    })
}

/// Removes blanks and invisible characters around the text of a cell, and a mark of a missing
/// value.
fn clean(cell: &str) -> &str {
    let text = cell.trim_matches(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c));
    if NULLS.contains(&text) { "" } else { text }
}
