//! Builds a plan: renders and checks all rows, looks up existing resources, and computes the
//! actions.

use std::collections::HashSet;

use super::dependencies::{add_dependencies, referenced_resources};
use super::drift::resource_drift;
use super::error::Fatal;
use super::existing_accounts::{is_mixed, refusal};
use super::items::{FlowPlanner, plan_flow};
use super::observe::observe_resources;
use super::planned_run::PlannedRun;
use super::planner::Planner;
use super::removed_rows::{check_revocation_limit, undeclared_flows};
use super::row_accounts::RowAccounts;
use super::selection::{Observe, Selection};
use crate::address::{Address, AddressPattern, SealId, is_selected};
use crate::client::Client;
use crate::desired::{Duplicates, Resources};
use crate::diagnostic::{Diagnostic, Findings};
use crate::ledger::{
    AccountRecord, Ledger, LedgerError, RecordedSeal, ResourceKind, SEAL_FINGERPRINT, seal_identity,
};
use crate::manifest::InvalidRows;
use crate::plan::diff::{Observed, RecordedResources, ResourcePlan, Unobserved, plan_resources};

/// Builds a plan.
///
/// Errors in the project are added to `findings`, errors in rows to [`PlannedRun::row_findings`].
/// No lookup is sent without a client, or when an error already prevents the plan from being
/// executed.
///
/// # Errors
///
/// Returns [`Fatal`] when the ledger cannot be read, or a lookup gets no usable answer.
pub async fn build_plan<'a>(
    planner: &Planner<'a>,
    client: Option<(&Client, Observe)>,
    findings: &mut Findings,
) -> Result<PlannedRun<'a>, Fatal> {
    let Planner {
        project,
        resources,
        ledger,
        selection,
        run,
        listener,
        ..
    } = planner;
    let (project, resources, ledger) = (*project, *resources, *ledger);
    let mut planned_run = PlannedRun::new(findings.new_with_listener());
    let opened = planner.open(findings)?;
    let looks_up_rows = matches!(client, Some((_, Observe::All)));
    let rules = opened.iter().map(|(rows, _)| rows.flow.existing_accounts);
    let mut row_accounts = RowAccounts::new(looks_up_rows, is_mixed(rules), resources, ledger);
    let mut duplicates = Duplicates::new(resources, ledger.salt());
    let mut needed = HashSet::new();
    // Without a client, deadlines are not checked: the ledger may not show what was sent.
    let now = client.map(|_| run.moment());
    for (rows, recorded_items) in opened {
        let flow_planner = FlowPlanner::new(&rows, planner, recorded_items);
        let (plan, checked) = plan_flow(
            flow_planner,
            now,
            &mut planned_run,
            &mut row_accounts,
            &mut duplicates,
        )?;
        findings.extend(rows.rounded_columns());
        findings.extend(checked);
        findings.extend(check_revocation_limit(rows.flow, &plan, planner)?);
        needed.extend(referenced_resources(rows.flow));
        planned_run.flows.push(rows);
        planned_run.plan.flows.push(plan);
    }
    let renames = &mut planned_run.suspected_renames;
    findings.extend(undeclared_flows(project, ledger, renames)?);
    let reissues = std::mem::take(&mut planned_run.reissues);
    findings.extend(reissues.findings(selection, ledger)?);
    planned_run.plan.people = std::mem::take(&mut planned_run.people).count();
    planned_run.unmatched = unmatched_targets(selection, resources, &planned_run.matched);
    let recorded = recorded_resources(resources, ledger)?;
    let refused = match project.settings.failures.invalid_rows {
        InvalidRows::Refuse => planned_run.row_findings.errors(),
        InvalidRows::Skip => 0,
    };
    let client = client.filter(|_| findings.errors() + refused + planned_run.unmatched.len() == 0);
    let (observed, unobserved) = match client {
        Some((client, observe)) => observe_resources(resources, client, observe, listener).await?,
        _ => (Observed::default(), Unobserved::new()),
    };
    planned_run.plan.resources =
        plan_resources(resources, &recorded, &observed, ledger.salt(), findings);
    planned_run.plan.resources.unobserved = unobserved;
    planned_run.drift = resource_drift(resources, &recorded, &observed);
    planned_run.unforced = force_updates(
        &mut planned_run.plan.resources,
        (resources, &recorded),
        selection,
    );
    select_resources(
        &mut planned_run.plan.resources,
        resources,
        selection,
        needed,
    );
    if let Some((client, Observe::All)) = client.filter(|_| findings.errors() == 0) {
        planned_run.unrecorded_accounts = row_accounts.unrecorded();
        let looked_up = row_accounts
            .look_up(client, ledger, &planned_run.flows, listener)
            .await?;
        planned_run.existing = looked_up.existing;
        planned_run.unobserved = looked_up.unobserved;
        planned_run.plan.row_accounts = looked_up.lookup;
        for (flow, row, account) in looked_up.refused {
            let diagnostic = refusal(&planned_run.flows[flow], &account, row);
            planned_run.plan.flows[flow].refuse(row);
            let name = planned_run.plan.flows[flow].flow.clone();
            planned_run.refuse(&name, row, diagnostic);
        }
    } else {
        planned_run.plan.row_accounts = row_accounts.unobserved();
    }
    planned_run.existing_rules = std::mem::take(&mut row_accounts.rules);
    findings.extend(warnings_of_lookups(&planned_run));
    for (flow, calls) in row_accounts.calls {
        planned_run.plan.flows[flow].calls.add_all(&calls);
    }
    Ok(planned_run)
}

