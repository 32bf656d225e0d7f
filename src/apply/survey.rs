//! The survey: all rows rendered and checked, what exists asked for, and a plan made of it.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::ask::sign_op;
use super::event::Listener;
use super::halt::Fatal;
use super::known::Known;
use super::needs::{close_over, needs};
use super::observe::observe_standing;
use super::row_accounts::RowAccounts;
use super::seal::{PRINT, identity};
use super::vanished::{guard, undeclared, vanished};
use crate::api::operation::Op;
use crate::api::time;
use crate::client::Client;
use crate::desired::{DocumentSource, Drafted, FlowRows, Item, Outcome, Standing, Unique};
use crate::diagnostic::{Diagnostic, Findings, Place};
use crate::id::{Address, AddressPattern, SealId};
use crate::ledger::{AccountRecord, Ledger, LedgerError, ThingKind};
use crate::manifest::{Flow, InvalidRows, OnVanish, Project, Tolerance};
use crate::plan::{
    FlowPlan, ItemAction, ItemPolicy, Observed, Plan, RecordedItem, RecordedSeal, RecordedStanding,
    Retry, item_action, plan_standing, selected, template_print, vanish_action,
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
    /// What is to be done with an item, of what there is to do.
    fn action(
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
    fn refuse(&mut self, flow: &str, row: u64, why: Diagnostic) {
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
    let mut people = RowAccounts::new(matches!(client, Some((_, Observe::All))));
    let mut unique = Unique::new(standing, ledger.salt());
    let mut needed = HashSet::new();
    for flow in project.flows.values() {
        if !wanted(selection, &flow.name) {
            continue;
        }
        let Some(rows) = FlowRows::open(project, standing, flow, run, ledger.salt(), findings)
        else {
            continue;
        };
        // What was sent may be late by now; without a client it is not known what was.
        let moment = client.map(|_| run.moment());
        let plan = plan_flow(
            &rows,
            surveyor,
            moment,
            &mut survey,
            &mut people,
            &mut unique,
        )?;
        findings.extend(guard(flow, &plan, surveyor)?);
        needed.extend(needs(flow));
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
    if !selection.targets.is_empty() || selection.retry.is_some() {
        close_over(standing, &mut needed);
        let meant = |address: &Address| selected(&selection.targets, &[], address);
        let keep = |address: &Address| {
            selection.retry.is_none() && meant(address) || needed.contains(address)
        };
        survey.plan.standing.retain(keep);
    }
    let excluded = |address: &Address| {
        selection
            .excludes
            .iter()
            .any(|pattern| pattern.matches(address))
    };
    survey.plan.standing.exclude(excluded);
    if let Some((client, Observe::All)) = client.filter(|_| findings.errors() == 0) {
        survey.existing = people.ask(client, ledger, listener).await?;
    }
    for (flow, calls) in people.calls {
        survey.plan.flows[flow].calls.add_all(&calls);
    }
    Ok(survey)
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

fn wanted(selection: &Selection, flow: &str) -> bool {
    selection.targets.is_empty()
        || selection
            .targets
            .iter()
            .any(|pattern| pattern.may_match_flow(flow))
}

fn plan_flow(
    rows: &FlowRows<'_>,
    surveyor: &Surveyor<'_>,
    moment: Option<Timestamp>,
    survey: &mut Survey<'_>,
    people: &mut RowAccounts,
    unique: &mut Unique,
) -> Result<FlowPlan, Fatal> {
    let Surveyor {
        ledger, selection, ..
    } = surveyor;
    let (flow, ledger) = (rows.flow, *ledger);
    let mut known = Known::of(ledger, &flow.name)?;
    let mut plan = FlowPlan::new(&flow.name);
    plan.rows.reserve_exact(rows.expected());
    unique.begin(flow, rows.expected());
    let mut all_have_keys = true;
    let mut told = Vec::new();
    let taken = rows.each(|_, draft| {
        let Drafted {
            number,
            key,
            outcome,
            ..
        } = draft;
        let key = key.as_deref();
        all_have_keys &= key.is_some();
        let recorded = key.and_then(|key| known.meet(key));
        let item = match outcome {
            Outcome::Skipped => {
                // What has no end yet is not out of the world because the row says that it is not wanted.
                let left = recorded.and_then(|recorded| vanish_action(OnVanish::Keep, recorded));
                let action = left.unwrap_or(ItemAction::Skipped);
                plan.push(number, key, action, None, false);
                return Ok(());
            }
            Outcome::Invalid(errors) => {
                survey.row_findings.extend(once(errors, &mut told));
                plan.push(number, key, ItemAction::Invalid, None, selection.show_all);
                return Ok(());
            }
            Outcome::Item(item) => item,
        };
        let conflict = rows
            .sheet
            .as_ref()
            .and_then(|sheet| unique.see(&item, number, sheet.header()));
        if let Some(conflict) = conflict {
            for row in conflict.rows.into_iter().filter(|row| *row > 0) {
                survey
                    .refused
                    .insert((flow.name.clone(), row), conflict.diagnostic.clone());
                plan.refuse(row);
            }
            survey.row_findings.push(conflict.diagnostic);
            plan.push(number, key, ItemAction::Invalid, None, selection.show_all);
            return Ok(());
        }
        let address = Address::item(&flow.name, &item.key);
        survey.note_match(selection, &address);
        let mut action = selection.action(&address, flow.on_change, recorded, item.fingerprint);
        // A flow that exists keeps the time that it was given, and one that takes its place has another.
        let is_sent = recorded.is_some_and(|recorded| recorded.sent);
        let is_new = action.is_work() && (!is_sent || action == ItemAction::Reissue);
        let moment = moment.filter(|_| is_new);
        if let Some(late) = moment.and_then(|moment| late(rows, &item, number, moment)) {
            survey
                .refused
                .insert((flow.name.clone(), number), late.clone());
            survey.row_findings.extend(once(vec![late], &mut told));
            action = ItemAction::Invalid;
        }
        if action.is_work() {
            for account in item.accounts.values() {
                let is_first = unique.count(account);
                let seen = people.see(account, is_first, survey.flows.len(), ledger)?;
                if let Err(diagnostic) = seen {
                    survey.refuse(&flow.name, number, diagnostic);
                    action = ItemAction::Invalid;
                }
            }
        }
        if action.is_work() {
            add_calls(&item, &mut plan);
            plan.calls
                .add(Op::Revoke, u64::from(action == ItemAction::Reissue));
        }
        plan.push(
            number,
            key,
            action,
            Some(item.fingerprint),
            selection.show_all,
        );
        Ok::<(), Fatal>(())
    });
    taken.map_err(|error| unreadable(flow, &error))??;
    add_attachments(flow, &mut plan);
    vanished(
        flow,
        &known,
        all_have_keys,
        ledger,
        selection,
        survey,
        &mut plan,
    )?;
    Ok(plan)
}

/// So many errors of the manifests are remembered: no flow has more that do not differ by row.
const TOLD: usize = 100;

/// What is wrong with a row, without what is wrong with the manifest and was told with an earlier one.
fn once(mut errors: Vec<Diagnostic>, told: &mut Vec<Diagnostic>) -> Vec<Diagnostic> {
    errors.retain(|error| {
        let of_manifest = matches!(error.place, Some(Place::Span(_)));
        let is_new = !of_manifest || !told.contains(error);
        if of_manifest && is_new && told.len() < TOLD {
            told.push(error.clone());
        }
        is_new
    });
    errors
}

/// What is wrong with a contract whose time for signing is over before it is sent: the service refuses it.
fn late(rows: &FlowRows<'_>, item: &Item, row: u64, moment: Timestamp) -> Option<Diagnostic> {
    let declared = rows.flow.process.sign_validity.as_ref()?;
    let validity = item.process.sign_validity?;
    if validity > moment.as_millisecond() {
        return None;
    }
    let shown = Timestamp::from_millisecond(validity).map_or(validity.to_string(), time::text);
    let error = Diagnostic::error(format!("signValidity is past: {shown}"));
    let error = match &rows.sheet {
        Some(sheet) if declared.uses().row => {
            let column = declared.uses().columns.iter().next();
            let cell = sheet.header().cell(row, column.map(String::as_str));
            error.at(cell).related(declared.span(), "rendered here")
        }
        _ => error.at(declared.span()),
    };
    Some(
        error.hint(
            "it is the last moment for signing, in milliseconds since 1970: give one that comes",
        ),
    )
}

/// A sheet that could be opened, and not read to its end.
pub(super) fn unreadable(flow: &Flow, error: &std::io::Error) -> LedgerError {
    let rows = flow.rows.as_ref();
    LedgerError::Broken {
        path: rows.map_or(String::new(), |rows| rows.file.shown.to_string()),
        why: error.to_string(),
    }
}

/// The calls that an item needs when nothing of it is done yet.
fn add_calls(item: &Item, plan: &mut FlowPlan) {
    for document in &item.documents {
        match document.source {
            DocumentSource::Template { .. } => plan.calls.add(Op::CreateByTemplate, 1),
            DocumentSource::File(_) => {
                plan.calls.add(Op::UploadUrl, 1);
                plan.calls.add(Op::CreateByFileKey, 1);
            }
        }
    }
    let several = item.documents.len() > 1;
    let process = if several {
        Op::ContractsAddProcess
    } else {
        Op::AddProcess
    };
    plan.calls.add(process, 1);
    for signer in &item.signers {
        plan.calls.add(sign_op(&signer.kind, several), 1);
    }
}

/// The uploads of what goes along with a flow's contracts: what all share goes once.
fn add_attachments(flow: &Flow, plan: &mut FlowPlan) {
    let sent = plan.work();
    for attachment in &flow.process.attachments {
        let uses = attachment.file.uses();
        let is_own = uses.row || uses.key;
        let uploads = if is_own { sent } else { sent.min(1) };
        plan.calls.add(Op::UploadUrl, uploads);
    }
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
