//! What the page is told of an item: borrowed, since a million of them pass by and few are kept.

use jiff::Timestamp;

use super::super::row::Status;
use crate::ledger::Failure;

/// An item as the page is told of it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Its flow.
    pub flow: &'a str,
    /// Its key; empty when the row has none.
    pub key: &'a str,
    /// The number of its row in the sheet; none when it has no row there.
    pub row: Option<u64>,
    /// How it stands.
    pub status: Status,
    /// Why, unless it is well.
    pub failure: Option<&'a Failure>,
    /// Its flow's id at the service; empty when there is none.
    pub flow_id: &'a str,
    /// When all was done that could be done at first.
    pub sent_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// Its signers, in their order.
    pub signers: &'a [SeenSigner<'a>],
    /// The signed files, relative to the project and joined by `;`; may be empty.
    pub file: &'a str,
}

/// How far a signer is.
#[derive(Debug, Clone, Copy)]
pub struct SeenSigner<'a> {
    /// The signer's name in the manifest.
    pub name: &'a str,
    /// The word of the reports for it; empty when not asked yet.
    pub status: &'a str,
    /// Where to sign; empty when there is no link.
    pub sign_url: &'a str,
    /// When the signer signed or refused, as the API says it.
    pub time: &'a str,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An item that is done and of which nothing more is known.
    pub(in crate::report::html) fn item() -> Seen<'static> {
        Seen {
            flow: "loans",
            key: "HT-1",
            row: Some(2),
            status: Status::Done,
            failure: None,
            flow_id: "",
            sent_at: None,
            ended_at: None,
            signers: &[],
            file: "",
        }
    }
}
