//! The survey: all rows rendered and checked, what exists asked for, and a plan made of it.

use std::collections::{BTreeMap, HashSet};

use super::event::Listener;
use super::halt::Fatal;
use super::known::Known;
use super::needs::{close_over, needs};
use super::observe::observe_standing;
use super::plan_flow::{Planned, plan_flow};
use super::row_accounts::RowAccounts;
use super::seal::{PRINT, identity};
use super::vanished::{guard, undeclared};
use crate::client::Client;
use crate::desired::{Duplicates, FlowRows, Standing};
use crate::diagnostic::{Diagnostic, Findings};
use crate::id::{Address, AddressPattern, SealId};
use crate::ledger::{AccountRecord, Ledger, LedgerError, ThingKind};
use crate::manifest::{Flow, InvalidRows, Project, Tolerance};
use crate::plan::{
    ItemAction, ItemPolicy, Observed, Plan, RecordedItem, RecordedSeal, RecordedStanding, Retry,
    StandingPlan, item_action, plan_standing, selected, template_print,
};
use crate::render::{Fingerprint, RunTime};

/// Which accounts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observe {
    /// Those of the project, and those of rows that are to be sent and are not recorded.
    All,
    /// Those of the project.
    Standing,
    /// None: the ledger is believed.
    None,
}

/// What the command line means.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// These; all when empty.
    pub targets: Vec<AddressPattern>,
    /// But not these.
    pub excludes: Vec<AddressPattern>,
    /// Only what has failed, or only what is in doubt; all when absent.
    pub retry: Option<Retry>,
    /// What may be revoked of a flow; what the project says when absent.
    pub max_revoke: Option<Tolerance>,
    /// Whether every item is shown, and not some of each kind.
    pub show_all: bool,
}

impl Selection {
    /// Whether any item of a flow may be meant.
    fn wants(&self, flow: &str) -> bool {
        let mut targets = self.targets.iter();
        self.targets.is_empty() || targets.any(|pattern| pattern.may_match_flow(flow))
    }

    /// What is to be done with an item, of what there is to do.
    pub(super) fn action(
        &self,
        address: &Address,
        policy: ItemPolicy,
        recorded: Option<RecordedItem>,
        print: Fingerprint,
    ) -> ItemAction {
        if !selected(&self.targets, &self.excludes, address) {
            return ItemAction::Excluded;
        }
        let action = item_action(policy, recorded, print);
        match self.retry {
            Some(retry) => retry.narrow(action, recorded, print),
            None => action,
        }
    }
}

/// A plan, and what it was made of.
#[derive(Debug)]
pub struct Survey<'a> {
    /// What is to be done.
    pub plan: Plan,
    /// The flows that can be read, in the plan's order.
    pub flows: Vec<FlowRows<'a>>,
    /// Rows that cannot be used although they are well-formed, by flow and row.
    pub refused: Refused,
    /// What is wrong with rows.
    pub row_findings: Findings,
    /// Accounts of rows that were seen to exist, by the fingerprint of their `thirdId`.
    pub existing: HashSet<Fingerprint>,
    /// Targets that match nothing.
    pub unmatched: Vec<AddressPattern>,
    /// Targets that match an item, by their place in the selection.
    matched: HashSet<usize>,
}

impl Survey<'_> {
    /// Remembers which targets mean an item.
    pub(super) fn note_match(&mut self, selection: &Selection, address: &Address) {
        let targets = selection.targets.iter().enumerate();
        let matching = targets.filter(|(_, pattern)| pattern.matches(address));
        self.matched.extend(matching.map(|(at, _)| at));
    }

    /// Notes why a well-formed row is refused.
    pub(super) fn refuse(&mut self, flow: &str, row: u64, why: Diagnostic) {
        self.refused.insert((flow.to_owned(), row), why.clone());
        self.row_findings.push(why);
    }
}

