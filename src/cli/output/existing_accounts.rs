//! Shows the existing accounts of rows that a plan or a run takes over.

use serde_json::{Map, Value, json};

use super::out::plural;
use super::style::{DIM, RESET, YELLOW};
use crate::execute::TakenAccount;
use crate::plan::{AccountAction, ExistingAccount, Plan, RowAccountLookup, SAMPLES};
use crate::report::TakenAccounts;

/// Adds lines about the existing accounts of rows, at most [`SAMPLES`] of each kind unless `all`.
pub(super) fn write_text(out: &mut Vec<String>, lookup: &RowAccountLookup, all: bool) {
    for (is_kept, color, symbol, words) in [
        (
            false,
            YELLOW,
            '~',
            t_key!("of rows, not created by treaty, to update (existingAccounts: adopt)"),
        ),
        (
            true,
            DIM,
            '=',
            t_key!("of rows, not created by treaty, used as they are (existingAccounts: keep)"),
        ),
    ] {
        let accounts: Vec<_> = lookup.existing(is_kept).collect();
        if accounts.is_empty() {
            continue;
        }
        let count = plural(
            accounts.len(),
            t_key!("%{count} existing account"),
            t_key!("%{count} existing accounts"),
        );
        out.push(format!("{color}{symbol}{RESET} {count} {}", t!(words)));
        let shown = if all { accounts.len() } else { SAMPLES };
        for account in accounts.iter().take(shown) {
            out.push(format!(
                "      {} {} {DIM}{}{RESET}{}",
                account.item,
                account.account,
                t!(
                    "(%{third_id}, row %{row})",
                    third_id = account.third_id,
                    row = account.row
                ),
                changes(account)
            ));
        }
        if accounts.len() > shown {
            let more = accounts.len() - shown;
            let more = t!("… and %{count} more", count = more);
            out.push(format!("      {DIM}{more}{RESET}"));
        }
    }
    out.extend(unobserved(lookup).map(|text| format!("{DIM}{text}{RESET}")));
}

/// Returns the fields that are set as the end of a line, with masked values.
pub(super) fn changes(account: &ExistingAccount) -> String {
    if account.is_kept {
        return String::new();
    }
    let fields = account.fields.iter();
    let fields: Vec<String> = fields
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    t!(": set %{fields}", fields = fields.join(&t!(", "))).into_owned()
}

/// Returns that accounts of rows were not looked up, if there are any.
pub(super) fn unobserved(lookup: &RowAccountLookup) -> Option<String> {
    let count = usize::try_from(lookup.unobserved).unwrap_or(usize::MAX);
    (count > 0).then(|| {
        t!(
            "%{accounts} of rows not looked up: existingAccounts of the flow applies to those that exist; --observe all lists \
             them",
            accounts = plural(count, t_key!("%{count} account"), t_key!("%{count} accounts"))
        )
        .into_owned()
    })
}

/// Returns the existing accounts of rows as JSON.
pub(super) fn json(lookup: &RowAccountLookup) -> Value {
    let account = |account: &ExistingAccount| {
        let fields = account.fields.iter().filter(|_| !account.is_kept);
        let fields: Map<String, Value> = fields
            .map(|(name, value)| (name.to_string(), value.as_str().into()))
            .collect();
        json!({
            "item": account.item.to_string(),
            "row": account.row,
            "account": account.account,
            "thirdId": account.third_id,
            "action": if account.is_kept { "keep" } else { "update" },
            "fields": fields,
        })
    };
    json!({
        "notLookedUp": lookup.unobserved,
        "existing": lookup.existing.iter().map(account).collect::<Vec<_>>(),
    })
}

/// Returns a warning of the existing accounts that the plan updates, for the prompt; `None` without
/// any.
pub(in crate::cli) fn warning(plan: &Plan) -> Option<String> {
    let declared = plan.resources.accounts.iter();
    let declared = declared.filter(|account| matches!(account.action, AccountAction::Adopt(_)));
    let mut parts: Vec<String> = declared
        .map(|account| format!("accounts.{}", account.name))
        .collect();
    match plan.row_accounts.existing(false).count() {
        0 => {}
        1 => parts.push(t!("1 account of a row").into_owned()),
        count => parts.push(t!("%{count} accounts of rows", count = count).into_owned()),
    }
    (!parts.is_empty()).then(|| {
        t!(
            "exist already at the service, were not created by treaty, and are updated: %{accounts}",
            accounts = parts.join(&t!(", "))
        )
        .into_owned()
    })
}

/// Summarizes the existing accounts that a run took over; `None` without any.
pub(in crate::cli) fn summary(taken: &[TakenAccount]) -> Option<TakenAccounts> {
    let kept = taken.iter().filter(|account| account.is_kept).count();
    (!taken.is_empty()).then(|| TakenAccounts {
        updated: (taken.len() - kept) as u64,
        kept: kept as u64,
        accounts: taken
            .iter()
            .take(TakenAccounts::NAMED)
            .map(ToString::to_string)
            .collect(),
    })
}

/// Returns the line for the end of a run.
pub(in crate::cli) fn line(taken: &TakenAccounts) -> String {
    let mut parts = Vec::new();
    if taken.updated > 0 {
        parts.push(t!("%{count} updated", count = taken.updated));
    }
    if taken.kept > 0 {
        parts.push(t!("%{count} used as they are", count = taken.kept));
    }
    t!(
        "existing accounts that treaty did not create: %{counts} (existingAccounts in run.json)",
        counts = parts.join(&t!(", "))
    )
    .into_owned()
}
