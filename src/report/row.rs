//! One row of a report: how its item stands, by plan and ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::flow::FlowReport;
use crate::api::SignStatus;
use crate::diagnostic::Diagnostic;
use crate::ledger::{
    Failure, ItemRecord, ItemStatus, ItemWithSteps, LedgerError, RawStep, SignState,
};
use crate::plan::ItemAction;

/// How an item stands, as reports say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All that apply can do now is done.
    Done,
    /// Somebody is still to sign.
    Waiting,
    /// It failed, or was not begun.
    Failed,
    /// Whether a call was carried out is not known.
    InDoubt,
    /// It was sent before, as it is.
    Unchanged,
    /// It was not meant.
    Skipped,
    /// All have signed, and the flow is archived.
    Finished,
    /// Somebody refused.
    Rejected,
    /// Its time ran out.
    Expired,
    /// It was ended before all had signed.
    Revoked,
}

impl Status {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Finished => "finished",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// How many items stand how.
pub type Counts = BTreeMap<Status, u64>;

/// What a report says of an item, beside the sheet's own cells.
#[derive(Debug, Default)]
pub(super) struct ItemDetails {
    pub(super) failure: Option<Failure>,
    /// What is recorded; none of an item that was never begun.
    pub(super) record: Option<ItemRecord>,
    /// By name.
    steps: Vec<StepDetails>,
}

/// A step, as far as a report tells of it.
#[derive(Debug)]
struct StepDetails {
    name: String,
    state: State,
    sign: Option<SignState>,
}

#[derive(Debug)]
enum State {
    /// It waits for others to have signed.
    Waits,
    /// The call may have gone out.
    Begun,
    /// What it answered.
    Answered(serde_json::Value),
}

impl StepDetails {
    fn read(step: RawStep) -> Result<Self, LedgerError> {
        let state = match step.receipt {
            None if step.has_deferral && !step.begun => State::Waits,
            None => State::Begun,
            Some(receipt) => State::Answered(serde_json::from_str(&receipt).map_err(|error| {
                LedgerError::Broken {
                    path: String::new(),
                    why: format!("what {} answered cannot be read: {error}", step.name),
                }
            })?),
        };
        Ok(Self {
            name: step.name,
            state,
            sign: step.sign,
        })
    }
}

/// A step of an item, if it has one of that name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'a> {
    step: Option<&'a StepDetails>,
    of: &'a ItemDetails,
}

/// What to do about items that the run did not begin.
const APPLY_AGAIN: &str = "apply again";

/// How the item of a row stands, by what is known of it; `wrong` is what keeps the row from being used.
pub(super) fn stand(
    report: &FlowReport<'_>,
    known: Option<ItemWithSteps>,
    action: ItemAction,
    wrong: &[Diagnostic],
) -> Result<(Status, ItemDetails), LedgerError> {
    let plain = |status, failure| {
        let said = ItemDetails {
            failure,
            ..ItemDetails::default()
        };
        Ok((status, said))
    };
    match action {
        ItemAction::Skipped | ItemAction::Excluded => return plain(Status::Skipped, None),
        _ => {}
    }
    let not_begun = match action {
        ItemAction::Invalid => told(wrong),
        _ => failure(report.not_begun, APPLY_AGAIN),
    };
    let Some(ItemWithSteps { record, steps }) = known else {
        return plain(Status::Failed, Some(not_begun));
    };
    let (status, failure) = match action {
        // What was sent before is told all the same.
        ItemAction::Invalid => (Status::Failed, Some(not_begun)),
        _ => status(action, &record, report.run, not_begun, report.signing),
    };
    let steps = steps.into_iter().map(StepDetails::read);
    let said = ItemDetails {
        failure,
        record: Some(record),
        steps: steps.collect::<Result<_, _>>()?,
    };
    Ok((status, said))
}

/// How an item stands by the ledger alone, and why, unless it is well.
pub fn recorded(record: &ItemRecord) -> (Status, Option<Failure>) {
    let not_begun = failure("not begun: the run ended before", APPLY_AGAIN);
    status(ItemAction::Resume, record, record.run, not_begun, true)
}

