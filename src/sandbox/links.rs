//! Addresses that the emulated service gives out, each with the lifetime that the API document
//! defines.

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::world::short_token;
use crate::address::{DocId, FileKey, FlowId, SealId};

/// The lifetime of a document's address in the response that creates the document (API 5.4.2).
pub(super) const CREATED_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// The lifetime of a document's address that was requested (API 5.4.3, 5.7.1).
pub(super) const REQUESTED_LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// The lifetime of an upload address (API 5.1.1).
pub(super) const UPLOAD_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// The lifetime of the address of a seal's image (API 5.8.1).
const SEAL_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// The lifetime of short sign links and view links (API 5.5.4, 5.7.2). Sign links do not expire.
const PAGE_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The characters that are encoded in names of files.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The key of the signatures in addresses.
pub(crate) type LinkKey = [u8; 32];

/// The key of a sandbox that only this machine can reach.
pub(crate) const LOCAL_KEY: LinkKey = *b"the sandbox keeps no real secret";

/// Creates addresses below a base URL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Links<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) key: &'a LinkKey,
    pub(crate) now: Timestamp,
}

impl Links<'_> {
    /// Returns the address for the upload of a file.
    pub(super) fn upload(&self, key: &FileKey, name: &str) -> String {
        self.expiring(&format!("upload/{key}"), Some(name), UPLOAD_LIFETIME)
    }

    /// Returns the address of an unsigned document.
    pub(super) fn document(&self, doc: &DocId, name: &str, lifetime: SignedDuration) -> String {
        let name = with_extension(name);
        self.expiring(&format!("download/{doc}"), Some(&name), lifetime)
    }

    /// Returns the address of a flow's document with its signatures.
    pub(super) fn signed_document(&self, flow: &FlowId, doc: &DocId, name: &str) -> String {
        let (path, name) = (format!("download/{flow}/{doc}"), with_extension(name));
        self.expiring(&path, Some(&name), REQUESTED_LIFETIME)
    }

    /// Returns the address of a seal's image.
    pub(super) fn seal(&self, seal: &SealId) -> String {
        self.expiring(&format!("seal/{seal}.png"), None, SEAL_LIFETIME)
    }

    /// Returns the address of the page that shows a flow.
    pub(super) fn view(&self, flow: &FlowId) -> String {
        self.expiring(&format!("view/{flow}"), None, PAGE_LIFETIME)
    }

    /// Returns the address of a task's sign page.
    pub(super) fn sign(&self, token: &str) -> String {
        format!("{}/sign/{token}", self.base_url)
    }

    /// Returns the short address of a task's sign page.
    pub(super) fn short_sign(&self, token: &str) -> String {
        self.expiring(&format!("s/{}", short_token(token)), None, PAGE_LIFETIME)
    }

    /// Returns an address with its end and a signature. The name follows the path; it is not
    /// signed.
    fn expiring(&self, path: &str, name: Option<&str>, lifetime: SignedDuration) -> String {
        let expires = self.now.checked_add(lifetime).unwrap_or(self.now);
        let expires = expires.as_second();
        let signature = signature(self.key, path, expires);
        let signature = utf8_percent_encode(&signature, NON_ALPHANUMERIC);
        let name = name.map_or_else(String::new, |name| {
            format!("/{}", utf8_percent_encode(&name.replace('/', "_"), NAME))
        });
        let base_url = self.base_url;
        format!("{base_url}/{path}{name}?Expires={expires}&Signature={signature}")
    }
}

/// Returns the name of a document as the name of a PDF file.
fn with_extension(name: &str) -> String {
    let name = if name.is_empty() { "document" } else { name };
    match name.get(name.len().saturating_sub(4)..) {
        Some(end) if end.eq_ignore_ascii_case(".pdf") => name.to_owned(),
        _ => format!("{name}.pdf"),
    }
}

/// Returns whether an address was created with this key and has not expired at `now`. `path` is
/// the path without the name of a file.
pub(super) fn is_valid(key: &LinkKey, path: &str, query: &str, now: Timestamp) -> bool {
    let value = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value)
    };
    let expires: Option<i64> = value("Expires").and_then(|text| text.parse().ok());
    expires.is_some_and(|expires| {
        now.as_second() <= expires
            && value("Signature").is_some_and(|own| own == signature(key, path, expires))
    })
}

/// Returns a signature as the object storage writes it: 20 bytes in Base64, not encoded for a URL.
fn signature(key: &LinkKey, path: &str, expires: i64) -> String {
    use base64::Engine;
    let hash = blake3::keyed_hash(key, format!("{path} {expires}").as_bytes());
    base64::engine::general_purpose::STANDARD.encode(&hash.as_bytes()[..20])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(now: Timestamp) -> Links<'static> {
        Links {
            base_url: "http://127.0.0.1",
            key: &LOCAL_KEY,
            now,
        }
    }

    #[test]
    fn links_expire_after_their_lifetime() {
        let now = Timestamp::UNIX_EPOCH;
        let later = |minutes: i64| now + SignedDuration::from_mins(minutes);
        let url = links(now).seal(&SealId("1".to_owned()));
        let (path, query) = url["http://127.0.0.1/".len()..]
            .split_once('?')
            .expect("a query");
        assert!(is_valid(&LOCAL_KEY, path, query, later(5)));
        assert!(!is_valid(&LOCAL_KEY, path, query, later(6)));
        assert!(!is_valid(&LOCAL_KEY, "seal/2.png", query, now));
        assert!(!is_valid(&[7; 32], path, query, now));
    }

    #[test]
    fn storage_links_have_an_encoded_name_and_signature() {
        let doc = DocId("1f".to_owned());
        let url = links(Timestamp::UNIX_EPOCH).document(&doc, "借款 1/2.pdf", REQUESTED_LIFETIME);
        let start =
            "http://127.0.0.1/download/1f/%E5%80%9F%E6%AC%BE%201_2.pdf?Expires=1800&Signature=";
        assert!(url.starts_with(start) && url.ends_with("%3D"), "{url}");
    }
}
