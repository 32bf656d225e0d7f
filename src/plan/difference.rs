//! Finds the difference between a row and the contract that was sent for it, as far as the ledger
//! records it.

use std::collections::BTreeSet;

use crate::desired::{FlowRows, Item};
use crate::expr::{Expr, Fingerprint};
use crate::ledger::{AccountRecord, Ledger, LedgerError, ResourceKind};
use crate::manifest::{Named, RowAccount, RowAccountKind};
use crate::plan::diff::Difference;

/// Compares the accounts and the cells of a row with what the ledger records for its item.
pub(crate) fn difference(
    rows: &FlowRows<'_>,
    item: &Item,
    cells: Option<Fingerprint>,
    ledger: &dyn Ledger,
) -> Result<Option<Difference>, LedgerError> {
    let Some(record) = ledger.item(&rows.flow.name, &item.key)? else {
        return Ok(None);
    };
    let mut difference = Difference {
        cells: cells
            .zip(record.cells)
            .map(|(desired, sent)| desired != sent),
        ..Difference::default()
    };
    let mut columns = BTreeSet::new();
    for declared in &rows.flow.accounts {
        let Some(account) = item.accounts.get(&declared.name) else {
            continue;
        };
        let resource = ledger.resource(ResourceKind::Account, account.third_id())?;
        let recorded = resource.map(AccountRecord::from);
        let Some(recorded) = recorded.and_then(|recorded| recorded.account) else {
            // Another person: no contract of this ledger has this account.
            add(declared, "thirdId", &mut difference.fields, &mut columns);
            continue;
        };
        for (field, value) in account.fields() {
            let sent = recorded.fields.get(field);
            if sent.is_some_and(|sent| sent.fingerprint != ledger.salt().of(&value)) {
                add(declared, field, &mut difference.fields, &mut columns);
            }
        }
    }
    difference.columns = columns.into_iter().collect();
    Ok(Some(difference))
}

fn add(
    account: &Named<RowAccount>,
    field: &str,
    fields: &mut Vec<String>,
    columns: &mut BTreeSet<String>,
) {
    fields.push(format!("{}.{field}", account.name));
    if let Some(expr) = expression(account, field) {
        columns.extend(expr.uses().columns.iter().cloned());
    }
}

/// Returns the expression of a field of a row's account.
fn expression<'a>(account: &'a RowAccount, field: &str) -> Option<&'a Expr> {
    match &account.kind {
        RowAccountKind::Person(person) => match field {
            "thirdId" => Some(&person.third_id),
            "name" => Some(&person.name),
            "idNo" => Some(&person.id_no),
            "mobile" => person.mobile.as_deref(),
            "email" => person.email.as_deref(),
            _ => None,
        },
        RowAccountKind::Organization(organization) => match field {
            "thirdId" => Some(&organization.third_id),
            "name" => Some(&organization.name),
            "organCode" => Some(&organization.organ_code),
            "legalName" => organization.legal_name.as_deref(),
            "legalIdNo" => organization.legal_id_no.as_deref(),
            "email" => organization.email.as_deref(),
            _ => None,
        },
    }
}
