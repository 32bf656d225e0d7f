//! Loads the manifests of a project into a validated [`Project`] with compiled expressions and
//! resolved references.
//!
//! Each type of the manifest language is declared once: its `serde` attributes decode it, and its
//! documentation comments are the descriptions of the JSON Schema and of the field reference. One
//! pass finds all errors, each with its location. Only values that are the same for all rows are
//! rendered here.

mod account;
mod characters;
mod check;
mod collections;
mod decode;
mod document;
mod env_list;
mod environment;
mod field_rules;
mod file_names;
mod files;
mod flow;
mod ledger_setting;
mod load;
mod moves;
pub mod path;
mod prepare;
mod project;
mod project_file;
mod prune;
mod resolve;
mod rules;
pub mod schema;
mod seal;
mod settings;
mod signer;
mod value;
mod variable;
mod variable_file;
mod variable_values;
mod yaml;

pub use account::{Account, AccountKind, Organization, Person, SilentSign};
pub use check::Check;
pub use collections::{FieldMap, List, Named, NamedMap};
pub use document::{Chunk, ChunkSource, Document, DocumentSource};
pub use file_names::is_flow_name;
pub use flow::{
    Attachment, ExistingAccounts, Finish, Flow, OnChange, OnVanish, Process, RowAccount,
    RowAccountKind, Rows,
};
pub use ledger_setting::LedgerSetting;
pub use load::{environment_names, unknown_environment};
pub use moves::Moves;
pub use project::{PROJECT_FILE, Project};
pub use prune::{Prune, PruneKinds};
pub use rules::SAME_ACCOUNT_HINT;
pub use seal::{Pixels, Seal, SealSource, Template, TemplateSource};
pub use settings::{
    Endpoint, Failures, InvalidRows, Limits, Millis, Rate, RateLimit, ReportFormat, Reports,
    Retries, Settings, Tolerance,
};
pub use signer::{Anchor, Position, Positions, Signer, SignerKind};
pub use value::{Spanned, StaticText, Value};
pub use yaml::{Located, read_yaml};
