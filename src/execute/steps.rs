//! The names of an item's steps.

use crate::desired::Signer;

/// The steps of an item, by which the report finds what they answered. Several documents are numbered: `document.01`.
pub const DOCUMENT: &str = "document";
/// The step that creates the flow.
pub const PROCESS: &str = "process";
/// What stands before a signer's name in the name of his step.
pub const SIGNER: &str = "signers.";
/// The step that revokes the flow, so that its row can be sent anew.
pub(crate) const REVOKE: &str = "revoke";
/// The step that revokes the flow for good.
pub(crate) const END: &str = "end";
/// The step that archives the flow.
pub(crate) const ARCHIVE: &str = "archive";
/// The step that downloads the signed documents.
pub const DOWNLOAD: &str = "download";

/// The step that adds a signer.
pub(crate) fn step_of(signer: &Signer) -> String {
    format!("{SIGNER}{}", signer.name)
}

/// The step that makes a document, by its place from 0.
pub(crate) fn document_step(at: usize, of: usize) -> String {
    match of {
        1 => DOCUMENT.to_owned(),
        _ => format!("{DOCUMENT}.{:02}", at + 1),
    }
}
