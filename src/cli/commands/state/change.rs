//! `treaty state forget` and `treaty state settle`: corrections of the ledger by an operator.

use super::adopt::{adopted, canonical_address, declared_account, undeclared};
use crate::address::Address;
use crate::cli::args::{Forget, Global, Settle, Settlement};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::{FoundRecord, ResourceNames};
use crate::cli::context::runtime::runtime;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::progress::Progress;
use crate::desired::RowLookup;
use crate::diagnostic::Findings;
use crate::ledger::{
    ItemStatus, KnownItem, KnownResource, KnownStep, Ledger, ResourceKind, Step, Store,
    VersionPolicy, Write,
};
use crate::repair::{Adopter, Adoption, resolve_not_done};
use crate::report;

pub(super) fn forget(global: &Global, args: &Forget) -> anyhow::Result<Exit> {
    let context = LedgerContext::load(global, Some(&args.consent))?;
    let ledger = context.lock_ledger(VersionPolicy::Correct)?;
    let names = ResourceNames::build(&context.project, ledger.salt(), &mut Findings::default());
    let address = &args.address;
    let write = match names.find(&ledger, address)? {
        FoundRecord::Item(known, _) => {
            context.notes(forget_item_notes(address, &known));
            Write::ItemForgotten {
                id: known.record.id,
            }
        }
        FoundRecord::Resource(known) => {
            let what = t!(known.kind.word());
            context.note(match (&known.resource.remote_id, known.kind) {
                (None, _) => t!(
                    "it is unknown whether the %{kind} was created; the next apply no longer looks it up by its record",
                    kind = what
                ),
                (Some(id), ResourceKind::Template) => t!(
                    "the %{kind} %{id} remains at the service; the next apply uploads it again",
                    kind = what,
                    id = id
                ),
                (Some(id), _) => t!(
                    "the %{kind} %{id} remains at the service; the next apply finds and adopts it",
                    kind = what,
                    id = id
                ),
            });
            Write::ResourceForgotten {
                kind: known.kind,
                identity: known.identity,
            }
        }
    };
    let done = t!("%{address} was removed from the ledger", address = address);
    context.confirm_and_write(&args.consent, &ledger, vec![write], &done)
}

fn forget_item_notes(address: &Address, known: &KnownItem) -> Vec<String> {
    if !known.record.sent {
        let note = t!(
            "no signer was asked to sign %{address}; the next apply starts it again",
            address = address
        );
        return vec![note.into_owned()];
    }
    let flow = known.flow_id.as_deref().unwrap_or_default();
    vec![
        t!(
            "%{address} was sent: its flow %{flow} remains at the service, and its signers have been asked to sign.",
            address = address,
            flow = flow
        )
        .into_owned(),
        t!("If the row is still in the sheet, the next apply sends it again as a second contract.")
            .into_owned(),
    ]
}

pub(super) fn settle(global: &Global, args: &Settle) -> anyhow::Result<Exit> {
    if args.how == Settlement::Again && args.id.is_some() {
        let hint = t!("use: settle ADDRESS again, or: settle ADDRESS done ID");
        let message = t!("settle ADDRESS again takes no ID");
        return Err(CliError::new(Exit::Usage, message, hint).into());
    }
    let context = LedgerContext::load(global, Some(&args.consent))?;
    let ledger = context.lock_ledger(VersionPolicy::Correct)?;
    let names = ResourceNames::build(&context.project, ledger.salt(), &mut Findings::default());
    let adoption = match names.find(&ledger, &args.address)? {
        FoundRecord::Item(known, steps) => {
            settle_item(global, &context, &ledger, &names, args, &known, &steps)?
        }
        FoundRecord::Resource(known) => {
            settle_resource(global, &context, &ledger, &names, args, known)?
        }
    };
    context.notes(&adoption.notes);
    let done = match args.how {
        Settlement::Done => t!("%{address} is settled as done", address = args.address),
        Settlement::Again => t!(
            "%{address} is settled; the next apply sends it again",
            address = args.address
        ),
    };
    context.confirm_and_write(&args.consent, &ledger, adoption.writes, &done)
}

fn settle_item(
    global: &Global,
    context: &LedgerContext,
    ledger: &Store,
    names: &ResourceNames,
    args: &Settle,
    known: &KnownItem,
    steps: &[KnownStep],
) -> anyhow::Result<Adoption> {
    let address = &args.address;
    let in_doubt = steps
        .iter()
        .any(|step| matches!(step.step, Step::Intent(_)));
    if known.record.status != ItemStatus::InDoubt && !in_doubt {
        let (status, failure) = report::recorded(&known.record);
        let why = failure.map_or(String::new(), |failure| {
            t!(" (%{message})", message = failure.message).into_owned()
        });
        return Err(CliError::new(
            Exit::Usage,
            t!(
                "%{address} is not in doubt: it is %{status}%{why}",
                address = address,
                status = t!(status.word()),
                why = why
            ),
            t!(
                "treaty state show '%{address}' shows its record",
                address = address
            ),
        )
        .into());
    }
    let Some(id) = args.id.as_deref().filter(|_| args.how == Settlement::Done) else {
        return Ok(resolve_not_done(known.record.id, steps));
    };
    let progress = Progress::new(global);
    let client = context.client(ledger, &progress)?;
    let rows = RowLookup {
        project: &context.project,
        resources: names.resources(),
        run: &context.session.run_time,
        salt: ledger.salt(),
    };
    // The row is used only if it has not changed since it was sent.
    let item = rows.item(&known.flow, &known.key, &mut Findings::default());
    let item = item.filter(|item| item.fingerprint == known.record.fingerprint);
    let adopter = Adopter::new(ledger, &client, &context.project.root, names.resources());
    let settled =
        runtime()?.block_on(adopter.resolve(address, known.record.id, steps, item.as_deref(), id));
    progress.finish();
    adopted(settled)
}

fn settle_resource(
    global: &Global,
    context: &LedgerContext,
    ledger: &Store,
    names: &ResourceNames,
    args: &Settle,
    known: KnownResource,
) -> anyhow::Result<Adoption> {
    let address = &args.address;
    if let Some(id) = &known.resource.remote_id {
        return Err(CliError::new(
            Exit::Usage,
            t!(
                "%{address} is not in doubt: it is recorded with the id %{id}",
                address = address,
                id = id
            ),
            t!(
                "treaty state adopt '%{address}' ID records another id",
                address = address
            ),
        )
        .into());
    }
    let Some(id) = args.id.as_deref().filter(|_| args.how == Settlement::Done) else {
        return Ok(Adoption {
            writes: vec![Write::ResourceForgotten {
                kind: known.kind,
                identity: known.identity,
            }],
            notes: Vec::new(),
        });
    };
    let progress = Progress::new(global);
    let client = context.client(ledger, &progress)?;
    let adopter = Adopter::new(ledger, &client, &context.project.root, names.resources());
    // The id is checked at the service: a wrong one would send contracts to another account.
    let settled = match (known.kind, canonical_address(names, address)) {
        (ResourceKind::Account, _) => {
            let account = declared_account(context, ledger, names, &known.identity)?;
            runtime()?.block_on(adopter.account(&account, id))
        }
        (ResourceKind::Seal, Some(Address::Seal(name))) => {
            let seal = &names.resources().seals[&name];
            runtime()?.block_on(adopter.seal(seal, id))
        }
        _ => return Err(undeclared(address, names.resources().seals.keys()).into()),
    };
    progress.finish();
    adopted(settled)
}
