//! `treaty revoke`: revokes flows in progress, or reissues the task of one signer. Asks for
//! confirmation.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use tokio::sync::watch;

use crate::address::{Address, is_selected};
use crate::cli::args::{Global, Revoke as Args};
use crate::cli::context::interrupt::interruptible;
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::{ResourceNames, check_targets, resolve_patterns};
use crate::cli::context::runtime::runtime;
use crate::cli::context::session::invalid;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::progress::Progress;
use crate::cli::output::{diagnostics, out, prompt};
use crate::desired::RowLookup;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::execute::Stop;
use crate::ledger::{KnownItem, Ledger, Records, Store, VersionPolicy};
use crate::repair::{Revocation, RevocationStats, TaskReissue};

/// The most addresses that are shown.
const SHOWN: usize = 10;

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut context = LedgerContext::load(global, Some(&args.consent))?;
    let ledger = context.lock_ledger(VersionPolicy::Refuse)?;
    let args = &Args {
        target: resolve_patterns(&ledger, &args.target)?,
        exclude: resolve_patterns(&ledger, &args.exclude)?,
        ..args.clone()
    };
    check_targets(&ledger, &args.target)?;
    let (items, ended) = select(&ledger, args)?;
    if items.is_empty() {
        out::line(t!(
            "no matching item is in progress (%{count} have ended or were not sent)",
            count = ended
        ));
        return Ok(Exit::Done);
    }
    if let Some(signer) = &args.signer {
        has_signer(&ledger, &items, signer)?;
    }
    let reissues = match &args.signer {
        Some(signer) => Some(reissues(&mut context, global, &ledger, &items, signer)?),
        None => None,
    };
    context.notes(announcement(&items, ended, args.signer.as_deref()));
    if !prompt::confirmed(&args.consent, &context.project.settings)? {
        context.note(t!(prompt::DECLINED));
        return Ok(Exit::Error);
    }
    let progress = Progress::new(global);
    let client = context.client(&ledger, &progress)?;
    let (requests, stop) = watch::channel(Stop::No);
    let revocation = Revocation {
        records: &ledger,
        client: &client,
        root: &context.project.root,
        concurrency: context.project.settings.limits.concurrency.get(),
        listener: progress.listener(),
        stop,
    };
    let work = async {
        match reissues {
            Some(reissues) => revocation.reissue_tasks(reissues).await,
            None => revocation.revoke(items).await,
        }
    };
    let withdrawn = runtime()?.block_on(interruptible(requests, work));
    progress.finish();
    let withdrawn = withdrawn?;
    if !global.quiet {
        out::line(summary(&withdrawn, args.signer.is_some()));
    }
    Ok(exit(&withdrawn))
}

/// The selected items in progress, and the number of selected items that are not.
fn select(ledger: &Store, args: &Args) -> anyhow::Result<(Vec<KnownItem>, u64)> {
    let (mut items, mut ended) = (Vec::new(), 0);
    ledger.each_item(&mut |item| {
        let address = Address::item(&item.flow, &item.key);
        if is_selected(&args.target, &args.exclude, &address) {
            if item.record.is_under_way() {
                items.push(item);
            } else {
                ended += 1;
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok((items, ended))
}

/// Fails if none of the flows has the signer.
fn has_signer(ledger: &Store, items: &[KnownItem], signer: &str) -> anyhow::Result<()> {
    let flows: BTreeSet<&str> = items.iter().map(|item| item.flow.as_str()).collect();
    let mut known = BTreeSet::new();
    for flow in flows {
        known.extend(ledger.other_signers(flow, &[])?);
    }
    if known.contains(signer) {
        return Ok(());
    }
    let hint = match did_you_mean(signer, known.iter().map(String::as_str)) {
        Some(near) => t!("did you mean %{near}?", near = near),
        None => t!(
            "signers: %{signers}",
            signers = Vec::from_iter(known).join(&t!(", "))
        ),
    };
    let message = t!("no selected flow has a signer %{signer}", signer = signer);
    Err(CliError::new(Exit::Usage, message, hint).into())
}

/// Pairs each item with its current row. Only the row contains the position and kind of the
/// signature.
fn reissues(
    context: &mut LedgerContext,
    global: &Global,
    ledger: &Store,
    items: &[KnownItem],
    signer: &str,
) -> anyhow::Result<Vec<TaskReissue>> {
    let mut findings = std::mem::take(&mut context.findings);
    let names = ResourceNames::build(&context.project, ledger.salt(), &mut findings);
    let rows = RowLookup {
        project: &context.project,
        resources: names.resources(),
        run: &context.session.run_time,
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
            let message = t!("%{address} has no valid row", address = address);
            let hint =
                t!("put the row back into the sheet; it defines where and how the signer signs");
            findings.push(Diagnostic::error(message).hint(hint));
        }
    }
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], global.log_format, None);
        let hint = t!("correct the errors and run the command again; nothing was sent");
        return Err(invalid(findings.errors(), &hint).into());
    }
    let reissues = items.iter().filter_map(|known| {
        let item = contracts.remove(&(known.flow.clone(), known.key.clone()))?;
        Some(TaskReissue {
            known: known.clone(),
            item,
            signer: signer.to_owned(),
        })
    });
    Ok(reissues.collect())
}

/// Describes the change before the confirmation.
fn announcement(items: &[KnownItem], ended: u64, signer: Option<&str>) -> Vec<String> {
    let mut lines = vec![match (items.len(), signer) {
        (1, None) => t!("1 flow will be revoked and cannot be signed afterwards."),
        (count, None) => t!(
            "%{count} flows will be revoked and cannot be signed afterwards.",
            count = count
        ),
        (1, Some(signer)) => t!(
            "The task of %{signer} will be revoked and created again in 1 flow. The signer is notified again, and the \
             earlier link becomes invalid.",
            signer = signer
        ),
        (count, Some(signer)) => t!(
            "The task of %{signer} will be revoked and created again in %{count} flows. The signer is notified again, \
             and the earlier link becomes invalid.",
            signer = signer,
            count = count
        ),
    }
    .into_owned()];
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
        let more = t!("… and %{count} more", count = items.len() - SHOWN);
        lines.push(format!("    {more}"));
    }
    if ended > 0 {
        let text = t!("%{count} more have ended already", count = ended);
        lines.push(format!("  {text}"));
    }
    lines
}

fn summary(withdrawn: &RevocationStats, is_reissue: bool) -> String {
    let counts = [
        (
            withdrawn.done,
            if is_reissue {
                t!("reissued")
            } else {
                t!("revoked")
            },
        ),
        (withdrawn.over, t!("had already ended")),
        (withdrawn.failed, t!("failed")),
        (withdrawn.in_doubt, t!("in doubt")),
        (withdrawn.left, t!("not processed: interrupted")),
    ];
    let parts = counts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, outcome)| {
            t!("%{count} %{status}", count = count, status = outcome).into_owned()
        })
        .collect();
    parts.join(&t!(", "))
}

fn exit(withdrawn: &RevocationStats) -> Exit {
    match withdrawn {
        RevocationStats { left: 1.., .. } => Exit::Interrupted,
        RevocationStats { in_doubt: 1.., .. } => Exit::InDoubt,
        RevocationStats { failed: 1.., .. } => Exit::Failed,
        _ => Exit::Done,
    }
}