/// Returns a warning for each resource that was not looked up, and one for the accounts of rows.
fn warnings_of_lookups(planned_run: &PlannedRun<'_>) -> Vec<Diagnostic> {
    let resources = planned_run.plan.resources.unobserved.iter();
    let mut warnings: Vec<Diagnostic> = resources
        .map(|(address, failure)| {
            let message = format!("{address} {}", failure.message);
            Diagnostic::warning(message).hint(t!(
                "what depends on it is not sent; the rest is: apply again later"
            ))
        })
        .collect();
    let mut reasons: Vec<&str> = planned_run
        .unobserved
        .values()
        .map(|failure| failure.message.as_str())
        .collect();
    reasons.sort_unstable();
    if let Some(reason) = reasons.first() {
        let message = match reasons.len() {
            1 => t!("1 account of rows %{reason}", reason = reason),
            count => t!(
                "%{count} accounts of rows %{reason}",
                count = count,
                reason = reason
            ),
        };
        warnings.push(Diagnostic::warning(message).hint(t!(
            "their rows are not sent; the others are: apply again later"
        )));
    }
    warnings
}

/// Reduces the resource plan to the selected resources and the ones that selected items need.
fn select_resources(
    plan: &mut ResourcePlan,
    resources: &Resources,
    selection: &Selection,
    mut needed: HashSet<Address>,
) {
    if !selection.targets.is_empty() || selection.retry.is_some() {
        add_dependencies(resources, &mut needed);
        let is_target = |address: &Address| is_selected(&selection.targets, &[], address);
        let keep = |address: &Address| {
            selection.retry.is_none() && is_target(address) || needed.contains(address)
        };
        plan.retain(keep);
    }
    let excludes = &selection.excludes;
    plan.exclude(|address| excludes.iter().any(|pattern| pattern.matches(address)));
}

/// Sets all fields of the accounts that `--force-update` names. Returns the patterns that match no
/// declared account.
fn force_updates(
    plan: &mut ResourcePlan,
    (resources, recorded): (&Resources, &RecordedResources),
    selection: &Selection,
) -> Vec<AddressPattern> {
    let mut unmatched = selection.force_update.clone();
    for name in resources.accounts.keys() {
        let address = Address::Account(name.clone());
        unmatched.retain(|pattern| !pattern.matches(&address));
        let mut patterns = selection.force_update.iter();
        if patterns.any(|pattern| pattern.matches(&address)) {
            let account = &resources.accounts[name];
            plan.force_update(name, account, recorded.accounts.get(account.third_id()));
        }
    }
    unmatched
}

/// The targets that match neither an item nor a resource.
///
/// `matched` has the indexes of the targets that match an item.
fn unmatched_targets(
    selection: &Selection,
    resources: &Resources,
    matched: &HashSet<usize>,
) -> Vec<AddressPattern> {
    let accounts = resources.accounts.keys().chain(resources.absent.keys());
    let accounts = accounts.cloned().map(Address::Account);
    let seals = resources.seals.keys().cloned().map(Address::Seal);
    let templates = resources.templates.keys().cloned().map(Address::Template);
    let all: Vec<Address> = accounts.chain(seals).chain(templates).collect();
    let targets = selection
        .targets
        .iter()
        .enumerate()
        .filter(|(at, _)| !matched.contains(at));
    let unmatched =
        targets.filter(|(_, pattern)| !all.iter().any(|address| pattern.matches(address)));
    unmatched.map(|(_, pattern)| pattern.clone()).collect()
}

/// Reads the recorded state of the declared resources from the ledger.
fn recorded_resources(
    resources: &Resources,
    ledger: &dyn Ledger,
) -> Result<RecordedResources, LedgerError> {
    let mut recorded = RecordedResources::default();
    for account in resources.accounts.values() {
        let record = ledger
            .resource(ResourceKind::Account, account.third_id())?
            .map(AccountRecord::from);
        if let Some(account_record) = record.and_then(|record| record.account) {
            recorded
                .accounts
                .insert(account.third_id().to_owned(), account_record);
        }
    }
    for absent in resources.absent.values() {
        let resource = ledger.resource(ResourceKind::Account, &absent.third_id)?;
        let record = resource
            .map(AccountRecord::from)
            .and_then(|record| record.account);
        if let Some(account_record) = record {
            recorded
                .accounts
                .insert(absent.third_id.clone(), account_record);
        }
    }
    for seal in resources.seals.values() {
        let Some(account) = resources.accounts.get(&seal.account) else {
            continue;
        };
        let third_id = account.third_id();
        if let Some(resource) =
            ledger.resource(ResourceKind::Seal, &seal_identity(third_id, &seal.alias))?
            && let Some(id) = resource.remote_id
        {
            let recorded_seal = RecordedSeal {
                seal_id: SealId(id),
                fingerprint: resource
                    .fields
                    .get(SEAL_FINGERPRINT)
                    .map(|field| field.fingerprint),
            };
            recorded
                .seals
                .insert((third_id.to_owned(), seal.alias.clone()), recorded_seal);
        }
    }
    for template in resources.templates.values() {
        let Some(fingerprint) = template.source.fingerprint() else {
            continue;
        };
        let resource = ledger.resource(ResourceKind::Template, &fingerprint.to_string())?;
        if let Some(id) = resource.and_then(|resource| resource.remote_id) {
            recorded.templates.insert(fingerprint, id.as_str().into());
        }
    }
    Ok(recorded)
}
