//! Addresses that the emulated service gives out, each with the lifetime that the API document
//! defines.

use jiff::{SignedDuration, Timestamp};

use super::world::short_token;
use crate::address::{DocId, FlowId, SealId};

/// The lifetime of a document's address in the response that creates the document (API 5.4.2).
pub(super) const CREATED_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// The lifetime of a document's address that was requested (API 5.4.3, 5.7.1).
pub(super) const REQUESTED_LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// The lifetime of the address of a seal's image (API 5.8.1).
const SEAL_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// The lifetime of short sign links and view links (API 5.5.4, 5.7.2). Sign links do not expire.
const PAGE_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Returns the address of an unsigned document.
pub(super) fn document(
    base_url: &str,
    doc: &DocId,
    now: Timestamp,
    lifetime: SignedDuration,
) -> String {
    expiring(base_url, &format!("download/{doc}.pdf"), now, lifetime)
}

/// Returns the address of a flow's document with its signatures.
pub(super) fn signed_document(
    base_url: &str,
    flow: &FlowId,
    doc: &DocId,
    now: Timestamp,
) -> String {
    let path = format!("download/{flow}/{doc}.pdf");
    expiring(base_url, &path, now, REQUESTED_LIFETIME)
}

/// Returns the address of a seal's image.
pub(super) fn seal(base_url: &str, seal: &SealId, now: Timestamp) -> String {
    expiring(base_url, &format!("seal/{seal}.png"), now, SEAL_LIFETIME)
}

/// Returns the address of the page that shows a flow.
pub(super) fn view(base_url: &str, flow: &FlowId, now: Timestamp) -> String {
    expiring(base_url, &format!("view/{flow}"), now, PAGE_LIFETIME)
}

/// Returns the address of a task's sign page, and its short form.
pub(super) fn sign(base_url: &str, token: &str, now: Timestamp) -> (String, String) {
    let path = format!("s/{}", short_token(token));
    (
        format!("{base_url}/sign/{token}"),
        expiring(base_url, &path, now, PAGE_LIFETIME),
    )
}

fn expiring(base_url: &str, path: &str, now: Timestamp, lifetime: SignedDuration) -> String {
    let expires = now.checked_add(lifetime).unwrap_or(now).as_second();
    format!(
        "{base_url}/{path}?Expires={expires}&Signature={}",
        signature(path, expires)
    )
}

/// Returns whether an address was created by this module and has not expired at `now`.
pub(super) fn is_valid(path: &str, query: &str, now: Timestamp) -> bool {
    let value = |key: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    };
    let expires: Option<i64> = value("Expires").and_then(|text| text.parse().ok());
    expires.is_some_and(|expires| {
        now.as_second() <= expires && value("Signature") == Some(&signature(path, expires))
    })
}

fn signature(path: &str, expires: i64) -> String {
    let hash = blake3::keyed_hash(
        b"the sandbox keeps no real secret",
        format!("{path} {expires}").as_bytes(),
    );
    hash.to_hex()[..24].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_expire_after_their_lifetime() {
        let now = Timestamp::UNIX_EPOCH;
        let later = |minutes: i64| now + SignedDuration::from_mins(minutes);
        let id = SealId("1".to_owned());
        let url = seal("http://127.0.0.1", &id, now);
        let (path, query) = url["http://127.0.0.1/".len()..]
            .split_once('?')
            .expect("a query");
        assert!(is_valid(path, query, later(5)));
        assert!(!is_valid(path, query, later(6)));
        assert!(!is_valid("seal/2.png", query, now));
    }
}
