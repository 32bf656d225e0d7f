//! A flow's rows → its plan: what is to be done with each item, and which rows cannot be used.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;

use super::ask::sign_op;
use super::checked::{Checked, CheckedRow, Found, Keeping};
use super::halt::Fatal;
use super::known::Known;
use super::row_accounts::RowAccounts;
use super::survey::{Survey, Surveyor};
use super::vanished::vanished;
use crate::api::operation::Op;
use crate::api::time;
use crate::desired::{Conflict, DocumentSource, Drafted, FlowRows, Item, Outcome, Unique};
use crate::diagnostic::{Diagnostic, Place};
use crate::id::Address;
use crate::ledger::LedgerError;
use crate::manifest::{Flow, OnVanish};
use crate::plan::{Calls, FlowPlan, ItemAction, RecordedItem, vanish_action};
use crate::render::Fingerprint;

/// Renders and checks all rows of a flow, and plans them; what that comes to is kept, too, where it is to be.
pub(super) fn plan_flow(
    planned: Planned<'_, '_>,
    moment: Option<Timestamp>,
    survey: &mut Survey<'_>,
    people: &mut RowAccounts,
    unique: &mut Unique,
    keeping: Option<&mut Keeping>,
) -> Result<FlowPlan, Fatal> {
    let rows = planned.rows;
    unique.begin(rows.flow, rows.expected());
    let mut looking = Looking {
        moment,
        nth: survey.plan.flows.len(),
        survey,
        people,
        unique,
        keeping,
        told: Vec::new(),
        planned,
    };
    let taken = rows.each(|_, draft| looking.take(draft));
    taken.map_err(|error| unreadable(rows.flow, &error))??;
    looking.planned.finish(looking.survey)
}

/// What rows are looked at with, one after the other.
struct Looking<'l, 'p, 'a, 's> {
    planned: Planned<'p, 'a>,
    /// What is over by then is late.
    moment: Option<Timestamp>,
    /// Which of the flows it is.
    nth: usize,
    survey: &'l mut Survey<'s>,
    people: &'l mut RowAccounts,
    unique: &'l mut Unique,
    keeping: Option<&'l mut Keeping>,
    /// What is wrong with the manifests and was told.
    told: Vec<Diagnostic>,
}

impl Looking<'_, '_, '_, '_> {
    fn take(&mut self, draft: Drafted) -> Result<(), Fatal> {
        let Drafted {
            number,
            key,
            outcome,
            ..
        } = draft;
        let key = key.as_deref();
        let place = key.and_then(|key| self.planned.known.find(key));
        let recorded = self.planned.meet(key.is_some(), place);
        match outcome {
            Outcome::Skipped => {
                self.planned.left_out(number, key, recorded);
                self.keep(number, key, Found::LeftOut);
            }
            Outcome::Invalid(errors) => {
                let errors = once(errors, &mut self.told);
                self.survey.row_findings.extend(errors);
                self.planned.push(number, key, ItemAction::Invalid, None);
                self.keep(number, key, Found::Unusable);
            }
            Outcome::Item(item) => self.item(number, &item, recorded)?,
        }
        Ok(())
    }

    /// Writes down what a row came to that has no item.
    fn keep(
        &mut self,
        number: u64,
        key: Option<&str>,
        found: fn(Option<Fingerprint>) -> Found<'static>,
    ) {
        if let Some(keeping) = &mut self.keeping {
            let salt = self.planned.surveyor.ledger.salt();
            let found = found(key.map(|key| salt.of(key)));
            keeping.row(CheckedRow { number, found });
        }
    }

    fn item(
        &mut self,
        number: u64,
        item: &Item,
        recorded: Option<RecordedItem>,
    ) -> Result<(), Fatal> {
        let (rows, ledger) = (self.planned.rows, self.planned.surveyor.ledger);
        let (flow, key) = (rows.flow, Some(item.key.as_str()));
        if let Some(conflict) = self.conflict(number, item) {
            for row in conflict.rows.into_iter().filter(|row| *row > 0) {
                self.survey
                    .refused
                    .insert((flow.name.clone(), row), conflict.diagnostic.clone());
                self.planned.plan.refuse(row);
            }
            self.survey.row_findings.push(conflict.diagnostic);
            self.planned.push(number, key, ItemAction::Invalid, None);
            return Ok(());
        }
        let print = item.fingerprint;
        let mut action = self.planned.action(self.survey, &item.key, recorded, print);
        // A flow that exists keeps the time that it was given, and one that takes its place has another.
        let is_sent = recorded.is_some_and(|recorded| recorded.sent);
        let is_new = action.is_work() && (!is_sent || action == ItemAction::Reissue);
        let moment = self.moment.filter(|_| is_new);
        if let Some(late) = moment.and_then(|moment| late(rows, item, number, moment)) {
            self.survey
                .refused
                .insert((flow.name.clone(), number), late.clone());
            let late = once(vec![late], &mut self.told);
            self.survey.row_findings.extend(late);
            action = ItemAction::Invalid;
        }
        let mut of_people = Calls::default();
        if action.is_work() {
            for account in item.accounts.values() {
                let is_first = self.unique.count(account);
                match self.people.see(account, is_first, self.nth, ledger)? {
                    Ok(op) => op.into_iter().for_each(|op| of_people.add(op, 1)),
                    Err(diagnostic) => {
                        self.survey.refuse(&flow.name, number, diagnostic);
                        action = ItemAction::Invalid;
                    }
                }
            }
        }
        let mut needs = Calls::default();
        if action.is_work() || self.keeping.is_some() {
            needs = calls(item);
        }
        if action.is_work() {
            self.planned.add_calls(action, &needs, 1);
        }
        self.planned.push(number, key, action, Some(print));
        if let Some(keeping) = &mut self.keeping {
            needs.add_all(&of_people);
            keeping.until(item.process.sign_validity);
            let found = Found::Item(&item.key, print, keeping.list(needs));
            keeping.row(CheckedRow { number, found });
        }
        Ok(())
    }

