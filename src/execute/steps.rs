//! The names of an item's steps, which the ledger records and the report reads.

use crate::desired::Signer;

/// The step that creates the document. With several documents, the steps are numbered:
/// `document.01`.
pub const DOCUMENT: &str = "document";
/// The step that creates the flow.
pub const PROCESS: &str = "process";
/// The prefix of the steps that add signers; the signer's name follows.
pub const SIGNER: &str = "signers.";
/// The step that revokes the flow before the item is reissued, or because its row was removed.
pub(crate) const REVOKE: &str = "revoke";
/// The step of `treaty revoke`, which revokes the flow for good.
pub(crate) const END: &str = "end";
/// The step that archives the flow.
pub(crate) const ARCHIVE: &str = "archive";
/// The step that downloads the signed documents.
pub const DOWNLOAD: &str = "download";

/// Returns the name of the step that adds a signer.
pub(crate) fn step_of(signer: &Signer) -> String {
    format!("{SIGNER}{}", signer.name)
}

/// Returns the name of the step that creates a document; `index` counts from 0.
pub(crate) fn document_step(index: usize, count: usize) -> String {
    match count {
        1 => DOCUMENT.to_owned(),
        _ => format!("{DOCUMENT}.{:02}", index + 1),
    }
}
