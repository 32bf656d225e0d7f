//! The wire as data: one table of operations, their requests and answers, codes and error codes.
//!
//! Client and sandbox both follow from the table in [`operation`]. There are no sockets and no clock here.
//! Sections in the docs are those of the API document.

mod account;
mod address;
pub mod callback;
pub mod code;
mod document;
mod envelope;
mod error_code;
mod file;
mod liberal;
pub mod operation;
mod redact;
mod seal;
mod sign;
mod strict;
pub mod time;

pub use account::{
    AccountAnswer, CreateOrganization, CreatePerson, DeleteAccount, ExchangeId, GrantSilentSign,
    RevokeSilentSign, UpdateOrganization, UpdatePerson,
};
pub(crate) use address::{encoded, is_here};
pub use address::{is_loopback, is_safe};
pub use document::{
    Chunk, CreateByFileKey, CreateByTemplate, CreateTemplate, DocAnswer, DocUrlAnswer, DownloadUrl,
    TemplateAnswer,
};
pub use envelope::{Envelope, Nothing};
pub use error_code::{ErrorCode, not_there, transient, wrong_credentials};
pub use file::{MIME_PDF, UploadUrl, UploadUrlAnswer, content_md5};
pub use operation::{Operation, RetryClass};
pub(crate) use redact::{private_values, redacted};
pub use seal::{
    CreateOrganizationImageSeal, CreateOrganizationSeal, CreatePersonImageSeal, CreatePersonSeal,
    QuerySeals, SealAnswer, SealEntry,
};
pub use sign::{
    Archive, Attachment, AutoSignAnswer, DocStatus, Download, FlowAnswer, FlowStatus,
    HandSignAnswer, Position, Revoke, SignStatus, SignedDoc, UndoTask, ViewUrl, ViewUrlAnswer,
    contract, contracts,
};

/// The header that carries the app's id (section 4.2.2).
pub const APP_ID_HEADER: &str = "x-tsign-open-app-id";
/// The header that carries the app's secret (section 4.2.2).
pub const APP_SECRET_HEADER: &str = "x-tsign-open-app-secret";
