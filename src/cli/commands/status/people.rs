//! Names and mobile numbers of pending signers, from the sheets. The ledger has none.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::listed::Link;
use super::person::{KnownPerson, Person};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::output::out;
use crate::desired::{AccountHolder, Item, Resources, RowLookup};
use crate::diagnostic::Findings;
use crate::ledger::{ItemRecord, Ledger, LedgerError, Store};

const NOT_IN_SHEET: &str =
    t_key!("the row is not in the sheet, is left out by where, or is invalid");
const DIFFERS: &str = t_key!("the row differs from what was sent");
const NO_PERSON: &str = t_key!("the flow has no such signer any more");

/// Adds the persons to the links, and warns if some are not known.
pub(super) fn add(
    context: &LedgerContext,
    ledger: &Store,
    resources: &Resources,
    links: &mut [Link],
) -> Result<(), LedgerError> {
    let rows = RowLookup {
        project: &context.project,
        resources,
        run: &context.session.run_time,
        salt: ledger.salt(),
    };
    let mut keys: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    for Link { pending, .. } in links.iter() {
        keys.entry(&pending.flow).or_default().insert(&pending.key);
    }
    let mut items: HashMap<(String, String), Box<Item>> = HashMap::new();
    for (flow, keys) in &keys {
        // Errors of rows are found by validate; here, the rows count as missing.
        let found = rows.items(flow, keys, &mut Findings::default());
        items.extend(
            found
                .into_iter()
                .map(|item| (((*flow).to_owned(), item.key.clone()), item)),
        );
    }
    for link in links.iter_mut() {
        let pending = &link.pending;
        let item = items.get(&(pending.flow.clone(), pending.key.clone()));
        link.person = Some(match item {
            None => Err(NOT_IN_SHEET),
            Some(item) => {
                let record = ledger.item(&pending.flow, &pending.key)?;
                person(item, record.as_ref(), resources, &pending.signer)
            }
        });
    }
    let unknown = links
        .iter()
        .filter(|link| matches!(link.person, Some(Err(_))))
        .count();
    if unknown > 0 {
        let text = t!(
            "%{count} of %{signers} have no name: their row is not in the sheet as it was sent",
            count = unknown,
            signers = out::plural(
                links.len(),
                t_key!("%{count} signer"),
                t_key!("%{count} signers")
            )
        );
        out::log_warning(context.session.log_format, text);
    }
    Ok(())
}

/// Returns the person of a signer, if the row is the one that was sent.
fn person(
    item: &Item,
    record: Option<&ItemRecord>,
    resources: &Resources,
    signer: &str,
) -> KnownPerson {
    let is_sent = |record: &ItemRecord| {
        record.fingerprint == item.fingerprint
            || record.cells.is_some() && record.cells == item.cells
    };
    if !record.is_some_and(is_sent) {
        return Err(DIFFERS);
    }
    let signer = item.signers.iter().find(|own| own.name == signer);
    let (account, _) = signer.ok_or(NO_PERSON)?.kind.accounts();
    let account = account.and_then(|name| {
        let declared = item.accounts.get(name);
        declared.or_else(|| resources.accounts.get(name))
    });
    match account.map(|account| &account.holder) {
        Some(AccountHolder::Person(person)) => Ok(Person {
            name: person.name.clone(),
            mobile: person.mobile.clone(),
        }),
        _ => Err(NO_PERSON),
    }
}
