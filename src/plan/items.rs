//! A flow's rows → its plan: what is to be done with each item, and which rows cannot be used.

use jiff::Timestamp;

use super::error::Fatal;
use super::forecast::Calls;
use super::planned_run::Survey;
use super::planner::Planner;
use super::recorded_items::Known;
use super::removed_rows::removed;
use super::row_accounts::RowAccounts;
use crate::address::Address;
use crate::api::operation::Op;
use crate::api::time;
use crate::desired::{Conflict, DocumentSource, Duplicates, FlowRows, Item, Outcome, RenderedRow};
use crate::diagnostic::{Diagnostic, Place};
use crate::expr::Fingerprint;
use crate::ledger::{LedgerError, RecordedItem};
use crate::manifest::{Flow, OnVanish};
use crate::plan::diff::{FlowPlan, ItemAction, removed_row_action};

/// Renders and checks all rows of a flow, and plans them.
pub(crate) fn plan_flow(
    planned: Planned<'_, '_>,
    moment: Option<Timestamp>,
    survey: &mut Survey<'_>,
    people: &mut RowAccounts,
    duplicates: &mut Duplicates,
) -> Result<FlowPlan, Fatal> {
    let rows = planned.rows;
    duplicates.begin_flow(rows.flow, rows.expected_rows());
    let mut looking = Looking {
        moment,
        nth: survey.plan.flows.len(),
        survey,
        people,
        duplicates,
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
    duplicates: &'l mut Duplicates,
    /// What is wrong with the manifests and was told.
    told: Vec<Diagnostic>,
}

impl Looking<'_, '_, '_, '_> {
    fn take(&mut self, draft: RenderedRow) -> Result<(), Fatal> {
        let RenderedRow {
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
            }
            Outcome::Invalid(errors) => {
                let errors = once(errors, &mut self.told);
                self.survey.row_findings.extend(errors);
                self.planned.push(number, key, ItemAction::Invalid, None);
            }
            Outcome::Item(item) => self.item(number, &item, recorded)?,
        }
        Ok(())
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
        if action.is_work() {
            for account in item.accounts.values() {
                let is_first = self.duplicates.mark_used(account);
                if let Err(diagnostic) = self.people.see(account, is_first, self.nth, ledger)? {
                    self.survey.refuse(&flow.name, number, diagnostic);
                    action = ItemAction::Invalid;
                }
            }
        }
        if action.is_work() {
            self.planned.add_calls(action, &calls(item));
        }
        self.planned.push(number, key, action, Some(print));
        Ok(())
    }

    fn conflict(&mut self, number: u64, item: &Item) -> Option<Conflict> {
        let sheet = self.planned.rows.sheet.as_ref()?;
        self.duplicates.check(item, number, sheet.header())
    }
}

/// A flow's plan while its rows are taken.
pub(crate) struct Planned<'p, 'a> {
    rows: &'p FlowRows<'a>,
    surveyor: &'p Planner<'a>,
    known: Known,
    all_have_keys: bool,
    plan: FlowPlan,
}

impl<'p, 'a> Planned<'p, 'a> {
    /// No row is taken yet; `known` is what is recorded of the flow.
    pub(crate) fn new(rows: &'p FlowRows<'a>, surveyor: &'p Planner<'a>, known: Known) -> Self {
        let mut plan = FlowPlan::new(&rows.flow.name);
        plan.rows.reserve_exact(rows.expected_rows());
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

    /// Adds a row that `where` leaves out. An item that was begun and has not ended is still reported.
    fn left_out(&mut self, number: u64, key: Option<&str>, recorded: Option<RecordedItem>) {
        let left = recorded.and_then(|recorded| removed_row_action(OnVanish::Keep, recorded));
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

    /// Adds the calls of an item that is sent.
    fn add_calls(&mut self, action: ItemAction, calls: &Calls) {
        self.plan.calls.add_all(calls);
        if action == ItemAction::Reissue {
            self.plan.calls.add(Op::Revoke, 1);
        }
    }

    /// Adds what all rows share, and items whose rows are gone.
    fn finish(mut self, survey: &mut Survey<'_>) -> Result<FlowPlan, Fatal> {
        add_attachments(self.rows.flow, &mut self.plan);
        removed(
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
pub(crate) fn past(validity: i64) -> String {
    let shown = Timestamp::from_millisecond(validity).map_or(validity.to_string(), time::text);
    format!("signValidity is past: {shown}")
}

/// … and what to do.
pub(crate) const PAST: &str =
    "it is the last moment for signing, in milliseconds since 1970: give one that comes";

/// A sheet that could be opened, and not read to its end.
pub(crate) fn unreadable(flow: &Flow, error: &std::io::Error) -> LedgerError {
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
        calls.add(signer.kind.operation(several), 1);
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
