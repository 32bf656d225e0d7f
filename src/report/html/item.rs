//! The items that are added to the page. They borrow their texts, because only few of them are
//! retained.

use jiff::Timestamp;

use super::super::status::Status;
use crate::ledger::Failure;

/// An item to add to the page.
#[derive(Debug, Clone, Copy)]
pub struct PageItem<'a> {
    /// The name of the flow.
    pub flow: &'a str,
    /// The key; empty if the row has none.
    pub key: &'a str,
    /// The row number in the sheet; `None` if it has no row there.
    pub row: Option<u64>,
    /// The status.
    pub status: Status,
    /// Whether the row was not used as it is now; the status is that of the contract that was sent.
    pub is_unused: bool,
    /// The error, if any.
    pub failure: Option<&'a Failure>,
    /// The id of the flow at the service; empty if there is none.
    pub flow_id: &'a str,
    /// The time at which everything that could be done at first was done.
    pub sent_at: Option<Timestamp>,
    /// The time at which the flow ended.
    pub ended_at: Option<Timestamp>,
    /// The signers in declaration order.
    pub signers: &'a [PageSigner<'a>],
    /// The paths of the signed files, relative to the project.
    pub files: &'a [&'a str],
}

/// A signer of an item.
#[derive(Debug, Clone, Copy)]
pub struct PageSigner<'a> {
    /// The name in the manifest.
    pub name: &'a str,
    /// The signer status as in the reports; empty if not asked yet.
    pub status: &'a str,
    /// The sign link; empty if there is none.
    pub sign_url: &'a str,
    /// When the signer signed or refused, in the format of the API; empty if unknown.
    pub time: &'a str,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An item that is done, without further details.
    pub(in crate::report::html) fn item() -> PageItem<'static> {
        PageItem {
            flow: "loans",
            key: "HT-1",
            row: Some(2),
            status: Status::Sent,
            is_unused: false,
            failure: None,
            flow_id: "",
            sent_at: None,
            ended_at: None,
            signers: &[],
            files: &[],
        }
    }
}
