//! Checks the columns that a flow uses against the header of its sheet.

use std::collections::BTreeSet;

use super::check::{code_point, is_invisible};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::manifest::{Flow, Named};
use crate::sheet::{Header, Sheet};

/// Reports whether a character of a column name cannot be told from a blank, or from nothing.
fn is_unseen(c: char) -> bool {
    is_invisible(c) || (c != ' ' && (c.is_whitespace() || c.is_control()))
}

/// The number of rows below the header that are compared with the columns that a flow uses.
const TITLE_ROWS: usize = 20;

/// Returns whether an expression of a flow names a column. A column that is named only when the
/// expression is evaluated does not count.
pub(super) fn is_used(flow: &Flow, header: &Header, column: usize) -> bool {
    let name = header.columns().get(column);
    name.is_some_and(|name| {
        let mut uses = flow.uses.iter();
        uses.any(|(uses, _)| uses.columns.contains(&**name))
    })
}

/// Returns an error for every column that the sheet does not have, or that must not be used. A flow
/// without a sheet may not use `row` at all.
pub(super) fn check(flow: &Named<Flow>, sheet: Option<&Sheet>) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let header = sheet.map(|sheet| &**sheet.header());
    if let Some(sheet) = sheet {
        if let Some(error) = title_row(flow, sheet) {
            return vec![error];
        }
        let columns = sheet.column_errors().iter();
        let used = columns.filter(|(column, _)| is_used(flow, sheet.header(), *column));
        errors.extend(used.map(|(_, error)| error.clone()));
    }
    // Usually the first row is a title above the header.
    let has_none = header.is_some_and(|header| {
        let mut named = flow.uses.iter().flat_map(|(uses, _)| &uses.columns);
        named.all(|column| header.position(column).is_none())
    });
    if let (Some(rows), Some(header)) = (&flow.rows, header) {
        let missing = rows.exact.iter();
        let missing = missing.filter(|column| header.position(&column.text).is_none());
        errors.extend(
            missing.map(|column| no_column(("row", &column.text), &column.span, header, has_none)),
        );
    }
    for (uses, span) in &flow.uses {
        let Some(header) = header else {
            if uses.row || !uses.sums.is_empty() {
                let error = Diagnostic::error(t!("the flow %{flow} has no rows", flow = flow.name));
                errors.push(error.at(span).hint(t!(
                    "add rows: { file: …, key: … }, or remove row from the expression"
                )));
            }
            continue;
        };
        let columns = uses.columns.iter();
        for column in columns.filter(|column| header.position(column).is_none()) {
            let prefix = if uses.sums.contains(column) {
                "flow.sum"
            } else {
                "row"
            };
            errors.push(no_column((prefix, column), span, header, has_none));
        }
    }
    errors
}

/// Returns the error of a column that the sheet does not have. `has_none`: neither has it any other
/// column that the flow uses.
fn no_column(
    (prefix, column): (&str, &str),
    span: &Span,
    header: &Header,
    has_none: bool,
) -> Diagnostic {
    let columns = || header.columns().iter().map(|name| &**name);
    let hint = match did_you_mean(column, columns()) {
        Some(near) if near.chars().any(is_unseen) => {
            let unseen = near.chars().filter(|c| is_unseen(*c));
            let codes: Vec<String> = unseen.map(code_point).collect();
            t!(
                "the column %{column} of the sheet contains the unseen character %{codes}: remove it from the header",
                column = near.replace(is_unseen, ""),
                codes = codes.join(", ")
            )
        }
        Some(near) if near.chars().any(char::is_whitespace) => {
            t!(
                "did you mean %{near}?",
                near = format!("{prefix}[\"{near}\"]")
            )
        }
        Some(near) => t!("did you mean %{near}?", near = format!("{prefix}.{near}")),
        None if header.columns().len() == 1 && header.is_text() => {
            t!(
                "the sheet has only one column: set rows.delimiter, and check that the header is the first row"
            )
        }
        None => {
            let columns = columns().filter(|name| !name.is_empty());
            let columns = columns.collect::<Vec<_>>().join(", ");
            if has_none {
                t!(
                    "the columns are %{columns}; check that the header is the first row",
                    columns = columns
                )
            } else {
                t!("the columns are %{columns}", columns = columns)
            }
        }
    };
    Diagnostic::error(t!("the sheet has no column %{column}", column = column))
        .at(span)
        .related(header.cell(header.row(), None), t!("header of the sheet"))
        .hint(hint)
}

/// Returns an error if the header has no column that the flow uses, and a row below it has most of them.
fn title_row(flow: &Named<Flow>, sheet: &Sheet) -> Option<Diagnostic> {
    let header = sheet.header();
    let used: BTreeSet<&str> = flow
        .uses
        .iter()
        .flat_map(|(uses, _)| uses.columns.iter())
        .map(String::as_str)
        .collect();
    if used.is_empty() || used.iter().any(|column| header.position(column).is_some()) {
        return None;
    }
    // A title has fewer cells than the rows below. Some of the columns can be missing.
    let names = |cells: &[String]| {
        let used = used
            .iter()
            .filter(|name| cells.iter().any(|cell| cell == *name));
        used.count()
    };
    let rows = sheet.first_rows(TITLE_ROWS);
    let (number, _) = rows
        .iter()
        .find(|(_, cells)| names(cells) * 2 > used.len())?;
    let error = t!(
        "row %{row} is not the header: row %{number} has the names of the columns",
        row = header.row(),
        number = number
    );
    let hint = t!(
        "set rows.header: %{number}; row %{row} looks like a title",
        number = number,
        row = header.row()
    );
    let rows = flow.rows.as_ref()?;
    Some(
        Diagnostic::error(error)
            .at(header.cell(header.row(), None))
            .hint(hint)
            .related(&rows.path.span, t!("named here")),
    )
}
