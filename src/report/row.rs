//! Determines the status and the details of a report row from the plan and the ledger.

use super::flow_report::FlowReport;
use super::record_status::{APPLY_AGAIN, contract_status, failure, record_status, with_end};
use super::status::Status;
use crate::address::{AccountId, DocId, FlowId};
use crate::api::SignStatus;
use crate::diagnostic::{Diagnostic, Place};
use crate::ledger::{
    DownloadedFile, Failure, ItemRecord, ItemStatus, ItemWithSteps, LedgerError, RawStep, Receipt,
    SignState, step_name,
};
use crate::plan::ItemAction;
use crate::sheet::Row;
use crate::util::link;

/// One row of a report.
pub(super) struct ReportRow {
    /// The row number in the sheet, from 1 if there is no sheet; `None` for an item without a row.
    pub(super) number: Option<u64>,
    /// The cells of the sheet; `None` if the row differs from the recorded item.
    pub(super) cells: Option<Row>,
    /// The key of the item, if known.
    pub(super) key: Option<String>,
    /// The planned action.
    pub(super) action: ItemAction,
    pub(super) status: Status,
    pub(super) details: ItemDetails,
    /// The row of the sheet, if it differs from the recorded item: another person may have its key.
    pub(super) differing: Option<DifferingRow>,
    /// The errors of single cells of the row.
    pub(super) cell_errors: Vec<CellError>,
}

/// The error of a cell.
#[derive(Debug, Clone)]
pub(super) struct CellError {
    /// The index of the column in the sheet.
    pub(super) column: usize,
    /// The message and the hint.
    pub(super) text: String,
}

/// The row of the table of failed rows.
pub(super) struct FailedRow<'a> {
    /// The row number.
    pub(super) number: u64,
    /// The cells of the row.
    pub(super) cells: Option<&'a Row>,
    /// The code, the message and the hint of the failure.
    pub(super) failure: [String; 3],
}

/// A row that differs from the recorded item with its key. Only the table of failed rows has its
/// cells, because that table has no data of the recorded item.
pub(super) struct DifferingRow {
    /// The row number.
    pub(super) number: u64,
    /// The cells.
    cells: Option<Row>,
    /// The error of this row. The recorded error belongs to the row that was sent.
    failure: Failure,
    /// Whether the difference is known: the run was to send this version, or the flow keeps the
    /// earlier one (`onChange`).
    pub(super) is_expected: bool,
}

impl DifferingRow {
    /// Creates the differing row of an item with these details. `is_attempted`: the run was to send
    /// this version of the row, so the recorded error belongs to it.
    pub(super) fn new(
        number: u64,
        cells: Option<Row>,
        details: &ItemDetails,
        is_attempted: bool,
        is_expected: bool,
    ) -> Self {
        let recorded = details.record.as_ref();
        let recorded = recorded.and_then(|record| record.failure.as_ref());
        let own = details.failure.clone();
        let own = own.filter(|failure| is_attempted || Some(failure) != recorded);
        let changed = || {
            failure(
                t_key!(
                    "the row has changed since a run worked on it, and was not sent in this version"
                ),
                APPLY_AGAIN,
            )
        };
        Self {
            number,
            cells,
            failure: own.unwrap_or_else(changed),
            is_expected: is_attempted || is_expected,
        }
    }
}

impl ReportRow {
    /// Returns whether an earlier contract of the row exists, and the row was not used as it is now:
    /// it is invalid, differs from what was sent, or could not be sent again.
    pub(super) fn is_unused(&self) -> bool {
        use Status::{Failed, InDoubt, Interrupted};
        let failure = self.details.failure.as_ref();
        let is_refused = matches!(self.action, ItemAction::Invalid | ItemAction::Changed)
            || failure.is_some_and(Failure::is_not_sent_again);
        is_refused && !matches!(self.status, Failed | InDoubt | Interrupted)
    }

