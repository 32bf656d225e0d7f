//! Checks the columns that a flow uses against the header of its sheet.

use super::check::is_invisible;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::manifest::{Flow, Named};
use crate::sheet::Header;

/// Reports whether a character of a column name cannot be told from a blank, or from nothing.
fn is_unseen(c: char) -> bool {
    is_invisible(c) || (c != ' ' && (c.is_whitespace() || c.is_control()))
}

/// Returns an error for every column that the sheet does not have. A flow without a sheet may not
/// use `row` at all.
pub(super) fn check(flow: &Named<Flow>, header: Option<&Header>) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    // Usually the first row is a title above the header.
    let has_none = header.is_some_and(|header| {
        let mut named = flow.uses.iter().flat_map(|(uses, _)| &uses.columns);
        named.all(|column| header.position(column).is_none())
    });
    for (uses, span) in &flow.uses {
        let Some(header) = header else {
            if uses.row {
                let error = Diagnostic::error(format!("the flow {} has no rows", flow.name));
                errors.push(
                    error
                        .at(span)
                        .hint("add rows: { file: …, key: … }, or remove row from the expression"),
                );
            }
            continue;
        };
        let columns = uses.columns.iter();
        for column in columns.filter(|column| header.position(column).is_none()) {
            let columns = || header.columns().iter().map(|name| &**name);
            let hint = match did_you_mean(column, columns()) {
                Some(near) if near.chars().any(is_unseen) => {
                    let code = |c: char| format!("U+{:04X}", u32::from(c));
                    let codes: Vec<String> = near.chars().filter(|c| is_unseen(*c)).map(code).collect();
                    format!(
                        "the column {} of the sheet contains the unseen character {}: remove it from the header",
                        near.replace(is_unseen, ""),
                        codes.join(", ")
                    )
                }
                Some(near) if near.chars().any(char::is_whitespace) => {
                    format!("did you mean row[\"{near}\"]?")
                }
                Some(near) => format!("did you mean row.{near}?"),
                None if header.columns().len() == 1 => {
                    "the sheet has only one column: set rows.delimiter, and check that the header is the first row".to_owned()
                }
                None => {
                    let columns = columns().filter(|name| !name.is_empty());
                    let columns = columns.collect::<Vec<_>>().join(", ");
                    let hint = format!("the columns are {columns}");
                    if has_none {
                        hint + "; check that the header is the first row"
                    } else {
                        hint
                    }
                }
            };
            errors.push(
                Diagnostic::error(format!("the sheet has no column {column}"))
                    .at(span)
                    .related(header.cell(1, None), "header of the sheet")
                    .hint(hint),
            );
        }
    }
    errors
}
