//! Access from other machines, with an app secret.

use std::net::SocketAddr;

use base64::Engine;
use http::{Request, header};

use super::response::header_text;
use crate::sandbox::links::LinkKey;

/// The address of the client, as an extension of its request. A request without it counts as one of
/// this machine, unless other machines have access.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Access from other machines, with an app secret.
#[derive(Clone)]
pub struct RemoteAccess {
    /// The digest of the secret.
    secret: blake3::Hash,
    link_key: LinkKey,
}

impl RemoteAccess {
    /// Requires this app secret.
    pub fn new(secret: &str) -> Self {
        Self {
            secret: blake3::hash(secret.as_bytes()),
            link_key: blake3::derive_key("treaty sandbox links", secret.as_bytes()),
        }
    }

    /// Compares a secret in constant time.
    pub(super) fn is_secret(&self, secret: &str) -> bool {
        blake3::hash(secret.as_bytes()) == self.secret
    }

    pub(super) fn link_key(&self) -> LinkKey {
        self.link_key
    }

    /// Returns whether a request has the secret as the password of a browser (HTTP Basic).
    pub(super) fn has_password<T>(&self, request: &Request<T>) -> bool {
        let given = header_text(request.headers(), header::AUTHORIZATION.as_str());
        let encoded = given.and_then(|text| text.strip_prefix("Basic "));
        let decoded = encoded.and_then(|text| {
            let base64 = base64::engine::general_purpose::STANDARD;
            String::from_utf8(base64.decode(text.trim()).ok()?).ok()
        });
        let password = decoded.as_deref().and_then(|text| text.split_once(':'));
        password.is_some_and(|(_, password)| self.is_secret(password))
    }
}
