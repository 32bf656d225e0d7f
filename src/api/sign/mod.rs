//! Signing (sections 5.5, 5.6 and 5.7): flows of one document in [`contract`], of several in [`contracts`], and
//! what can be done with either in [`manage`].

pub mod contract;
pub mod contracts;
mod manage;
mod position;
mod process;
mod status;

pub use manage::{Archive, Download, Revoke, SignedDoc, UndoTask, ViewUrl, ViewUrlAnswer};
pub use position::Position;
pub use process::{Attachment, AutoSignAnswer, FlowAnswer, HandSignAnswer};
pub use status::{DocStatus, FlowStatus, SignStatus};