    fn conflict(&mut self, number: u64, item: &Item) -> Option<Conflict> {
        let sheet = self.planned.rows.sheet.as_ref()?;
        self.unique.see(item, number, sheet.header())
    }
}

/// So many rows are looked for together, on all cores.
const BATCH: usize = 4096;

/// Plans a flow by an earlier check of its rows. None is rendered but those of which more must be said than was kept.
pub(super) fn plan_checked(
    mut planned: Planned<'_, '_>,
    survey: &mut Survey<'_>,
    checked: &Checked,
) -> Result<FlowPlan, Fatal> {
    let mut sent: BTreeMap<(ItemAction, u16), u64> = BTreeMap::new();
    let mut again = Vec::new();
    let mut rows = checked.rows(&planned.rows.flow.name);
    loop {
        let batch: Vec<CheckedRow<'_>> = rows.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let known = &planned.known;
        let places = batch.par_iter().map(|row| match row.found {
            Found::Item(key, ..) => known.find(key),
            Found::LeftOut(key) | Found::Unusable(key) => known.find_print(key?),
        });
        let places: Vec<Option<usize>> = places.collect();
        for (CheckedRow { number, found }, place) in batch.into_iter().zip(places) {
            let at = planned.plan.rows.len();
            match found {
                Found::Item(key, print, list) => {
                    let recorded = planned.meet(true, place);
                    let action = planned.action(survey, key, recorded, print);
                    if action.is_work() {
                        *sent.entry((action, list)).or_default() += 1;
                    }
                    planned.push(number, Some(key), action, Some(print));
                }
                Found::LeftOut(key) => {
                    let recorded = planned.meet(key.is_some(), place);
                    if planned.left_out(number, None, recorded) != ItemAction::Skipped {
                        again.push(at);
                    }
                }
                Found::Unusable(key) => {
                    planned.meet(key.is_some(), place);
                    again.push(at);
                    planned.push(number, None, ItemAction::Invalid, None);
                }
            }
        }
    }
    for ((action, list), items) in sent {
        let calls = checked.list(list).into_iter().flat_map(Calls::iter);
        let calls = calls.map(|(op, count)| (op, count * items)).collect();
        planned.add_calls(action, &calls, items);
    }
    look_again(&mut planned, survey, &again)
        .map_err(|error| unreadable(planned.rows.flow, &error))?;
    planned.finish(survey)
}

/// Renders some rows, by their places: their keys are shown, and what is wrong with them is found.
fn look_again(
    planned: &mut Planned<'_, '_>,
    survey: &mut Survey<'_>,
    places: &[usize],
) -> std::io::Result<()> {
    if places.is_empty() {
        return Ok(());
    }
    let rows = planned.rows;
    let mut told = Vec::new();
    for (at, draft) in rows.drafts_of(|at| places.binary_search(&at).is_ok())? {
        let action = planned.plan.rows[at].action;
        if let Some(key) = &draft.key {
            let all = planned.surveyor.selection.show_all;
            planned.plan.show(key, action, Some(draft.number), all);
        }
        match draft.outcome {
            Outcome::Invalid(errors) => survey.row_findings.extend(once(errors, &mut told)),
            _ if action == ItemAction::Invalid => {
                survey.disbelieve();
                survey.refuse(&rows.flow.name, draft.number, usable(rows, draft.number));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is said of a row that could not be used when all were checked, and can be now.
fn usable(rows: &FlowRows<'_>, number: u64) -> Diagnostic {
    let error =
        Diagnostic::error("the row could not be used when all were checked, and can be now");
    let error = match &rows.sheet {
        Some(sheet) => error.at(sheet.header().cell(number, None)),
        None => error.at(&rows.flow.span),
    };
    error.hint("apply again: all rows are looked at then")
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
    fn meet(&mut self, has_key: bool, place: Option<usize>) -> Option<RecordedItem> {
        self.all_have_keys &= has_key;
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

    /// Takes a row that `where` leaves out, and tells what there is to say of it: what has no end yet is not out of the world
    /// because the row says that it is not wanted.
    fn left_out(
        &mut self,
        number: u64,
        key: Option<&str>,
        recorded: Option<RecordedItem>,
    ) -> ItemAction {
        let left = recorded.and_then(|recorded| vanish_action(OnVanish::Keep, recorded));
        let action = left.unwrap_or(ItemAction::Skipped);
        self.plan.push(number, key, action, None, false);
        action
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
    let error = Diagnostic::error(past(validity));
    let error = match &rows.sheet {
        Some(sheet) if declared.uses().row => {
            let column = declared.uses().columns.iter().next();
            let cell = sheet.header().cell(row, column.map(String::as_str));
            error.at(cell).related(declared.span(), "rendered here")
        }
        _ => error.at(declared.span()),
    };
    Some(error.hint(PAST))
}

/// What is said of a `signValidity` that is over …
pub(super) fn past(validity: i64) -> String {
    let shown = Timestamp::from_millisecond(validity).map_or(validity.to_string(), time::text);
    format!("signValidity is past: {shown}")
}

/// … and what to do.
pub(super) const PAST: &str =
    "it is the last moment for signing, in milliseconds since 1970: give one that comes";

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