    /// Returns the row of the table of failed rows; `None` without a row, and if it did not fail and
    /// was used.
    pub(super) fn failed_row(&self) -> Option<FailedRow<'_>> {
        if self.status != Status::Failed && !self.is_unused() {
            return None;
        }
        match &self.differing {
            Some(row) => Some(FailedRow {
                number: row.number,
                cells: row.cells.as_ref(),
                failure: failure_texts(&row.failure),
            }),
            None => self.number.map(|number| FailedRow {
                number,
                cells: self.cells.as_ref(),
                failure: self.details.failure_texts(),
            }),
        }
    }
}

/// Returns the errors that belong to single cells of the row `number`.
pub(super) fn cell_errors(diagnostics: &[Diagnostic], number: u64) -> Vec<CellError> {
    let of = |diagnostic: &Diagnostic| {
        let related = diagnostic.related.iter().map(|(place, _)| place);
        let mut places = diagnostic.place.iter().chain(related);
        let column = places.find_map(|place| match place {
            Place::Cell(cell) if cell.row == number => cell.column.as_ref(),
            _ => None,
        });
        let (_, column) = column?;
        let hint = diagnostic.hint.as_deref().unwrap_or_default();
        let text = [&*diagnostic.message, hint].join("\n");
        Some(CellError {
            column: *column,
            text: text.trim_end().to_owned(),
        })
    };
    diagnostics.iter().filter_map(of).collect()
}

/// The result of an item, which a report shows beside the cells of the sheet.
#[derive(Debug, Default)]
pub(super) struct ItemDetails {
    /// The error, if the item failed or ended early.
    pub(super) failure: Option<Failure>,
    /// The recorded item; `None` if it was never begun.
    pub(super) record: Option<ItemRecord>,
    steps: Vec<StepDetails>,
}

/// A recorded step.
#[derive(Debug)]
struct StepDetails {
    name: String,
    state: StepState,
    sign: Option<SignState>,
}

#[derive(Debug)]
enum StepState {
    /// The step waits until other signers have signed.
    Deferred,
    /// The request may have been sent; there is no receipt.
    Sent,
    Completed(Receipt),
}

impl StepDetails {
    /// Parses the receipt of a step.
    fn parse(step: RawStep) -> Result<Self, LedgerError> {
        let state = match step.receipt {
            None if step.has_deferral && !step.begun => StepState::Deferred,
            None => StepState::Sent,
            Some(receipt) => {
                let json = serde_json::from_str(&receipt).map_err(|error| LedgerError::Broken {
                    path: String::new(),
                    why: t!(
                        "the receipt of %{step} cannot be read: %{error}",
                        step = step.name,
                        error = error
                    )
                    .into_owned(),
                })?;
                StepState::Completed(Receipt::from_json(&json))
            }
        };
        Ok(Self {
            name: step.name,
            state,
            sign: step.sign,
        })
    }

    fn receipt(&self) -> Option<&Receipt> {
        match &self.state {
            StepState::Completed(receipt) => Some(receipt),
            StepState::Deferred | StepState::Sent => None,
        }
    }
}

/// A signer of an item; empty if the item has no step that adds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignerView<'a> {
    step: Option<&'a StepDetails>,
    item: &'a ItemDetails,
}

