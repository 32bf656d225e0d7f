//! Loads the manifests of a project into a validated [`Project`] with compiled expressions and
//! resolved references.
//!
//! One pass finds all errors, each with its location. Only values that are the same for all rows
//! are rendered here.

mod account;
mod chunk;
mod decode;
mod document;
mod environment;
mod flow;
mod head;
mod load;
pub mod path;
mod project;
mod resolve;
mod rules;
pub mod schema;
mod seal;
mod sections;
mod settings;
mod signer;
mod yaml;

pub use account::{Account, AccountKind, Organization, Person, SilentSign};
pub use chunk::{Chunk, ChunkSource};
pub use decode::StaticText;
pub use document::{Document, DocumentSource};
pub use flow::{
    Attachment, Finish, Flow, OnChange, OnVanish, Process, RowAccount, RowAccountKind, Rows,
};
pub use head::unknown_environment;
pub use project::{PROJECT_FILE, Project};
pub use rules::SAME_ACCOUNT_HINT;
pub use seal::{Seal, SealSource, Template, TemplateSource};
pub use settings::{
    Endpoint, Failures, InvalidRows, Limits, Millis, Rate, RateLimit, ReportFormat, Reports,
    Retries, Settings, Tolerance,
};
pub use signer::{Anchor, AutoSigner, Position, Positions, Signer, SignerKind};
pub use yaml::read_yaml;
