//! The columns of the tables of a flow, and the cells of a row: the same in every format.

use std::borrow::Cow;

use super::flow_report::FlowReport;
use super::row::ReportRow;
use crate::api::time;
use crate::ledger::ItemRecord;
use crate::sheet::{CHECK_COLUMN, REPORT_PREFIX as PREFIX, Row, report_title, signer_title};
use crate::util::escape::escaped;
use crate::util::link;

/// The columns before those of the signers.
const COMMON: [&str; 10] = [
    "treaty_key",
    "treaty_status",
    "treaty_action",
    "treaty_doc_id",
    "treaty_flow_id",
    "treaty_error_code",
    "treaty_error",
    "treaty_hint",
    "treaty_attempts",
    "treaty_contract_number",
];
/// The columns of each signer, without prefix and signer name.
const SIGNER: [&str; 5] = [
    "account_id",
    "sign_url",
    "sign_short_url",
    "status",
    "sign_time",
];
/// The columns after those of the signers.
const LAST: [&str; 5] = [
    "treaty_sent_at",
    "treaty_ended_at",
    "treaty_file",
    "treaty_sha256",
    CHECK_COLUMN,
];
/// Treaty's columns of the table of failed rows.
const FAILED: [&str; 7] = [
    "treaty_key",
    "treaty_row",
    "treaty_status",
    "treaty_error_code",
    "treaty_error",
    "treaty_hint",
    CHECK_COLUMN,
];

/// A column of treaty.
pub(super) struct TreatyColumn {
    /// The content of the column.
    pub(super) kind: ColumnKind,
    /// The title in the language of the report.
    pub(super) title: String,
}

/// The content of a column of treaty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// The status of an item or a signer.
    Status,
    /// An error or a hint.
    Message,
    Other,
}

impl TreatyColumn {
    fn new(name: &str) -> Self {
        Self {
            kind: match name {
                "treaty_status" => ColumnKind::Status,
                "treaty_error" | "treaty_hint" => ColumnKind::Message,
                _ => ColumnKind::Other,
            },
            title: report_title(name).to_owned(),
        }
    }

    fn of_signer(signer: &str, name: &str) -> Self {
        Self {
            kind: match name {
                "status" => ColumnKind::Status,
                _ => ColumnKind::Other,
            },
            title: signer_title(signer, name),
        }
    }
}

/// The columns of the tables of a flow.
pub(super) struct TableColumns {
    /// The indexes in the sheet of the columns that the tables repeat.
    indexes: Vec<usize>,
    /// The names of these columns.
    pub(super) own: Vec<String>,
    /// Treaty's columns of the table of all rows.
    pub(super) results: Vec<TreatyColumn>,
    /// Treaty's columns of the table of failed rows.
    pub(super) failed: Vec<TreatyColumn>,
}

impl TableColumns {
    /// Returns the columns of a flow. Treaty's columns of a sheet that is an earlier report are left
    /// out.
    pub(super) fn of(report: &FlowReport<'_>) -> Self {
        let sheet = report.rows.and_then(|rows| rows.sheet.as_ref());
        let header = sheet.map_or(&[][..], |sheet| sheet.header().columns());
        let indexes: Vec<usize> = (0..header.len())
            .filter(|at| !header[*at].starts_with(PREFIX))
            .collect();
        let signers = report.signers.iter();
        let of_signers = signers.flat_map(|signer| SIGNER.map(|name| (signer, name)));
        let of_signers = of_signers.map(|(signer, name)| TreatyColumn::of_signer(signer, name));
        let common = COMMON.iter().map(|name| TreatyColumn::new(name));
        let last = LAST.iter().map(|name| TreatyColumn::new(name));
        Self {
            own: indexes.iter().map(|at| header[*at].to_string()).collect(),
            indexes,
            results: common.chain(of_signers).chain(last).collect(),
            failed: FAILED.iter().map(|name| TreatyColumn::new(name)).collect(),
        }
    }

    /// Returns the position in the tables of a column of the sheet.
    pub(super) fn position(&self, column: usize) -> Option<usize> {
        self.indexes.iter().position(|index| *index == column)
    }