/// Determines the status and the details of an item.
///
/// `recorded` is the recorded item, `diagnostics` are the errors of the row.
///
/// # Errors
/// [`LedgerError`] if a receipt cannot be parsed.
pub(super) fn classify(
    report: &FlowReport<'_>,
    recorded: Option<ItemWithSteps>,
    action: ItemAction,
    diagnostics: &[Diagnostic],
) -> Result<(Status, ItemDetails), LedgerError> {
    let without_record = |status, failure| {
        let details = ItemDetails {
            failure,
            ..ItemDetails::default()
        };
        Ok((status, details))
    };
    match action {
        ItemAction::Skipped | ItemAction::Excluded => {
            return without_record(Status::Excluded, None);
        }
        _ => {}
    }
    let default_failure = match action {
        ItemAction::Invalid if diagnostics.is_empty() => failure(
            t_key!("the row was refused when the plan was made"),
            APPLY_AGAIN,
        ),
        ItemAction::Invalid => joined_failure(diagnostics),
        ItemAction::Unplanned => failure(
            t_key!("the row was added, changed or moved after the plan was made"),
            APPLY_AGAIN,
        ),
        _ => failure(report.unstarted_message, APPLY_AGAIN),
    };
    let Some(ItemWithSteps { record, steps }) = recorded else {
        let status = match action {
            ItemAction::Invalid => Status::Failed,
            _ => Status::NotStarted,
        };
        return without_record(status, Some(default_failure));
    };
    let (status, failure) = match action {
        // An invalid row keeps the details of the item that was sent earlier.
        ItemAction::Invalid => {
            let status = contract_status(&record, report.run, report.signing);
            (status, Some(with_end(&record, default_failure)))
        }
        _ => record_status(action, &record, report.run, default_failure, report.signing),
    };
    let steps = steps.into_iter().map(StepDetails::parse);
    let details = ItemDetails {
        failure,
        record: Some(record),
        steps: steps.collect::<Result<_, _>>()?,
    };
    Ok((status, details))
}

/// Returns the code, the message and the hint of a failure.
fn failure_texts(failure: &Failure) -> [String; 3] {
    let code = failure.code.map_or(String::new(), |code| code.to_string());
    [code, failure.message.clone(), failure.hint.clone()]
}

/// Joins the errors of a row into one failure.
fn joined_failure(diagnostics: &[Diagnostic]) -> Failure {
    let each = diagnostics
        .iter()
        .map(|diagnostic| match &diagnostic.place {
            Some(crate::diagnostic::Place::Cell(crate::diagnostic::Cell {
                column: Some((column, _)),
                ..
            })) if !diagnostic.message.starts_with(&**column) => {
                format!("{column}: {}", diagnostic.message)
            }
            _ => diagnostic.message.clone(),
        });
    let mut hints: Vec<&str> = Vec::new();
    for hint in diagnostics.iter().filter_map(|error| error.hint.as_deref()) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    Failure {
        code: None,
        message: each.collect::<Vec<_>>().join("; "),
        hint: hints.join("; "),
    }
}

impl ItemDetails {
    /// Returns the code, the message and the hint of the failure; empty texts if there is none.
    pub(super) fn failure_texts(&self) -> [String; 3] {
        let Some(failure) = &self.failure else {
            return Default::default();
        };
        failure_texts(failure)
    }

    /// Returns the signer with a name.
    pub(super) fn signer(&self, name: &str) -> SignerView<'_> {
        let is_own = |step: &&StepDetails| step_name::signer_name(&step.name) == Some(name);
        SignerView {
            step: self.steps.iter().find(is_own),
            item: self,
        }
    }

    /// Returns the id of the flow; empty if it was not created.
    pub(super) fn flow_id(&self) -> &str {
        let process = self.receipt(step_name::PROCESS);
        let flow_id = process.and_then(|receipt| receipt.flow_id.as_ref());
        flow_id.map_or("", FlowId::as_str)
    }

    /// Returns the ids of the documents, joined by `;`.
    pub(super) fn doc_ids(&self) -> String {
        let steps = self.steps.iter();
        let documents = steps.filter(|step| step_name::is_document(&step.name));
        let ids = documents.filter_map(|step| step.receipt()?.doc_id.as_ref());
        let ids: Vec<&str> = ids.map(DocId::as_str).filter(|id| !id.is_empty()).collect();
        ids.join(";")
    }

    /// Returns the paths of the downloaded files, relative to the project.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let files = self.downloaded().iter();
        files.filter_map(|file| file.path.as_deref())
    }

    /// Returns the paths of the downloaded files, joined by `;`.
    pub(super) fn file_paths(&self) -> String {
        self.files().collect::<Vec<_>>().join(";")
    }

    /// Returns the SHA-256 digests of the downloaded files, joined by `;`.
    pub(super) fn file_digests(&self) -> String {
        let files = self.downloaded().iter();
        let digests = files.filter_map(|file| file.sha256.as_deref());
        digests.collect::<Vec<_>>().join(";")
    }

    fn downloaded(&self) -> &[DownloadedFile] {
        let receipt = self.receipt(step_name::DOWNLOAD);
        receipt.map_or(&[], |receipt| &receipt.files)
    }

    /// Returns the receipt of the step with a name.
    fn receipt(&self, name: &str) -> Option<&Receipt> {
        self.steps.iter().find(|step| step.name == name)?.receipt()
    }

    /// Returns whether the flow ended without all signatures.
    fn has_ended_early(&self) -> bool {
        let record = self.record.as_ref();
        record.is_some_and(|record| record.status.has_ended())
    }

    fn has_status(&self, status: ItemStatus) -> bool {
        self.record.as_ref().map(|record| record.status) == Some(status)
    }
}

