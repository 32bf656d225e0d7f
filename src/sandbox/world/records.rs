//! The records of the emulated service, except flows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::{AccountId, DocId, FileKey, SealId, TemplateId};
use crate::api::callback::Callback;

/// The id of an app. A record belongs to the app that created it; a record without an app is
/// visible to all apps.
pub(crate) type AppId = String;

/// A callback that is waiting to be sent (API 5.9).
#[derive(Debug, Clone)]
pub(crate) struct PendingCallback {
    /// The app that created the flow. Its secret signs the callback (API 5.9.2).
    pub(crate) app: Option<AppId>,
    /// The flow's `noticeUrl`.
    pub(crate) url: Option<String>,
    pub(crate) callback: Callback,
}

/// The account of a person or an organization. Identity and mobile numbers are validated but not
/// stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<AppId>,
    pub(crate) third_id: Option<String>,
    pub(crate) name: String,
    pub(crate) is_person: bool,
    pub(crate) deleted: bool,
    /// The grant of silent signing (API 5.2.5), if there is one.
    pub(crate) grant: Option<Grant>,
    /// The person who created the account, for an organization.
    #[serde(default)]
    pub(crate) creator: Option<AccountId>,
}

impl Account {
    /// Returns whether the account has a grant of silent signing that is valid at `now`.
    pub(crate) fn has_granted(&self, now: Timestamp) -> bool {
        let is_valid = |deadline: i64| deadline > now.as_millisecond();
        self.grant
            .is_some_and(|grant| grant.deadline.is_none_or(is_valid))
    }
}

/// A grant of silent signing (API 5.2.5).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// The end of the grant, in milliseconds since 1970. `None` is no end.
    pub(crate) deadline: Option<i64>,
}

/// A file for which an upload address was created (API 5.1.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) key: FileKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<AppId>,
    /// The declared size, in bytes.
    pub(crate) size: i64,
    /// The declared MD5 digest, in Base64.
    pub(crate) md5: String,
    /// The declared content type.
    pub(crate) content_type: String,
    /// The end of the upload address, in milliseconds since 1970.
    pub(crate) expires: i64,
    /// The declared file name.
    pub(crate) name: String,
    /// The kind of the uploaded content. `None` until the upload.
    #[serde(rename = "arrived")]
    pub(crate) uploaded: Option<UploadedKind>,
}

/// The kind of an uploaded content, found by reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UploadedKind {
    Pdf,
    /// An encrypted PDF.
    #[serde(rename = "LockedPdf")]
    EncryptedPdf,
    Other,
}

/// A PDF template (API 5.3). It belongs to the app of its file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Template {
    pub(crate) id: TemplateId,
    pub(crate) file: FileKey,
}

/// A document (API 5.4). It belongs to the app of its file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Doc {
    pub(crate) id: DocId,
    pub(crate) name: String,
    /// The uploaded file, or the file of the template.
    pub(crate) file: FileKey,
    /// The values of the form fields, by field name.
    pub(crate) fields: BTreeMap<String, String>,
    /// The appended pages, in order.
    pub(crate) chunks: Vec<StoredChunk>,
}

/// Pages that are appended to a document (`chunkedFields`, API 5.4.2).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum StoredChunk {
    Html(String),
    /// A PDF in Base64.
    Pdf(String),
}

/// A seal (API 5.8).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Seal {
    pub(crate) id: SealId,
    /// The order of creation. The default seal of an account is the one with the lowest number.
    pub(crate) number: u64,
    pub(crate) account: AccountId,
    pub(crate) alias: String,
    /// In pixels.
    pub(crate) width: u32,
    /// In pixels.
    pub(crate) height: u32,
    #[serde(rename = "look")]
    pub(crate) design: SealDesign,
}

/// The source of a seal's image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum SealDesign {
    /// Drawn from parameters (API 5.8.2, 5.8.3).
    Drawn {
        template_type: String,
        color: String,
        text: String,
        h_text: Option<String>,
        q_text: Option<String>,
    },
    /// An uploaded image (API 5.8.4, 5.8.5).
    Image(FileKey),
}

/// Returns the id of the platform's own account.
pub(crate) fn platform_account() -> AccountId {
    AccountId("00000000000000000000000000000001".to_owned())
}
