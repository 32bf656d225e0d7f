//! A flow's rows → its plan: what is to be done with each item, and which rows cannot be used.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;

use super::ask::sign_op;
use super::checked::{Checked, CheckedRow, Keeping};
use super::halt::Fatal;
use super::known::Known;
use super::row_accounts::RowAccounts;
use super::survey::{Survey, Surveyor};
use super::vanished::vanished;
use crate::api::operation::Op;
use crate::api::time;
use crate::desired::{DocumentSource, Drafted, FlowRows, Item, Outcome, Unique};
use crate::diagnostic::{Diagnostic, Place};
use crate::id::Address;
use crate::ledger::LedgerError;
use crate::manifest::{Flow, OnVanish};
use crate::plan::{Calls, FlowPlan, ItemAction, RecordedItem, vanish_action};
use crate::render::Fingerprint;

/// Renders and checks all rows of a flow, and plans them; what that comes to is kept, too, where it is to be.
pub(super) fn plan_flow(
    mut planned: Planned<'_, '_>,
    moment: Option<Timestamp>,
    survey: &mut Survey<'_>,
    people: &mut RowAccounts,
    unique: &mut Unique,
    mut keeping: Option<&mut Keeping>,
) -> Result<FlowPlan, Fatal> {
    let (rows, ledger) = (planned.rows, planned.surveyor.ledger);
    let flow = rows.flow;
    let nth = survey.plan.flows.len();
    unique.begin(flow, rows.expected());
    let mut told = Vec::new();
    let taken = rows.each(|_, draft| {
        let Drafted {
            number,
            key,
            outcome,
            ..
        } = draft;
        let key = key.as_deref();
        let place = key.and_then(|key| planned.known.find(key));
        let recorded = planned.meet(key, place);
        let item = match outcome {
            Outcome::Skipped => {
                planned.left_out(number, key, recorded);
                if let Some(keeping) = &mut keeping {
                    let item = None;
                    keeping.row(CheckedRow { number, key, item });
                }
                return Ok(());
            }
            Outcome::Invalid(errors) => {
                survey.row_findings.extend(once(errors, &mut told));
                planned.push(number, key, ItemAction::Invalid, None);
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
                planned.plan.refuse(row);
            }
            survey.row_findings.push(conflict.diagnostic);
            planned.push(number, key, ItemAction::Invalid, None);
            return Ok(());
        }
        let mut action = planned.action(survey, &item.key, recorded, item.fingerprint);
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
        let mut of_people = Calls::default();
        if action.is_work() {
            for account in item.accounts.values() {
                let is_first = unique.count(account);
                match people.see(account, is_first, nth, ledger)? {
                    Ok(op) => op.into_iter().for_each(|op| of_people.add(op, 1)),
                    Err(diagnostic) => {
                        survey.refuse(&flow.name, number, diagnostic);
                        action = ItemAction::Invalid;
                    }
                }
            }
        }
        let mut needs = Calls::default();
        if action.is_work() || keeping.is_some() {
            needs = calls(&item);
        }
        if action.is_work() {
            planned.add_calls(action, &needs, 1);
        }
        planned.push(number, key, action, Some(item.fingerprint));
        if let Some(keeping) = &mut keeping {
            needs.add_all(&of_people);
            keeping.until(item.process.sign_validity);
            let item = Some((item.fingerprint, keeping.list(needs)));
            keeping.row(CheckedRow { number, key, item });
        }
        Ok::<(), Fatal>(())
    });
    taken.map_err(|error| unreadable(flow, &error))??;
    planned.finish(survey)
}

/// So many rows are looked for together, on all cores.
const BATCH: usize = 4096;

