//! The builder of every HTTP client in treaty: one crypto provider, no redirects, no hidden retries.

use reqwest::{Client, ClientBuilder, redirect, retry};

/// A client that follows no redirect and retries nothing, with the certificates that the system trusts.
pub fn builder() -> ClientBuilder {
    let provider = rustls::crypto::ring::default_provider();
    // Fails where one is installed already, which is this one.
    let _ = provider.install_default();
    Client::builder()
        .user_agent(concat!("treaty/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
}
