//! A row as the page shows it.

use std::borrow::Cow;

use serde::Serialize;

use super::field_table::FieldView;
use super::row_choice::Reason;
use super::signers::SignerView;
use crate::diagnostic::Diagnostic;

/// A row with its documents and signers, or with the reason why it has none.
#[derive(Debug, Serialize)]
pub(super) struct RowView {
    /// The address of the item, or the flow and the row of an item without a key.
    pub(super) address: String,
    /// The row number; none for a flow without rows.
    pub(super) number: Option<u64>,
    pub(super) reasons: Vec<Cow<'static, str>>,
    /// Whether `where` leaves the row out.
    pub(super) is_skipped: bool,
    pub(super) errors: Vec<ErrorView>,
    /// The subject that signers see.
    pub(super) subject: String,
    pub(super) documents: Vec<DocumentView>,
    pub(super) signers: Vec<SignerView>,
}

/// A document of a row.
#[derive(Debug, Serialize)]
pub(super) struct DocumentView {
    /// The name in the flow.
    pub(super) label: String,
    /// The name at the API.
    pub(super) name: String,
    /// The URL of the PDF, relative to the page.
    pub(super) file: Option<String>,
    /// The reason why there is no PDF.
    pub(super) problem: Option<String>,
    pub(super) fields: Vec<FieldView>,
    /// The pages as data URLs.
    pub(super) pictures: Vec<String>,
}

/// An error of a row.
#[derive(Debug, Serialize)]
pub(super) struct ErrorView {
    place: String,
    message: String,
    hint: String,
}

impl ErrorView {
    pub(super) fn of(error: &Diagnostic) -> Self {
        let place = error.place.as_ref();
        Self {
            place: place.map_or(String::new(), ToString::to_string),
            message: error.message.clone(),
            hint: error.hint.clone().unwrap_or_default(),
        }
    }
}

impl Reason {
    /// The reason as a short text.
    pub(crate) fn text(self) -> Cow<'static, str> {
        match self {
            Self::First => t!("first row"),
            Self::Named => t!("named"),
            Self::Longest => t!("longest texts"),
        }
    }
}
