//! `treaty revoke`: flows are ended, or one signer's task is taken back and made again. Shows how many, and asks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use tokio::sync::watch;

use super::args::{Global, Revoke as Args};
use super::exit::{CliError, Exit};
use super::interrupt::interruptible;
use super::progress::Progress;
use super::session::invalid;
use super::state::{Names, Place, meets, runtime};
use super::{diagnostics, out, prompt};
use crate::address::{Address, is_selected};
use crate::desired::RowLookup;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::execute::Stop;
use crate::ledger::{KnownItem, Ledger, Records, Sqlite};
use crate::repair::{Revocation, RevocationStats, TaskReissue};

/// So many addresses are shown.
const SHOWN: usize = 10;

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut place = Place::of(global, Some(&args.consent))?;
    let ledger = place.hold()?;
    meets(&ledger, &args.target)?;
    let (items, over) = chosen(&ledger, args)?;
    if items.is_empty() {
        out::line(format_args!(
            "Nothing of that is under way ({over} have their end, or nobody was asked)."
        ));
        return Ok(Exit::Done);
    }
    if let Some(signer) = &args.signer {
        has_signer(&ledger, &items, signer)?;
    }
    let anew = match &args.signer {
        Some(signer) => Some(with_rows(&mut place, global, &ledger, &items, signer)?),
        None => None,
    };
    place.tell(shown(&items, over, args.signer.as_deref()));
    if !prompt::confirmed(&args.consent, &place.project.settings)? {
        place.tell("Nothing was done.");
        return Ok(Exit::Done);
    }
    let progress = Progress::new(global);
    let client = place.client(&ledger, &progress)?;
    let (ask, stop) = watch::channel(Stop::No);
    let withdrawal = Revocation {
        records: &ledger,
        client: &client,
        root: &place.project.root,
        concurrency: place.project.settings.limits.concurrency.get(),
        listener: progress.listener(),
        stop,
    };
    let work = async {
        match anew {
            Some(anew) => withdrawal.reissue_tasks(anew).await,
            None => withdrawal.revoke(items).await,
        }
    };
    let withdrawn = runtime()?.block_on(interruptible(ask, work));
    progress.finish();
    let withdrawn = withdrawn?;
    if !global.quiet {
        out::line(told(&withdrawn, args.signer.is_some()));
    }
    Ok(exit(&withdrawn))
}

/// What is meant and under way, and how many that are meant are not.
fn chosen(ledger: &Sqlite, args: &Args) -> anyhow::Result<(Vec<KnownItem>, u64)> {
    let (mut items, mut over) = (Vec::new(), 0);
    ledger.each_item(("", ""), &mut |item| {
        let address = Address::item(&item.flow, &item.key);
        if is_selected(&args.target, &args.exclude, &address) {
            if item.record.is_under_way() {
                items.push(item);
            } else {
                over += 1;
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok((items, over))
}

/// Refuses a signer that none of the flows has.
fn has_signer(ledger: &Sqlite, items: &[KnownItem], signer: &str) -> anyhow::Result<()> {
    let flows: BTreeSet<&str> = items.iter().map(|item| item.flow.as_str()).collect();
    let mut known = BTreeSet::new();
    for flow in flows {
        known.extend(ledger.other_signers(flow, &[])?);
    }
    if known.contains(signer) {
        return Ok(());
    }
    let hint = match did_you_mean(signer, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", Vec::from_iter(known).join(", ")),
    };
    let message = format!("no flow that is meant has a signer {signer}");
    Err(CliError::new(Exit::Usage, message, hint).into())
}

/// Gives each item its row as it is now: where and how he signs is not kept anywhere else.
fn with_rows(
    place: &mut Place,
    global: &Global,
    ledger: &Sqlite,
    items: &[KnownItem],
    signer: &str,
) -> anyhow::Result<Vec<TaskReissue>> {
    let mut findings = std::mem::take(&mut place.findings);
    let names = Names::of(&place.project, ledger.salt(), &mut findings);
    let rows = RowLookup {
        project: &place.project,
        resources: names.standing(),
        run: &place.session.run_time,
        salt: ledger.salt(),
    };
    let mut keys: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    for item in items {
        keys.entry(&item.flow).or_default().insert(&item.key);
    }
    let mut contracts = BTreeMap::new();
    for (flow, keys) in keys {
        let found = rows.items(flow, &keys, &mut findings);
        let found = found.into_iter();
        contracts.extend(found.map(|item| ((flow.to_owned(), item.key.clone()), item)));
    }
    for known in items {
        let address = Address::item(&known.flow, &known.key);
        if !contracts.contains_key(&(known.flow.clone(), known.key.clone())) {
            let message = format!("{address} has no row that can be used");
            let hint = "its row tells where and how the signer signs: put it back into the sheet";
            findings.push(Diagnostic::error(message).hint(hint));
        }
    }
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], global.log_format, None);
        let hint = "correct it and run the command again; nothing was called";
        return Err(invalid(findings.errors(), hint).into());
    }
    let anew = items.iter().filter_map(|known| {
        let item = contracts.remove(&(known.flow.clone(), known.key.clone()))?;
        Some(TaskReissue {
            known: known.clone(),
            item,
            signer: signer.to_owned(),
        })
    });
    Ok(anew.collect())
}

/// What is about to be done.
fn shown(items: &[KnownItem], over: u64, signer: Option<&str>) -> String {
    let mut lines = vec![match (items.len(), signer) {
        (1, None) => "1 flow will be ended: nobody can sign it then.".to_owned(),
        (count, None) => format!("{count} flows will be ended: nobody can sign them then."),
        (count, Some(signer)) => format!(
            "The task of {signer} will be taken back and made again in {count} flow{}: the person is told anew, and \
             the earlier link leads nowhere.",
            if count == 1 { "" } else { "s" }
        ),
    }];
    let mut flows: BTreeMap<&str, u64> = BTreeMap::new();
    for item in items {
        *flows.entry(&item.flow).or_default() += 1;
    }
    let flows = flows.into_iter();
    lines.extend(flows.map(|(flow, count)| format!("  flows.{flow}: {count}")));
    let symbol = if signer.is_some() { '±' } else { '-' };
    lines.extend(items.iter().take(SHOWN).map(|item| {
        let address = Address::item(&item.flow, &item.key);
        format!("  {symbol} {address}")
    }));
    if items.len() > SHOWN {
        lines.push(format!("    … and {} more", items.len() - SHOWN));
    }
    if over > 0 {
        lines.push(format!("  {over} more have their end already"));
    }
    lines.join("\n")
}

fn told(withdrawn: &RevocationStats, anew: bool) -> String {
    let counts = [
        (withdrawn.done, if anew { "asked anew" } else { "revoked" }),
        (withdrawn.over, "had ended by themselves"),
        (withdrawn.failed, "failed"),
        (withdrawn.in_doubt, "in doubt"),
        (withdrawn.left, "not done, since it was stopped"),
    ];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    told.join(", ")
}

fn exit(withdrawn: &RevocationStats) -> Exit {
    match withdrawn {
        RevocationStats { left: 1.., .. } => Exit::Interrupted,
        RevocationStats { in_doubt: 1.., .. } => Exit::InDoubt,
        RevocationStats { failed: 1.., .. } => Exit::Failed,
        _ => Exit::Done,
    }
}
