//! Routes requests to operations, files, pages and commands.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;

use super::access::HEALTH;
use super::envelope::not_an_operation;
use super::remote::Peer;
use super::response::{HttpResponse, body_too_large, relative_path, response};
use super::service::Sandbox;
use crate::api::operation::Op;
use crate::sandbox::handlers::MAX_FILE_BYTES;
use crate::sandbox::pages;

/// The limit of a request body, in bytes: a file is the largest one.
pub(crate) const MAX_BODY_BYTES: usize = MAX_FILE_BYTES;

impl Sandbox {
    /// Serves one request as of `now`. Refuses requests of other sites, before they have an effect.
    pub fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> HttpResponse {
        let path = relative_path(request.uri().path());
        if let Some(refusal) = self.refuse(request) {
            return refusal;
        }
        if let Some(command) = path.strip_prefix("_sandbox/") {
            return self.drive(command, request, now);
        }
        if let Some(page) = pages::serve(&self.state, request, path, now) {
            return page;
        }
        match (request.method(), path.split_once('/')) {
            (&Method::GET, None) if path == HEALTH => {
                response(StatusCode::OK, "text/plain", "ok\n")
            }
            (&Method::PUT, Some(("upload", key))) => self.upload(key, request, now),
            (&Method::GET, Some(("download" | "seal", _))) => {
                self.download(path, request.uri().query().unwrap_or_default(), now)
            }
            (&Method::POST, _) => match Op::at(path) {
                Some(op) => self.call(op, request, now),
                None => not_an_operation(StatusCode::NOT_FOUND, "the operation does not exist"),
            },
            _ if Op::at(path).is_some() => {
                let mut response =
                    not_an_operation(StatusCode::METHOD_NOT_ALLOWED, "operations require POST");
                let post = header::HeaderValue::from_static("POST");
                response.headers_mut().insert(header::ALLOW, post);
                response
            }
            _ => pages::with_security_headers(pages::not_found(now)),
        }
    }

    /// Returns an axum router that serves the sandbox.
    pub fn router(&self) -> axum::Router {
        let sandbox = self.clone();
        axum::Router::new().fallback(move |request: axum::extract::Request| async move {
            let (mut parts, body) = request.into_parts();
            if let Some(ConnectInfo(addr)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() {
                let peer = Peer(*addr);
                parts.extensions.insert(peer);
            }
            let response = match axum::body::to_bytes(body, MAX_BODY_BYTES).await {
                Ok(body) => sandbox.handle(&Request::from_parts(parts, body), Timestamp::now()),
                Err(_) => body_too_large(),
            };
            response.map(axum::body::Body::from)
        })
    }
}
