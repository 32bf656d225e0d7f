//! Addresses that the emulated service gives out, each alive as long as the document says.

use jiff::{SignedDuration, Timestamp};

use crate::address::{DocId, FlowId, SealId};

/// A document's address lives one hour when it is made of a template (5.4.2) …
pub(super) const MADE: SignedDuration = SignedDuration::from_hours(1);
/// … and 30 minutes when it is asked for (5.4.3, 5.7.1).
pub(super) const ASKED: SignedDuration = SignedDuration::from_mins(30);
/// A seal's image lives five minutes (5.8.1).
const SEAL: SignedDuration = SignedDuration::from_mins(5);
/// Short sign links and view links live 30 days (5.5.4, 5.7.2); a sign link lives for good.
const PAGE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What stands in the short link of a token.
pub(super) fn short(token: &str) -> &str {
    token.get(..12).unwrap_or(token)
}

/// An unsigned document.
pub(super) fn document(base: &str, doc: &DocId, now: Timestamp, life: SignedDuration) -> String {
    limited(base, &format!("download/{doc}.pdf"), now, life)
}

/// A document of a flow, with its signatures.
pub(super) fn signed(base: &str, flow: &FlowId, doc: &DocId, now: Timestamp) -> String {
    limited(base, &format!("download/{flow}/{doc}.pdf"), now, ASKED)
}

/// A seal's image.
pub(super) fn seal(base: &str, seal: &SealId, now: Timestamp) -> String {
    limited(base, &format!("seal/{seal}.png"), now, SEAL)
}

/// The page that shows a flow.
pub(super) fn view(base: &str, flow: &FlowId, now: Timestamp) -> String {
    limited(base, &format!("view/{flow}"), now, PAGE)
}

/// The page of a task, and its short form.
pub(super) fn sign(base: &str, token: &str, now: Timestamp) -> (String, String) {
    let path = format!("s/{}", short(token));
    (
        format!("{base}/sign/{token}"),
        limited(base, &path, now, PAGE),
    )
}

fn limited(base: &str, path: &str, now: Timestamp, life: SignedDuration) -> String {
    let expires = now.checked_add(life).unwrap_or(now).as_second();
    format!(
        "{base}/{path}?Expires={expires}&Signature={}",
        signature(path, expires)
    )
}

/// Whether an address is one of ours, and still alive.
pub(super) fn alive(path: &str, query: &str, now: Timestamp) -> bool {
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
    fn links_die_when_the_document_says() {
        let now = Timestamp::UNIX_EPOCH;
        let later = |minutes: i64| now + SignedDuration::from_mins(minutes);
        let id = SealId("1".to_owned());
        let url = seal("http://127.0.0.1", &id, now);
        let (path, query) = url["http://127.0.0.1/".len()..]
            .split_once('?')
            .expect("a query");
        assert!(alive(path, query, later(5)));
        assert!(!alive(path, query, later(6)));
        assert!(!alive("seal/2.png", query, now));
    }
}