impl<'a> SignerView<'a> {
    /// Returns the account of the signer; empty if it is unknown.
    pub(super) fn account_id(self) -> &'a str {
        self.text(|receipt| receipt.account_id.as_ref().map(AccountId::as_str))
    }

    /// Returns the signing link; empty if there is none.
    pub(super) fn sign_url(self) -> &'a str {
        self.text(|receipt| receipt.sign_url.as_deref())
    }

    /// Returns the short signing link; empty if there is none.
    pub(super) fn sign_short_url(self) -> &'a str {
        self.text(|receipt| receipt.sign_short_url.as_deref())
    }

    /// Returns whether one of the links is not safe to open.
    pub(super) fn has_odd_link(self) -> bool {
        let mut links = [self.sign_url(), self.sign_short_url()].into_iter();
        links.any(link::is_odd)
    }

    fn text(self, field: impl Fn(&'a Receipt) -> Option<&'a str>) -> &'a str {
        let receipt = self.step.and_then(StepDetails::receipt);
        receipt.and_then(field).unwrap_or_default()
    }

    /// Returns the status: the signing state of the last poll, otherwise the state after the
    /// request that added the signer.
    pub(super) fn signer_status(self) -> &'static str {
        let Some(step) = self.step else {
            return "";
        };
        match (&step.state, &step.sign) {
            (StepState::Completed(_), Some(sign)) => match sign.status {
                // An ended flow cannot be signed.
                SignStatus::Pending | SignStatus::Signing if self.item.has_ended_early() => {
                    t_key!("ended")
                }
                SignStatus::Pending => "waiting",
                SignStatus::Signing => t_key!("signing"),
                SignStatus::Signed => "signed",
                SignStatus::Ended if self.item.has_status(ItemStatus::Rejected) => "rejected",
                SignStatus::Ended => "ended",
                SignStatus::Withdrawn => t_key!("withdrawn"),
            },
            // A signer who is asked has a sign link. Without one the service signs, at an unknown
            // time (5.9.1).
            (StepState::Completed(receipt), None) if receipt.sign_url.is_some() => {
                if self.item.has_ended_early() {
                    "ended"
                } else {
                    "waiting"
                }
            }
            (StepState::Completed(_), None) => "signing",
            (StepState::Sent, _) => "in_doubt",
            // The signer is asked after other signers.
            (StepState::Deferred, _) => "",
        }
    }

    /// Returns when the signer signed or refused, in the format of the API; empty if unknown.
    pub(super) fn signer_time(self) -> &'a str {
        let sign = self.step.and_then(|step| step.sign.as_ref());
        let time = sign.and_then(|sign| sign.time.as_deref());
        time.unwrap_or_default()
    }
}
