//! The names of an item's steps, by which the ledger, later steps and reports find them.

/// The step that creates the only document of an item.
const DOCUMENT: &str = "document";
/// The step that creates the flow.
pub const PROCESS: &str = "process";
/// The prefix of the steps that add signers; the signer's name follows.
pub(super) const SIGNER: &str = "signers.";
/// The step that revokes the flow before the item is reissued, or because its row was removed.
pub const REVOKE: &str = "revoke";
/// The step of `treaty revoke`, which revokes the flow for good.
pub const END: &str = "end";
/// The step that archives the flow.
pub const ARCHIVE: &str = "archive";
/// The step that downloads the signed documents.
pub const DOWNLOAD: &str = "download";

/// Returns the name of the step that creates a document; `index` counts from 0. The steps of
/// several documents are numbered: `document.01`.
pub fn document(index: usize, count: usize) -> String {
    match count {
        1 => DOCUMENT.to_owned(),
        _ => format!("{DOCUMENT}.{:02}", index + 1),
    }
}

/// Returns whether a step creates a document.
pub fn is_document(step: &str) -> bool {
    let rest = step.strip_prefix(DOCUMENT);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Returns the name of the step that adds a signer.
pub fn signer(name: &str) -> String {
    format!("{SIGNER}{name}")
}

/// Returns the name of the signer that a step adds; none for other steps.
pub fn signer_name(step: &str) -> Option<&str> {
    step.strip_prefix(SIGNER)
}

/// Returns whether a step adds a signer.
pub fn is_signer(step: &str) -> bool {
    signer_name(step).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_as_existing_ledgers_record_them() {
        assert_eq!(document(0, 1), "document");
        assert_eq!(document(1, 2), "document.02");
        assert_eq!(signer("borrower"), "signers.borrower");
        assert_eq!(
            [PROCESS, REVOKE, END, ARCHIVE, DOWNLOAD],
            ["process", "revoke", "end", "archive", "download"]
        );
    }

    #[test]
    fn recognizes_the_steps_of_documents_and_signers() {
        for (step, creates_document, signer) in [
            ("document", true, None),
            ("document.02", true, None),
            ("documents", false, None),
            ("process", false, None),
            ("signers.document", false, Some("document")),
        ] {
            assert_eq!(is_document(step), creates_document, "{step}");
            assert_eq!(signer_name(step), signer, "{step}");
        }
    }
}
