//! The wire protocol as data: the table of operations, their requests and responses, enumerations,
//! error codes and callbacks.
//!
//! Client and sandbox both use the table in [`operation`]. The module has no sockets and no clock.
//! Section numbers in its documentation refer to the API document.

mod account;
mod address;
pub mod callback;
pub mod code;
mod document;
mod endpoint;
mod envelope;
mod error_code;
mod file;
mod liberal;
pub mod operation;
mod redact;
mod seal;
mod shape;
mod sign;
mod strict;
pub mod time;

pub use account::{
    AccountAnswer, CreateOrganization, CreatePerson, DeleteAccount, ExchangeId, GrantSilentSign,
    RevokeSilentSign, UpdateOrganization, UpdatePerson,
};
pub(crate) use address::{is_local, percent_encoded};
pub use address::{is_loopback, is_safe};
pub use document::{
    Chunk, CreateByFileKey, CreateByTemplate, CreateTemplate, DocAnswer, DocUrlAnswer, DownloadUrl,
    TemplateAnswer,
};
pub use endpoint::{
    ALLOW_ENDPOINT, AllowedEndpoints, KNOWN_HOSTS, RefusedEndpoint, contains_login, origin,
};
pub use envelope::{Envelope, Nothing};
pub use error_code::ErrorCode;
pub use file::{MIME_PDF, UploadUrl, UploadUrlAnswer, content_md5};
pub use operation::{Operation, RetryClass};
pub(crate) use redact::{PrivateValue, private_values, redacted};
pub use seal::{
    CreateOrganizationImageSeal, CreateOrganizationSeal, CreatePersonImageSeal, CreatePersonSeal,
    QuerySeals, SealAnswer, SealEntry,
};
pub use shape::{Field, Kind, Shape};
pub use sign::{
    AddProcess, Archive, Attachment, AutoSignAnswer, DocStatus, Download, FlowAnswer, FlowDetail,
    FlowStatus, HandSignAnswer, OrganizationSigner, POINTS_PER_PIXEL, PersonAndOrganizationSigner,
    PersonSigner, PlatformSigner, Position, ProcessDoc, Revoke, SealCenter, SignStatus, SignTask,
    SignTimes, SignedDoc, SignerDetail, SigningMethod, UndoTask, UserSigner, ViewUrl,
    ViewUrlAnswer, contract, contracts, page_list,
};

/// The header with the app id (section 4.2.2).
pub const APP_ID_HEADER: &str = "x-tsign-open-app-id";
/// The header with the app secret (section 4.2.2).
pub const APP_SECRET_HEADER: &str = "x-tsign-open-app-secret";
