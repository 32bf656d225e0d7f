//! What should be: a project and its rows, rendered and checked, as plain values that a planner can compare.
//!
//! Stands between [`manifest`](crate::manifest) and [`plan`](crate::plan). Everything that can be known without a
//! call is found here, each with its origin; nothing here knows ledger or client.

mod account;
mod check;
mod columns;
mod content;
mod document;
mod doubts;
mod duplicates;
mod item;
mod over;
mod rendering;
mod row_lookup;
mod rows;
mod seal;
mod standing;
mod template;
mod templates;

pub use account::{Account, Organization, Person, SilentSign, Who};
pub use content::LocalFile;
pub use document::{Document, DocumentSource};
pub use duplicates::{Conflict, Duplicates};
pub use item::{Attachment, Item, Place, Process, Signer, SignerKind};
pub use over::over;
pub use row_lookup::Rows;
pub use rows::{FlowRows, KeyedRow, Outcome, RenderedRow};
pub use seal::{Seal, SealSource};
pub use standing::{Absent, Resources};
pub use template::{Template, TemplateSource};
