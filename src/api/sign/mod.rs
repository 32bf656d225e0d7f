//! Signing: flows with one document in [`contract`] (5.5), with several documents in [`contracts`]
//! (5.6), and operations on both in [`manage`] (5.7). The requests of both families differ only in
//! their documents: `process`, `task` and `detail` declare the rest.

pub mod contract;
pub mod contracts;
mod detail;
mod manage;
mod position;
mod process;
mod status;
mod task;

pub use detail::{FlowDetail, SignTimes, SignerDetail};
pub use manage::{Archive, Download, Revoke, SignedDoc, UndoTask, ViewUrl, ViewUrlAnswer};
pub use position::{POINTS_PER_PIXEL, Position, SealCenter, page_list};
pub use process::{AddProcess, Attachment, AutoSignAnswer, FlowAnswer, HandSignAnswer, ProcessDoc};
pub use status::{DocStatus, FlowStatus, SignStatus};
pub use task::{
    OrganizationSigner, PersonAndOrganizationSigner, PersonSigner, PlatformSigner, SignTask,
    SigningMethod, UserSigner,
};
