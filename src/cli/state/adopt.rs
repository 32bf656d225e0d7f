//! `treaty state adopt`: what exists elsewhere becomes recorded.

use super::super::args::{Adopt, Global};
use super::super::diagnostics;
use super::super::exit::{CliError, Exit};
use super::super::progress::Progress;
use super::super::session::invalid;
use super::{Names, Place, runtime};
use crate::address::Address;
use crate::desired::{Account, Item, RowLookup};
use crate::diagnostic::{Findings, did_you_mean};
use crate::ledger::{Ledger, Sqlite};
use crate::repair::{AdoptError, Adopter, Adoption};

pub(super) fn run(global: &Global, args: &Adopt) -> anyhow::Result<Exit> {
    let mut place = Place::of(global, Some(&args.consent))?;
    let ledger = place.hold()?;
    let mut findings = std::mem::take(&mut place.findings);
    let names = Names::of(&place.project, ledger.salt(), &mut findings);
    let (address, id) = (&args.address, args.id.as_str());
    let item = match address {
        Address::Item { flow, key } => {
            row(&place, &ledger, &names, flow, key, &mut findings).map(Some)
        }
        _ => Ok(None),
    };
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], global.log_format, None);
        return Err(invalid(findings.errors(), "correct it and run the command again").into());
    }
    let item = item?;
    let progress = Progress::new(global);
    let client = place.client(&ledger, &progress)?;
    let standing = &names.standing;
    let adopter = Adopter::new(&ledger, &client, &place.project.root, standing);
    let adoption = match address {
        Address::Item { flow, .. } => match item {
            Some(item) => runtime()?.block_on(adopter.item(flow, &item, id)),
            None => return Err(undeclared(address, []).into()),
        },
        Address::Account(_) | Address::AccountByThirdId(_) => {
            let third_id = names.identity(address).map(|(_, identity)| identity);
            let third_id = third_id.ok_or_else(|| undeclared(address, standing.accounts.keys()))?;
            let account = declared_account(&place, &ledger, &names, &third_id)?;
            runtime()?.block_on(adopter.account(&account, id))
        }
        Address::Seal(_) | Address::SealByAlias { .. } => {
            let seal = match name_of(&names, address) {
                Some(Address::Seal(name)) => standing.seals.get(&name),
                _ => None,
            };
            let seal = seal.ok_or_else(|| undeclared(address, standing.seals.keys()))?;
            runtime()?.block_on(adopter.seal(seal, id))
        }
        Address::Template(_) | Address::TemplateByFingerprint(_) => {
            let template = match address {
                Address::Template(name) => standing.templates.get(name),
                _ => standing.templates.values().find(|template| {
                    let print = template.source.fingerprint();
                    print.is_some_and(|print| {
                        *address == Address::TemplateByFingerprint(print.to_string())
                    })
                }),
            };
            let template =
                template.ok_or_else(|| undeclared(address, standing.templates.keys()))?;
            adopter.template(template, id)
        }
        Address::Flow(_) => return Err(undeclared(address, []).into()),
    };
    progress.finish();
    let adoption = named(adoption)?;
    for line in &adoption.notes {
        place.tell(line);
    }
    let done = format!("{address} is recorded with {id}.");
    place.agreed(&args.consent, &ledger, adoption.writes, &done)
}

/// The address in the manifests of a thing, if it is declared.
pub(super) fn name_of(names: &Names, address: &Address) -> Option<Address> {
    let (kind, identity) = names.identity(address)?;
    Some(names.address(kind, &identity))
}

/// What is not taken over is a wrong command; that nothing can be asked is none.
pub(super) fn named(result: Result<Adoption, AdoptError>) -> anyhow::Result<Adoption> {
    result.map_err(|error| match error {
        AdoptError::Rejected(failure) => {
            CliError::new(Exit::Usage, failure.message, failure.hint).into()
        }
        fatal @ AdoptError::Fatal(_) => fatal.into(),
    })
}

/// The contract of a row that must be in the sheet now.
fn row(
    place: &Place,
    ledger: &Sqlite,
    names: &Names,
    flow: &str,
    key: &str,
    findings: &mut Findings,
) -> Result<Box<Item>, CliError> {
    let address = Address::item(flow, key);
    if !place.project.flows.contains_key(flow) {
        let flow = Address::Flow(flow.to_owned());
        return Err(undeclared(&flow, place.project.flows.keys()));
    }
    let rows = RowLookup {
        project: &place.project,
        resources: &names.standing,
        run: &place.session.run_time,
        salt: ledger.salt(),
    };
    rows.item(flow, key, findings).ok_or_else(|| {
        CliError::new(
            Exit::Usage,
            format!("no row of the sheet is {address}"),
            "the row must be there, and not left out by where: its fingerprint is recorded",
        )
    })
}

/// An account of the manifests, or of some row.
pub(super) fn declared_account(
    place: &Place,
    ledger: &Sqlite,
    names: &Names,
    third_id: &str,
) -> Result<Account, CliError> {
    let mut declared = names.standing.accounts.values();
    if let Some(account) = declared.find(|account| account.third_id() == third_id) {
        return Ok(account.clone());
    }
    let rows = RowLookup {
        project: &place.project,
        resources: &names.standing,
        run: &place.session.run_time,
        salt: ledger.salt(),
    };
    rows.account(third_id).ok_or_else(|| {
        CliError::new(
            Exit::Usage,
            format!("neither a manifest nor a row declares an account of the thirdId {third_id}"),
            "what it should be is not known: put the row back into the sheet, or declare it",
        )
    })
}

pub(super) fn undeclared<'a>(
    address: &Address,
    known: impl IntoIterator<Item = &'a String>,
) -> CliError {
    let text = address.to_string();
    let name = text.split_once('.').map_or("", |(_, name)| name);
    let hint = match (
        address,
        did_you_mean(name, known.into_iter().map(String::as_str)),
    ) {
        (_, Some(near)) => format!("did you mean {near}?"),
        (Address::Flow(_), None) => {
            "name an item by its key, as in 'flows.loans[\"HT-1\"]'".to_owned()
        }
        (_, None) => {
            "what is taken over must be declared: it is recorded as what the manifest says"
                .to_owned()
        }
    };
    CliError::new(Exit::Usage, format!("{address} is not declared"), hint)
}
