//! Desired state: renders and checks a project and its rows into plain values that a planner
//! compares.
//!
//! Finds every error that can be found without an API call, each with its location. Does not use
//! the ledger or the client.

mod account;
mod check;
mod columns;
mod document;
mod duplicates;
mod expired;
mod field_fit;
mod filter_check;
mod item;
mod item_rendering;
mod label;
mod local_file;
mod notice;
mod number_check;
mod rendering;
mod resources;
mod rounded_columns;
mod row_checks;
mod row_lookup;
mod row_outcome;
mod row_set;
mod row_warnings;
mod rows;
mod seal;
mod seal_image;
mod signer_roles;
mod static_files;
mod suspicion;
mod template;
mod template_checks;
mod third_id_cell;

pub use account::{Account, AccountHolder, Organization, Person, SilentSign};
pub use check::{is_mobile, is_resident_id};
pub use document::{Document, DocumentSource};
pub use duplicates::{Conflict, Duplicates};
pub use expired::warn_expired;
pub use field_fit::FieldMisfit;
pub use item::{Attachment, Item, Process, SealPlacement, Signer, SignerKind};
pub use local_file::LocalFile;
pub use resources::{Absent, Resources};
pub use row_lookup::RowLookup;
pub use row_outcome::{KeyedRow, Outcome, RenderedRow};
pub use rows::FlowRows;
pub use seal::{Seal, SealSource};
pub use signer_roles::indistinguishable_signers;
pub use template::{Template, TemplateSource};