/// Why rows are refused that are well-formed by themselves.
pub type Refused = BTreeMap<(String, u64), Diagnostic>;

/// What a survey needs.
pub struct Surveyor<'a> {
    /// What is declared.
    pub project: &'a Project,
    /// What should stand.
    pub standing: &'a Standing,
    /// What has been done.
    pub ledger: &'a dyn Ledger,
    /// What the command line means.
    pub selection: Selection,
    /// When the run began.
    pub run: RunTime,
    /// Hears of every question.
    pub listener: Listener,
}

impl<'a> Surveyor<'a> {
    /// Opens the sheets of all flows that are wanted, while what is recorded of these is read.
    fn open(&self, findings: &mut Findings) -> Result<Vec<(FlowRows<'a>, Known)>, LedgerError> {
        let (project, salt) = (self.project, self.ledger.salt());
        let flows = project.flows.values();
        let flows: Vec<&Flow> = flows
            .filter(|flow| self.selection.wants(&flow.name))
            .collect();
        let open = |flow| FlowRows::open(project, self.standing, flow, &self.run, salt, findings);
        let known = |flow: &&Flow| Known::of(self.ledger, &flow.name);
        let (opened, known) = rayon::join(
            || flows.iter().copied().map(open).collect::<Vec<_>>(),
            || flows.iter().map(known).collect::<Result<Vec<_>, _>>(),
        );
        let both = opened.into_iter().zip(known?);
        Ok(both
            .filter_map(|(rows, known)| Some((rows?, known)))
            .collect())
    }
}

/// Makes a plan. What is wrong with the project goes to `findings`; what is wrong with rows is part of the survey.
/// Nothing is asked without a client, nor when something is wrong that keeps the plan from being carried out.
pub async fn survey<'a>(
    surveyor: &Surveyor<'a>,
    client: Option<(&Client, Observe)>,
    findings: &mut Findings,
) -> Result<Survey<'a>, Fatal> {
    let Surveyor {
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
        row_findings: findings.beside(),
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
        Some((client, observe)) => observe_standing(standing, client, observe, listener).await?,
        _ => Observed::default(),
    };
    survey.plan.standing = plan_standing(standing, &recorded, &observed, ledger.salt(), findings);
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
    plan: &mut StandingPlan,
    standing: &Standing,
    selection: &Selection,
    mut needed: HashSet<Address>,
) {
    if !selection.targets.is_empty() || selection.retry.is_some() {
        close_over(standing, &mut needed);
        let meant = |address: &Address| selected(&selection.targets, &[], address);
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
    standing: &Standing,
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
fn recorded(standing: &Standing, ledger: &dyn Ledger) -> Result<RecordedStanding, LedgerError> {
    let mut recorded = RecordedStanding::default();
    for account in standing.accounts.values() {
        let record = ledger
            .thing(ThingKind::Account, account.third_id())?
            .map(AccountRecord::from);
        if let Some(known) = record.and_then(|record| record.account) {
            recorded
                .accounts
                .insert(account.third_id().to_owned(), known);
        }
    }
    for absent in standing.absent.values() {
        let thing = ledger.thing(ThingKind::Account, &absent.third_id)?;
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
        if let Some(thing) = ledger.thing(ThingKind::Seal, &identity(third_id, &seal.alias))?
            && let Some(id) = thing.remote_id
        {
            let known = RecordedSeal {
                seal_id: SealId(id),
                fingerprint: thing.fields.get(PRINT).copied(),
            };
            recorded
                .seals
                .insert((third_id.to_owned(), seal.alias.clone()), known);
        }
    }
    for template in standing.templates.values() {
        let Some(print) = template_print(&template.source) else {
            continue;
        };
        let thing = ledger.thing(ThingKind::Template, &print.to_string())?;
        if let Some(id) = thing.and_then(|thing| thing.remote_id) {
            recorded.templates.insert(print, id.as_str().into());
        }
    }
    Ok(recorded)
}
