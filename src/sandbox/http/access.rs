//! Decides which requests are served: those of this machine, and with access from other machines those
//! that know the app secret.

use std::borrow::Cow;

use http::{Method, Request, StatusCode, header};

use super::envelope::not_an_operation;
use super::origin::{self, has_local_host, has_same_origin};
use super::remote::Peer;
use super::response::{HttpResponse, header_text, relative_path, response};
use super::service::Sandbox;
use crate::api::operation::Op;
use crate::sandbox::pages;

/// The path that tells whether the server is ready. It needs no secret.
pub(super) const HEALTH: &str = "healthz";

/// The message for a command of another machine.
const NOT_THIS_MACHINE: &str = "_sandbox is accessible only from this machine";

impl Sandbox {
    /// Returns the refusal of a request that may not be served.
    pub(crate) fn refuse<T>(&self, request: &Request<T>) -> Option<HttpResponse> {
        let path = relative_path(request.uri().path());
        if path == HEALTH && request.method() == Method::GET {
            return None;
        }
        let is_own = has_local_host(request) && has_same_origin(request);
        let is_near = request
            .extensions()
            .get::<Peer>()
            .map_or(self.remote.is_none(), |peer| {
                peer.0.ip().to_canonical().is_loopback()
            });
        if path.starts_with("_sandbox/") && !(is_near && is_own) {
            return Some(forbidden(NOT_THIS_MACHINE));
        }
        let Some(remote) = &self.remote else {
            return (!is_own).then(|| refuse_other_site(request.method(), path));
        };
        if !has_same_origin(request) {
            return Some(refuse_other_site(request.method(), path));
        }
        // Operations check the secret in their header, addresses of files have a signature.
        let has_own_check = matches!(
            (request.method(), path.split_once('/')),
            (&Method::PUT, Some(("upload", _))) | (&Method::GET, Some(("download" | "seal", _)))
        ) || Op::at(path).is_some();
        let is_trusted = has_own_check || (is_near && is_own) || remote.has_password(request);
        (!is_trusted).then(ask_for_password)
    }

    /// Returns the base of addresses in the response to a request: for other machines, the name
    /// under which they reach this one.
    pub(super) fn base_url_of<T>(&self, request: &Request<T>) -> Cow<'_, str> {
        match header_text(request.headers(), header::HOST.as_str()) {
            Some(host) if self.remote.is_some() => format!("http://{host}").into(),
            _ => Cow::Borrowed(&self.base_url),
        }
    }
}

/// Builds the response to a request of another site.
fn refuse_other_site(method: &Method, path: &str) -> HttpResponse {
    if method == Method::POST && Op::at(path).is_some() {
        return not_an_operation(StatusCode::FORBIDDEN, origin::REFUSED);
    }
    forbidden(origin::REFUSED)
}

fn forbidden(message: &'static str) -> HttpResponse {
    let text = "text/plain; charset=utf-8";
    pages::with_security_headers(response(StatusCode::FORBIDDEN, text, message))
}

/// Builds the response after which a browser asks for a password.
fn ask_for_password() -> HttpResponse {
    let mut response = pages::with_security_headers(response(
        StatusCode::UNAUTHORIZED,
        "text/plain; charset=utf-8",
        "the password is the app secret of this sandbox",
    ));
    let basic = header::HeaderValue::from_static("Basic realm=\"treaty sandbox\"");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, basic);
    response
}
