//! Signing: flows with one document in [`contract`] (5.5), with several documents in [`contracts`]
//! (5.6), and operations on both in [`manage`] (5.7).

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
