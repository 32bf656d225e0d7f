//! `treaty state forget` and `settle`: what a person knows better than the ledger.

use super::super::args::{Forget, Global, Settle, Settlement};
use super::super::exit::{CliError, Exit};
use super::super::progress::Progress;
use super::adopt::{declared_account, name_of, named, undeclared};
use super::show::answered;
use super::{Found, Names, Place, runtime};
use crate::address::Address;
use crate::desired::RowLookup;
use crate::diagnostic::Findings;
use crate::ledger::{
    ItemStatus, KnownItem, KnownResource, KnownStep, Ledger, ResourceKind, Sqlite, Step, Write,
};
use crate::repair::{Adopter, Adoption, resolve_not_done};
use crate::report;

pub(super) fn forget(global: &Global, args: &Forget) -> anyhow::Result<Exit> {
    let place = Place::of(global, Some(&args.consent))?;
    let ledger = place.hold()?;
    let names = Names::of(&place.project, ledger.salt(), &mut Findings::default());
    let address = &args.address;
    let write = match names.find(&ledger, address)? {
        Found::Item(known, steps) => {
            place.tell(forgotten_item(address, &known, &steps));
            Write::ItemForgotten {
                id: known.record.id,
            }
        }
        Found::Resource(known) => {
            let what = known.kind.word();
            place.tell(match (&known.resource.remote_id, known.kind) {
                (None, _) => format!(
                    "Whether the {what} was made is not known. The next apply does not look for it by its record any more."
                ),
                (Some(id), ResourceKind::Template) => {
                    format!(
                        "The {what} {id} stays at the service. The next apply uploads it again."
                    )
                }
                (Some(id), _) => format!(
                    "The {what} {id} stays at the service. The next apply finds it there and takes it over."
                ),
            });
            Write::ResourceForgotten {
                kind: known.kind,
                identity: known.identity,
            }
        }
    };
    let done = format!("{address} is forgotten.");
    place.agreed(&args.consent, &ledger, vec![write], &done)
}

fn forgotten_item(address: &Address, known: &KnownItem, steps: &[KnownStep]) -> String {
    if !known.record.sent {
        return format!("Nobody was asked to sign {address}. The next apply begins it anew.");
    }
    let flow = answered(steps).unwrap_or_default();
    format!(
        "{address} was sent: its flow {flow} stays at the service, and the people in it have been asked to sign.\n\
         The next apply does not know that any more: while the row is in the sheet, it is sent again, as a second contract."
    )
}

pub(super) fn settle(global: &Global, args: &Settle) -> anyhow::Result<Exit> {
    if args.how == Settlement::Again && args.id.is_some() {
        let hint = "say: settle ADDRESS again, or: settle ADDRESS done ID";
        return Err(CliError::new(Exit::Usage, "what was not done has no ID", hint).into());
    }
    let place = Place::of(global, Some(&args.consent))?;
    let ledger = place.hold()?;
    let names = Names::of(&place.project, ledger.salt(), &mut Findings::default());
    let adoption = match names.find(&ledger, &args.address)? {
        Found::Item(known, steps) => {
            settle_item(global, &place, &ledger, &names, args, &known, &steps)?
        }
        Found::Resource(known) => settle_thing(global, &place, &ledger, &names, args, known)?,
    };
    for line in &adoption.notes {
        place.tell(line);
    }
    let done = match args.how {
        Settlement::Done => format!("{} is settled: it was done.", args.address),
        Settlement::Again => format!(
            "{} is settled: the next apply sends it again.",
            args.address
        ),
    };
    place.agreed(&args.consent, &ledger, adoption.writes, &done)
}

fn settle_item(
    global: &Global,
    place: &Place,
    ledger: &Sqlite,
    names: &Names,
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
        let why = failure.map_or(String::new(), |failure| format!(" ({})", failure.message));
        return Err(CliError::new(
            Exit::Usage,
            format!("{address} is not in doubt: it is {}{why}", status.word()),
            format!("treaty state show '{address}' shows all that is known of it"),
        )
        .into());
    }
    let Some(id) = args.id.as_deref().filter(|_| args.how == Settlement::Done) else {
        return Ok(resolve_not_done(known.record.id, steps));
    };
    let progress = Progress::new(global);
    let client = place.client(ledger, &progress)?;
    let rows = RowLookup {
        project: &place.project,
        resources: &names.standing,
        run: &place.session.run_time,
        salt: ledger.salt(),
    };
    // What the row says of its signers counts only while it is what was sent.
    let item = rows.item(&known.flow, &known.key, &mut Findings::default());
    let item = item.filter(|item| item.fingerprint == known.record.fingerprint);
    let adopter = Adopter::new(ledger, &client, &place.project.root, &names.standing);
    let settled =
        runtime()?.block_on(adopter.resolve(address, known.record.id, steps, item.as_deref(), id));
    progress.finish();
    named(settled)
}

fn settle_thing(
    global: &Global,
    place: &Place,
    ledger: &Sqlite,
    names: &Names,
    args: &Settle,
    known: KnownResource,
) -> anyhow::Result<Adoption> {
    let address = &args.address;
    if let Some(id) = &known.resource.remote_id {
        return Err(CliError::new(
            Exit::Usage,
            format!("{address} is not in doubt: it is recorded with the id {id}"),
            format!("treaty state adopt '{address}' ID records another"),
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
    let client = place.client(ledger, &progress)?;
    let adopter = Adopter::new(ledger, &client, &place.project.root, &names.standing);
    // What a person says is held against what the service says: another's id would send his contracts there.
    let settled = match (known.kind, name_of(names, address)) {
        (ResourceKind::Account, _) => {
            let account = declared_account(place, ledger, names, &known.identity)?;
            runtime()?.block_on(adopter.account(&account, id))
        }
        (ResourceKind::Seal, Some(Address::Seal(name))) => {
            let seal = &names.standing.seals[&name];
            runtime()?.block_on(adopter.seal(seal, id))
        }
        _ => return Err(undeclared(address, names.standing.seals.keys()).into()),
    };
    progress.finish();
    named(settled)
}
