//! Manifests: the files of a project → a validated [`Project`], its expressions compiled and its names resolved.
//!
//! Everything that is wrong is found in one pass, each with the line that it stands on. Values are not rendered
//! here, but for those that are the same for all rows.

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
pub use seal::{Seal, SealSource, Template, TemplateSource};
pub use settings::{
    Endpoint, Failures, InvalidRows, Limits, Millis, Rate, RateLimit, ReportFormat, Reports,
    Retries, Settings, Tolerance,
};
pub use signer::{Anchor, AutoSigner, Position, Positions, Signer, SignerKind};
pub use yaml::read_yaml;
