//! Checks of an item that need the plan: its signers, its deadline, and errors that rows share.

use jiff::Timestamp;

use super::planner::Planner;
use crate::api::time;
use crate::desired::{FlowRows, Item, indistinguishable_signers};
use crate::diagnostic::{Diagnostic, Place};
use crate::manifest::SAME_ACCOUNT_HINT;

/// The number of manifest errors to remember. A flow hardly has more that are the same for all
/// rows.
const MAX_REPORTED: usize = 100;

/// Removes manifest errors that were reported with an earlier row.
pub(super) fn without_repeated(
    mut errors: Vec<Diagnostic>,
    reported: &mut Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    errors.retain(|error| {
        let is_in_manifest = matches!(error.place, Some(Place::Span(_)));
        // The message can have a value of the row.
        let is_same =
            |known: &Diagnostic| (&known.place, &known.hint) == (&error.place, &error.hint);
        let is_new = !is_in_manifest || !reported.iter().any(is_same);
        if is_in_manifest && is_new && reported.len() < MAX_REPORTED {
            reported.push(error.clone());
        }
        is_new
    });
    errors
}

/// Refuses a contract in which one account is two signers that the service does not tell apart.
pub(super) fn check_signers(
    rows: &FlowRows<'_>,
    item: &Item,
    row: u64,
    planner: &Planner<'_>,
) -> Option<Diagnostic> {
    let (first, second) = indistinguishable_signers(item, planner.resources)?;
    let error = Diagnostic::error(t!(
        "the signers %{first} and %{second} are the same account",
        first = first.name,
        second = second.name
    ));
    let mut declared = rows.flow.signers.iter();
    let declared = declared.find(|declared| declared.name == second.name);
    let error = match (&rows.sheet, declared) {
        (Some(sheet), Some(declared)) => error
            .at(sheet.header().cell(row, None))
            .related(&declared.span, t!("declared here")),
        (Some(sheet), None) => error.at(sheet.header().cell(row, None)),
        (None, Some(declared)) => error.at(&declared.span),
        (None, None) => error,
    };
    Some(error.hint(SAME_ACCOUNT_HINT))
}

/// Returns an error when the signing deadline of an item has passed: the service would refuse it.
pub(super) fn check_deadline(
    rows: &FlowRows<'_>,
    item: &Item,
    row: u64,
    now: Timestamp,
) -> Option<Diagnostic> {
    let declared = rows.flow.process.sign_validity.as_ref()?;
    let validity = item.process.sign_validity?;
    if validity > now.as_millisecond() {
        return None;
    }
    let error = Diagnostic::error(past_sign_validity(validity));
    let error = match &rows.sheet {
        Some(sheet) if declared.uses().row => {
            let column = declared.uses().columns.iter().next();
            let cell = sheet.header().cell(row, column.map(String::as_str));
            error.at(cell).related(declared.span(), t!("rendered here"))
        }
        _ => error.at(declared.span()),
    };
    Some(error.hint(t!(PAST_SIGN_VALIDITY_HINT)))
}

/// The message for a `signValidity` in the past, in milliseconds since 1970.
pub(crate) fn past_sign_validity(validity: i64) -> String {
    let shown = Timestamp::from_millisecond(validity).map_or(validity.to_string(), time::text);
    t!("signValidity is past: %{shown}", shown = shown).into_owned()
}

/// The hint for a `signValidity` in the past.
pub(crate) const PAST_SIGN_VALIDITY_HINT: &str = t_key!(
    "signValidity is the signing deadline in milliseconds since 1970; set a time in the future"
);