fn status(
    action: ItemAction,
    record: &ItemRecord,
    run: i64,
    not_begun: Failure,
    signing: bool,
) -> (Status, Option<Failure>) {
    match action {
        ItemAction::Revoke if record.status != ItemStatus::Revoked => {
            let why = record.failure.clone().unwrap_or(not_begun);
            let doubt = record.status == ItemStatus::InDoubt;
            let status = if doubt {
                Status::InDoubt
            } else {
                Status::Failed
            };
            return (status, Some(why));
        }
        ItemAction::Orphaned => {
            let message = "it was cut off while it was being sent, and its row is no longer in the sheet, or left out by where";
            let hint = "put the row back and apply again; or end it with onVanish: revoke";
            return (Status::Failed, Some(failure(message, hint)));
        }
        ItemAction::Unchanged | ItemAction::Kept
            if !signing && record.failure.is_none() && record.status.is_sent_and_unfinished() =>
        {
            return (Status::Unchanged, None);
        }
        ItemAction::Changed => {
            let hint = match record.status {
                ItemStatus::Revoked => {
                    "put the row back as it was; to send it anew, give it a new key"
                }
                _ => "put the row back as it was, or say onChange: keep or reissue in the flow",
            };
            let differs = failure("the row differs from what was sent", hint);
            // How far the contract is that was sent is told all the same: nobody may take it for one that was not.
            let (own, _) = status(ItemAction::Kept, record, run, not_begun, signing);
            let is_sent = record.status.is_sent() && signing;
            return (if is_sent { own } else { Status::Failed }, Some(differs));
        }
        ItemAction::InDoubt => return (Status::InDoubt, record.failure.clone()),
        _ => {}
    }
    match record.status {
        // Going on with it has failed, or it was not as it should be.
        ItemStatus::Waiting | ItemStatus::Finished if record.failure.is_some() => {
            (Status::Failed, record.failure.clone())
        }
        ItemStatus::Waiting if signing => (Status::Waiting, None),
        ItemStatus::Done | ItemStatus::Waiting => (Status::Done, None),
        ItemStatus::Finished => (Status::Finished, None),
        ItemStatus::Rejected => (Status::Rejected, record.failure.clone()),
        ItemStatus::Expired => (Status::Expired, record.failure.clone()),
        ItemStatus::Revoked => (Status::Revoked, record.failure.clone()),
        ItemStatus::InDoubt => (Status::InDoubt, record.failure.clone()),
        ItemStatus::Failed if record.run == run => (Status::Failed, record.failure.clone()),
        ItemStatus::Open if record.sent => {
            let cut_off = failure(
                "the run ended while somebody was being asked to sign",
                "apply again: it is looked up before anything is sent",
            );
            let why = record.failure.clone().unwrap_or(cut_off);
            (Status::InDoubt, Some(why))
        }
        ItemStatus::Failed | ItemStatus::Open => (Status::Failed, Some(not_begun)),
    }
}

