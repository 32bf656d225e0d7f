//! Builds a plan: all rows rendered and checked, existing resources looked up, the difference planned.

use std::collections::HashSet;

use super::dependencies::{close_over, needs};
use super::error::Fatal;
use super::items::{Planned, plan_flow};
use super::observe::observe_resources;
use super::planned_run::{Refused, Survey};
use super::planner::Planner;
use super::removed_rows::{guard, undeclared};
use super::row_accounts::RowAccounts;
use super::selection::{Observe, Selection};
use crate::address::{Address, AddressPattern, SealId, is_selected};
use crate::client::Client;
use crate::desired::{Duplicates, Resources};
use crate::diagnostic::Findings;
use crate::ledger::{
    AccountRecord, Ledger, LedgerError, RecordedSeal, ResourceKind, SEAL_FINGERPRINT, seal_identity,
};
use crate::manifest::InvalidRows;
use crate::plan::Plan;
use crate::plan::diff::{Observed, RecordedResources, ResourcePlan, plan_resources};

/// Makes a plan. What is wrong with the project goes to `findings`; what is wrong with rows is part of the survey.
/// Nothing is asked without a client, nor when something is wrong that keeps the plan from being carried out.
pub async fn survey<'a>(
    surveyor: &Planner<'a>,
    client: Option<(&Client, Observe)>,
    findings: &mut Findings,
) -> Result<Survey<'a>, Fatal> {
    let Planner {
        project,
        standing,
        ledger,
        selection,
        run,
        listener,
        ..
    } = surveyor;
    let (project, standing, ledger) = (*project, *standing, *ledger);
    let mut survey = Survey {
        plan: Plan::default(),
        flows: Vec::new(),
        refused: Refused::new(),
        row_findings: findings.new_with_listener(),
        existing: HashSet::new(),
        unmatched: Vec::new(),
        matched: HashSet::new(),
    };
    let opened = surveyor.open(findings)?;
    let asks = matches!(client, Some((_, Observe::All)));
    let mut people = RowAccounts::new(asks);
    let mut duplicates = Duplicates::new(standing, ledger.salt());
    let mut needed = HashSet::new();
    // What was sent may be late by now; without a client it is not known what was.
    let moment = client.map(|_| run.moment());
    for (rows, known) in opened {
        let planned = Planned::new(&rows, surveyor, known);
        let plan = plan_flow(planned, moment, &mut survey, &mut people, &mut duplicates)?;
        findings.extend(guard(rows.flow, &plan, surveyor)?);
        needed.extend(needs(rows.flow));
        survey.flows.push(rows);
        survey.plan.flows.push(plan);
    }
    findings.extend(undeclared(project, ledger)?);
    survey.unmatched = unmatched(selection, standing, &survey.matched);
    let recorded = recorded(standing, ledger)?;
    let refused = match project.settings.failures.invalid_rows {
        InvalidRows::Refuse => survey.row_findings.errors(),
        InvalidRows::Skip => 0,
    };
    let client = client.filter(|_| findings.errors() + refused + survey.unmatched.len() == 0);
    let observed = match client {
        Some((client, observe)) => observe_resources(standing, client, observe, listener).await?,
        _ => Observed::default(),
    };
    survey.plan.standing = plan_resources(standing, &recorded, &observed, ledger.salt(), findings);
    narrow(&mut survey.plan.standing, standing, selection, needed);
    if let Some((client, Observe::All)) = client.filter(|_| findings.errors() == 0) {
        survey.existing = people.ask(client, ledger, listener).await?;
    }
    for (flow, calls) in people.calls {
        survey.plan.flows[flow].calls.add_all(&calls);
    }
    Ok(survey)
}

/// Leaves of the standing things what the command line means, and what the items need.
fn narrow(
    plan: &mut ResourcePlan,
    standing: &Resources,
    selection: &Selection,
    mut needed: HashSet<Address>,
) {
    if !selection.targets.is_empty() || selection.retry.is_some() {
        close_over(standing, &mut needed);
        let meant = |address: &Address| is_selected(&selection.targets, &[], address);
        let keep = |address: &Address| {
            selection.retry.is_none() && meant(address) || needed.contains(address)
        };
        plan.retain(keep);
    }
    let excludes = &selection.excludes;
    plan.exclude(|address| excludes.iter().any(|pattern| pattern.matches(address)));
}

/// The targets that match neither an item nor a standing thing.
fn unmatched(
    selection: &Selection,
    standing: &Resources,
    matched: &HashSet<usize>,
) -> Vec<AddressPattern> {
    let accounts = standing.accounts.keys().chain(standing.absent.keys());
    let accounts = accounts.cloned().map(Address::Account);
    let seals = standing.seals.keys().cloned().map(Address::Seal);
    let templates = standing.templates.keys().cloned().map(Address::Template);
    let all: Vec<Address> = accounts.chain(seals).chain(templates).collect();
    let targets = selection
        .targets
        .iter()
        .enumerate()
        .filter(|(at, _)| !matched.contains(at));
    let lost = targets.filter(|(_, pattern)| !all.iter().any(|address| pattern.matches(address)));
    lost.map(|(_, pattern)| pattern.clone()).collect()
}

/// What the ledger knows of the standing things.
fn recorded(standing: &Resources, ledger: &dyn Ledger) -> Result<RecordedResources, LedgerError> {
    let mut recorded = RecordedResources::default();
    for account in standing.accounts.values() {
        let record = ledger
            .resource(ResourceKind::Account, account.third_id())?
            .map(AccountRecord::from);
        if let Some(known) = record.and_then(|record| record.account) {
            recorded
                .accounts
                .insert(account.third_id().to_owned(), known);
        }
    }
    for absent in standing.absent.values() {
        let thing = ledger.resource(ResourceKind::Account, &absent.third_id)?;
        let record = thing
            .map(AccountRecord::from)
            .and_then(|record| record.account);
        if let Some(known) = record {
            recorded.accounts.insert(absent.third_id.clone(), known);
        }
    }
    for seal in standing.seals.values() {
        let Some(account) = standing.accounts.get(&seal.account) else {
            continue;
        };
        let third_id = account.third_id();
        if let Some(thing) =
            ledger.resource(ResourceKind::Seal, &seal_identity(third_id, &seal.alias))?
            && let Some(id) = thing.remote_id
        {
            let known = RecordedSeal {
                seal_id: SealId(id),
                fingerprint: thing.fields.get(SEAL_FINGERPRINT).copied(),
            };
            recorded
                .seals
                .insert((third_id.to_owned(), seal.alias.clone()), known);
        }
    }
    for template in standing.templates.values() {
        let Some(print) = template.source.fingerprint() else {
            continue;
        };
        let thing = ledger.resource(ResourceKind::Template, &print.to_string())?;
        if let Some(id) = thing.and_then(|thing| thing.remote_id) {
            recorded.templates.insert(print, id.as_str().into());
        }
    }
    Ok(recorded)
}
