//! Shows what is recorded and no longer declared.

use super::style::{DIM, RED, RESET};
use crate::address::Address;
use crate::plan::{Undeclared, UndeclaredKind};

/// Adds a line for each, and what to do about those that stay.
pub(super) fn write_text(out: &mut Vec<String>, undeclared: &[Undeclared]) {
    for own in undeclared {
        let (symbol, address, note) = (own.symbol(), &own.address, own.note());
        out.push(format!(
            "{RED}{symbol}{RESET} {address}  {DIM}{note}{RESET}"
        ));
        if let Some(action) = action(own) {
            out.push(format!("    {DIM}{action}{RESET}"));
        }
    }
}

/// Returns what an operator can do about something that stays in force.
pub(super) fn action(own: &Undeclared) -> Option<String> {
    if own.prune.is_some() {
        return None;
    }
    if own.kept.is_some() {
        return Some(t!("an apply removes it when this is no longer so").into_owned());
    }
    let address = &own.address;
    Some(
        match (own.kind, address) {
            (UndeclaredKind::Granted(_), _) => t!(
                "declare the account again without silentSign, or set prune: { grants: true }, to revoke it"
            ),
            (UndeclaredKind::Account, Address::AccountByThirdId(third_id)) => t!(
                "to delete it, declare { absent: true, thirdId: %{third_id} }; to leave it, run treaty state forget '%{address}'",
                third_id = third_id,
                address = address
            ),
            (UndeclaredKind::Flow(_), _) => t!(
                "declare the flow again, or end them with treaty revoke --target %{address}",
                address = address
            ),
            _ => t!(
                "declare it again, or run treaty state forget '%{address}'",
                address = address
            ),
        }
        .into_owned(),
    )
}