fn failure(message: &str, hint: &str) -> Failure {
    Failure {
        code: None,
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

/// All that is wrong with a row, in one cell.
fn told(wrong: &[Diagnostic]) -> Failure {
    let each = wrong.iter().map(|diagnostic| match &diagnostic.place {
        Some(crate::diagnostic::Place::Cell(crate::diagnostic::Cell {
            column: Some((column, _)),
            ..
        })) => {
            format!("{column}: {}", diagnostic.message)
        }
        _ => diagnostic.message.clone(),
    });
    let hints: Vec<&str> = wrong
        .iter()
        .filter_map(|diagnostic| diagnostic.hint.as_deref())
        .collect();
    Failure {
        code: None,
        message: each.collect::<Vec<_>>().join("; "),
        hint: hints.join("; "),
    }
}

impl ItemDetails {
    /// The code, the words and the hint of what failed; empty where nothing did.
    pub(super) fn failed(&self) -> [String; 3] {
        let Some(failure) = &self.failure else {
            return Default::default();
        };
        let code = failure.code.map_or(String::new(), |code| code.to_string());
        [code, failure.message.clone(), failure.hint.clone()]
    }

    /// The step of a name.
    pub(super) fn step(&self, name: &str) -> Answered<'_> {
        self.found(|step| step.name == name)
    }

    /// The step of a signer.
    pub(super) fn signer(&self, begin: &str, name: &str) -> Answered<'_> {
        self.found(|step| step.name.strip_prefix(begin) == Some(name))
    }

    fn found(&self, is: impl Fn(&StepDetails) -> bool) -> Answered<'_> {
        Answered {
            step: self.steps.iter().find(|step| is(step)),
            of: self,
        }
    }

    /// The texts that a step, or several whose names begin so, answered; joined by `;`.
    pub(super) fn answers(&self, step: &str, name: &str) -> String {
        let own = |other: &&StepDetails| {
            let rest = other.name.strip_prefix(step);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let answered = |step| Answered {
            step: Some(step),
            of: self,
        };
        let all: Vec<&str> = self
            .steps
            .iter()
            .filter(own)
            .map(|step| answered(step).answer(name))
            .filter(|text| !text.is_empty())
            .collect();
        all.join(";")
    }

    /// Whether its flow has ended before all had signed.
    fn is_over(&self) -> bool {
        let record = self.record.as_ref();
        record.is_some_and(|record| record.status.has_ended())
    }

    fn is(&self, status: ItemStatus) -> bool {
        self.record.as_ref().map(|record| record.status) == Some(status)
    }
}

impl<'a> Answered<'a> {
    /// What it answered.
    fn receipt(self) -> Option<&'a serde_json::Value> {
        match &self.step?.state {
            State::Answered(receipt) => Some(receipt),
            State::Waits | State::Begun => None,
        }
    }

    /// A text that it answered.
    pub(super) fn answer(self, name: &str) -> &'a str {
        let value = self.receipt().and_then(|receipt| receipt.get(name));
        value.and_then(|value| value.as_str()).unwrap_or_default()
    }

    /// A text of each thing in the list that it answered; joined by `;`.
    pub(super) fn listed(self, name: &str) -> String {
        let list = self.receipt().and_then(|receipt| receipt.as_array());
        let texts = list.into_iter().flatten();
        let texts: Vec<&str> = texts.filter_map(|one| one.get(name)?.as_str()).collect();
        texts.join(";")
    }

    /// How the signer stands whose step it is: as the flow's details said when they were asked for last, or as his call
    /// was answered.
    pub(super) fn status(self) -> &'static str {
        let Some(step) = self.step else {
            return "";
        };
        match (&step.state, &step.sign) {
            (State::Answered(_), Some(sign)) => match sign.status {
                // Nobody can sign any more.
                SignStatus::Pending | SignStatus::Signing if self.of.is_over() => "ended",
                SignStatus::Pending => "waiting",
                SignStatus::Signing => "signing",
                SignStatus::Signed => "signed",
                SignStatus::Ended if self.of.is(ItemStatus::Rejected) => "rejected",
                SignStatus::Ended => "ended",
                SignStatus::Withdrawn => "withdrawn",
            },
            // Who is asked has a page to sign on; for who is not the service signs, and when it has is not known yet (5.9.1).
            (State::Answered(receipt), None) if receipt.get("signUrl").is_some() => {
                if self.of.is_over() {
                    "ended"
                } else {
                    "waiting"
                }
            }
            (State::Answered(_), None) => "signing",
            (State::Begun, _) => "in_doubt",
            // He is asked once others have signed.
            (State::Waits, _) => "",
        }
    }

    /// When the signer signed or refused, as the API says it.
    pub(super) fn time(self) -> &'a str {
        let sign = self.step.and_then(|step| step.sign.as_ref());
        let time = sign.and_then(|sign| sign.time.as_deref());
        time.unwrap_or_default()
    }
}
