//! `treaty state adopt`: records a resource or flow that exists at the service.

use crate::address::Address;
use crate::cli::args::{Adopt, Global};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::ResourceNames;
use crate::cli::context::runtime::runtime;
use crate::cli::context::session::invalid;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::diagnostics;
use crate::cli::output::progress::Progress;
use crate::desired::{Account, Item, RowLookup};
use crate::diagnostic::{Findings, did_you_mean};
use crate::ledger::{Ledger, Store, VersionPolicy};
use crate::repair::{AdoptError, Adopter, Adoption};

pub(super) fn run(global: &Global, args: &Adopt) -> anyhow::Result<Exit> {
    let mut context = LedgerContext::load(global, Some(&args.consent))?;
    let ledger = context.lock_ledger(VersionPolicy::Correct)?;
    let mut findings = std::mem::take(&mut context.findings);
    let names = ResourceNames::build(&context.project, ledger.salt(), &mut findings);
    let (address, id) = (&args.address, args.id.as_str());
    let item = match address {
        Address::Item { flow, key } => {
            find_row(&context, &ledger, &names, flow, key, &mut findings).map(Some)
        }
        _ => Ok(None),
    };
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], global.log_format, None);
        return Err(invalid(
            findings.errors(),
            &t!("correct the errors and run the command again"),
        )
        .into());
    }
    let item = item?;
    let progress = Progress::new(global);
    let client = context.client(&ledger, &progress)?;
    let resources = names.resources();
    let adopter = Adopter::new(&ledger, &client, &context.project.root, resources);
    let adoption = match address {
        Address::Item { flow, .. } => match item {
            Some(item) => {
                let declared = context.project.flows.get(flow);
                let rule = declared.map_or_else(Default::default, |flow| flow.existing_accounts);
                runtime()?.block_on(adopter.item(flow, &item, id, rule))
            }
            None => return Err(undeclared(address, []).into()),
        },
        Address::Account(_) | Address::AccountByThirdId(_) => {
            let third_id = names.identity(address).map(|(_, identity)| identity);
            let third_id =
                third_id.ok_or_else(|| undeclared(address, resources.accounts.keys()))?;
            let account = declared_account(&context, &ledger, &names, &third_id)?;
            runtime()?.block_on(adopter.account(&account, id))
        }
        Address::Seal(_) | Address::SealByAlias { .. } => {
            let seal = match canonical_address(&names, address) {
                Some(Address::Seal(name)) => resources.seals.get(&name),
                _ => None,
            };
            let seal = seal.ok_or_else(|| undeclared(address, resources.seals.keys()))?;
            runtime()?.block_on(adopter.seal(seal, id))
        }
        Address::Template(_) | Address::TemplateByFingerprint(_) => {
            let template = match address {
                Address::Template(name) => resources.templates.get(name),
                _ => resources.templates.values().find(|template| {
                    let print = template.source.fingerprint();
                    print.is_some_and(|print| {
                        *address == Address::TemplateByFingerprint(print.to_string())
                    })
                }),
            };
            let template =
                template.ok_or_else(|| undeclared(address, resources.templates.keys()))?;
            adopter.template(template, id)
        }
        Address::Flow(_) => return Err(undeclared(address, []).into()),
    };
    progress.finish();
    let adoption = adopted(adoption)?;
    context.notes(&adoption.notes);
    let done = t!(
        "%{address} is recorded with the id %{id}",
        address = address,
        id = id
    );
    context.confirm_and_write(&args.consent, &ledger, adoption.writes, &done)
}

/// The address of a resource by its name in the manifests, or else by its identity.
pub(super) fn canonical_address(names: &ResourceNames, address: &Address) -> Option<Address> {
    let (kind, identity) = names.identity(address)?;
    Some(names.address(kind, &identity))
}

/// Converts a refused adoption into a usage error.
pub(super) fn adopted(result: Result<Adoption, AdoptError>) -> anyhow::Result<Adoption> {
    result.map_err(|error| match error {
        AdoptError::Rejected(failure) => {
            CliError::new(Exit::Usage, failure.message, failure.hint).into()
        }
        fatal @ AdoptError::Fatal(_) => fatal.into(),
    })
}

/// Finds the row of an item in the sheet.
fn find_row(
    context: &LedgerContext,
    ledger: &Store,
    names: &ResourceNames,
    flow: &str,
    key: &str,
    findings: &mut Findings,
) -> Result<Box<Item>, CliError> {
    let address = Address::item(flow, key);
    if !context.project.flows.contains_key(flow) {
        let flow = Address::Flow(flow.to_owned());
        return Err(undeclared(&flow, context.project.flows.keys()));
    }
    let rows = RowLookup {
        project: &context.project,
        resources: names.resources(),
        run: &context.session.run_time,
        salt: ledger.salt(),
    };
    rows.item(flow, key, findings).ok_or_else(|| {
        CliError::new(
            Exit::Usage,
            t!("the sheet has no row for %{address}", address = address),
            t!(
                "add the row to the sheet, and check that where does not exclude it; its fingerprint is recorded"
            ),
        )
    })
}

/// Finds the account with a thirdId in the manifests or in a row.
pub(super) fn declared_account(
    context: &LedgerContext,
    ledger: &Store,
    names: &ResourceNames,
    third_id: &str,
) -> Result<Account, CliError> {
    let mut declared = names.resources().accounts.values();
    if let Some(account) = declared.find(|account| account.third_id() == third_id) {
        return Ok(account.clone());
    }
    let rows = RowLookup {
        project: &context.project,
        resources: names.resources(),
        run: &context.session.run_time,
        salt: ledger.salt(),
    };
    rows.account(third_id).ok_or_else(|| {
        CliError::new(
            Exit::Usage,
            t!(
                "no manifest and no row declares an account with the thirdId %{third_id}",
                third_id = third_id
            ),
            t!("put the row back into the sheet, or declare the account"),
        )
    })
}

/// The error for an address that is not declared, with a similar one of `known`.
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
        (_, Some(near)) => t!("did you mean %{near}?", near = near),
        (Address::Flow(_), None) => {
            t!("name an item by its key, such as 'flows.loans[\"HT-1\"]'")
        }
        (_, None) => t!("declare it in a manifest first; its declared fields are recorded"),
    };
    let message = t!("%{address} is not declared", address = address);
    CliError::new(Exit::Usage, message, hint)
}