    /// Returns the cells of a row of the table of all rows.
    pub(super) fn result_cells<'a>(
        &'a self,
        report: &'a FlowReport<'_>,
        row: &'a ReportRow,
    ) -> impl Iterator<Item = Cow<'a, str>> {
        let own = self.sheet_cells(row.cells.as_ref());
        own.chain(treaty_cells(report, row).map(own_cell))
    }

    /// Returns the cells of a row of the table of failed rows; `None` if the row did not fail.
    pub(super) fn failed_cells<'a>(
        &'a self,
        report: &'a FlowReport<'_>,
        row: &'a ReportRow,
    ) -> Option<impl Iterator<Item = Cow<'a, str>>> {
        let failed = row.failed_row()?;
        let [code, error, hint] = failed.failure;
        let treaty = [
            Cow::Borrowed(row.key.as_deref().unwrap_or_default()),
            failed.number.to_string().into(),
            row.status.label(),
            code.into(),
            error.into(),
            hint.into(),
            check_values(report, failed.cells, row.key.as_deref()).into(),
        ];
        Some(self.sheet_cells(failed.cells).chain(treaty.map(own_cell)))
    }

    /// Returns the cells of a row in the columns of the sheet; empty cells without a row.
    fn sheet_cells<'a>(&'a self, row: Option<&'a Row>) -> impl Iterator<Item = Cow<'a, str>> {
        let cell = move |at: &usize| row.and_then(|row| row.at(*at)).unwrap_or_default();
        self.indexes.iter().map(cell).map(Cow::Borrowed)
    }
}

/// Returns a cell of treaty, which may contain text of the service, with unsafe characters escaped.
pub(super) fn own_cell(cell: Cow<'_, str>) -> Cow<'_, str> {
    match escaped(&cell) {
        Cow::Owned(escaped) => Cow::Owned(escaped),
        Cow::Borrowed(_) => cell,
    }
}

/// Returns the name of a signer status in the language of the report.
fn status_label(status: &'static str) -> Cow<'static, str> {
    if status.is_empty() {
        return Cow::Borrowed(status);
    }
    t!(status)
}

/// Returns the check values of the cells of a row, which tell whether a spreadsheet changed them.
fn check_values(report: &FlowReport<'_>, row: Option<&Row>, key: Option<&str>) -> String {
    let values = report
        .rows
        .zip(row)
        .map(|(rows, row)| rows.check_values(row, key));
    values.unwrap_or_default()
}

/// Returns the cells of treaty's columns.
fn treaty_cells<'a>(
    report: &'a FlowReport<'_>,
    row: &'a ReportRow,
) -> impl Iterator<Item = Cow<'a, str>> {
    let details = &row.details;
    let item = details.record.as_ref();
    let [code, error, hint] = details.failure_texts().map(Cow::Owned);
    let attempts = item.map_or(String::new(), |item| item.attempts.to_string());
    let number = item.map_or(String::new(), |item| item.contract_number().to_string());
    let common = [
        row.key.as_deref().unwrap_or_default().into(),
        row.status.label(),
        row.action.label(),
        details.doc_ids().into(),
        details.flow_id().into(),
        code,
        error,
        hint,
        attempts.into(),
        number.into(),
    ];
    let signers = report.signers.iter().flat_map(move |name| {
        let signer = details.signer(name);
        [
            signer.account_id().into(),
            link::shown(signer.sign_url()).into(),
            link::shown(signer.sign_short_url()).into(),
            status_label(signer.signer_status()),
            signer.signer_time().into(),
        ]
    });
    let moment = |at: Option<jiff::Timestamp>| at.map(time::text).unwrap_or_default();
    let last = [
        moment(item.and_then(|item| item.sent_at)),
        moment(item.and_then(ItemRecord::ended_at)),
        details.file_paths(),
        details.file_digests(),
        check_values(report, row.cells.as_ref(), row.key.as_deref()),
    ];
    common
        .into_iter()
        .chain(signers)
        .chain(last.map(Cow::Owned))
}