/// Plans a flow by an earlier check of its rows: none is rendered.
pub(super) fn plan_checked(
    mut planned: Planned<'_, '_>,
    survey: &mut Survey<'_>,
    checked: &Checked,
) -> Result<FlowPlan, Fatal> {
    let mut sent: BTreeMap<(ItemAction, u16), u64> = BTreeMap::new();
    let mut rows = checked.rows(&planned.rows.flow.name);
    loop {
        let batch: Vec<CheckedRow<'_>> = rows.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let known = &planned.known;
        let places = batch.par_iter().map(|row| known.find(row.key?));
        let places: Vec<Option<usize>> = places.collect();
        for (CheckedRow { number, key, item }, place) in batch.into_iter().zip(places) {
            let recorded = planned.meet(key, place);
            let (Some(own), Some((print, list))) = (key, item) else {
                planned.left_out(number, key, recorded);
                continue;
            };
            let action = planned.action(survey, own, recorded, print);
            if action.is_work() {
                *sent.entry((action, list)).or_default() += 1;
            }
            planned.push(number, key, action, Some(print));
        }
    }
    for ((action, list), items) in sent {
        let calls = checked.list(list).into_iter().flat_map(Calls::iter);
        let calls = calls.map(|(op, count)| (op, count * items)).collect();
        planned.add_calls(action, &calls, items);
    }
    planned.finish(survey)
}

/// A flow's plan while its rows are taken.
pub(super) struct Planned<'p, 'a> {
    rows: &'p FlowRows<'a>,
    surveyor: &'p Surveyor<'a>,
    known: Known,
    all_have_keys: bool,
    plan: FlowPlan,
}

impl<'p, 'a> Planned<'p, 'a> {
    /// No row is taken yet; `known` is what is recorded of the flow.
    pub(super) fn new(rows: &'p FlowRows<'a>, surveyor: &'p Surveyor<'a>, known: Known) -> Self {
        let mut plan = FlowPlan::new(&rows.flow.name);
        plan.rows.reserve_exact(rows.expected());
        Self {
            rows,
            surveyor,
            known,
            all_have_keys: true,
            plan,
        }
    }

    /// What is recorded of a row's item.
    fn meet(&mut self, key: Option<&str>, place: Option<usize>) -> Option<RecordedItem> {
        self.all_have_keys &= key.is_some();
        Some(self.known.meet(place?))
    }

    /// What is to be done with an item.
    fn action(
        &self,
        survey: &mut Survey<'_>,
        key: &str,
        recorded: Option<RecordedItem>,
        print: Fingerprint,
    ) -> ItemAction {
        let selection = &self.surveyor.selection;
        let address = Address::item(&self.rows.flow.name, key);
        survey.note_match(selection, &address);
        selection.action(&address, self.rows.flow.on_change, recorded, print)
    }

    /// Takes a row that `where` leaves out. What has no end yet is not out of the world because the row says that it is not
    /// wanted.
    fn left_out(&mut self, number: u64, key: Option<&str>, recorded: Option<RecordedItem>) {
        let left = recorded.and_then(|recorded| vanish_action(OnVanish::Keep, recorded));
        let action = left.unwrap_or(ItemAction::Skipped);
        self.plan.push(number, key, action, None, false);
    }

    fn push(
        &mut self,
        number: u64,
        key: Option<&str>,
        action: ItemAction,
        print: Option<Fingerprint>,
    ) {
        let all = self.surveyor.selection.show_all;
        self.plan.push(number, key, action, print, all);
    }

    /// Takes the calls of so many items that are sent.
    fn add_calls(&mut self, action: ItemAction, calls: &Calls, items: u64) {
        self.plan.calls.add_all(calls);
        if action == ItemAction::Reissue {
            self.plan.calls.add(Op::Revoke, items);
        }
    }

    /// Adds what all rows share, and items whose rows are gone.
    fn finish(mut self, survey: &mut Survey<'_>) -> Result<FlowPlan, Fatal> {
        add_attachments(self.rows.flow, &mut self.plan);
        vanished(
            self.rows.flow,
            &self.known,
            self.all_have_keys,
            self.surveyor.ledger,
            &self.surveyor.selection,
            survey,
            &mut self.plan,
        )?;
        Ok(self.plan)
    }
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

/// The calls that an item needs when nothing of it is done yet, but for those about its people.
fn calls(item: &Item) -> Calls {
    let mut calls = Calls::default();
    for document in &item.documents {
        match document.source {
            DocumentSource::Template { .. } => calls.add(Op::CreateByTemplate, 1),
            DocumentSource::File(_) => {
                calls.add(Op::UploadUrl, 1);
                calls.add(Op::CreateByFileKey, 1);
            }
        }
    }
    let several = item.documents.len() > 1;
    let process = if several {
        Op::ContractsAddProcess
    } else {
        Op::AddProcess
    };
    calls.add(process, 1);
    for signer in &item.signers {
        calls.add(sign_op(&signer.kind, several), 1);
    }
    calls
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
