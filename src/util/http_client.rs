//! The builder of all HTTP clients in treaty: one crypto provider, no redirects, no hidden retries.

use reqwest::{Client, ClientBuilder, redirect, retry};

/// Returns a builder for a client that follows no redirects, never retries and uses the
/// certificates that the system trusts.
pub fn builder() -> ClientBuilder {
    let provider = rustls::crypto::ring::default_provider();
    // Fails if a provider is already installed; it is the same one.
    let _ = provider.install_default();
    Client::builder()
        .user_agent(concat!("treaty/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
}
