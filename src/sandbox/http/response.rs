//! Helpers for requests and responses.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

/// A response of the sandbox.
pub type HttpResponse = Response<Bytes>;

/// The content type of responses, with the charset that clients without a default need.
pub(crate) const JSON: &str = "application/json;charset=UTF-8";

/// The path prefix of the real service. It is optional in the sandbox.
const PREFIX: &str = "/opentreaty-service";

/// Returns a request path without the service's prefix and without a leading slash.
pub(crate) fn relative_path(path: &str) -> &str {
    path.strip_prefix(PREFIX)
        .unwrap_or(path)
        .trim_start_matches('/')
}

/// Returns a header's value, if it is text.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Builds a response from status, content type and body.
pub(crate) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> HttpResponse {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    response
}

/// Builds the response to a request with a body above the limit.
pub(crate) fn body_too_large() -> HttpResponse {
    response(
        StatusCode::PAYLOAD_TOO_LARGE,
        "text/plain",
        "request body too large",
    )
}

/// Builds the response to a failure of the sandbox itself.
pub(crate) fn internal_error(error: impl std::fmt::Display) -> HttpResponse {
    response(
        StatusCode::INTERNAL_SERVER_ERROR,
        "text/plain",
        error.to_string(),
    )
}
