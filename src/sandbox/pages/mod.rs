//! The web pages of the emulated service: all flows, one flow, and the sign page of a task.
//!
//! Plain HTML without scripts. The pages respond only to the host names of this machine, and accept
//! forms only from themselves. A page of another site, open in the same browser, can neither read
//! nor sign anything.

mod content;
mod form;
mod render;
mod values;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;

use super::http::{HttpResponse, SharedState, header_text, response};
use super::links;
use crate::api::operation::Op;

/// Serves a page. `None` if the path is not the path of a page.
pub(super) fn serve(
    state: &SharedState,
    request: &Request<Bytes>,
    path: &str,
    now: Timestamp,
) -> Option<HttpResponse> {
    let parts: Vec<&str> = path.split('/').collect();
    let is_page = match (request.method(), &parts[..]) {
        (&Method::GET, [""] | ["flow" | "view" | "s" | "sign", _] | ["page", _, _, _]) => true,
        // `sign/revoke` and `sign/download` are operations, not tokens.
        (&Method::POST, ["sign", _]) => Op::at(path).is_none(),
        _ => false,
    };
    if !is_page {
        return None;
    }
    // Checked first: a request of another site must have no effect.
    if !has_local_host(request) || (request.method() == Method::POST && !has_same_origin(request)) {
        let message = "只能在本机访问 (accessible only from this machine)";
        return Some(render::with_security_headers(response(
            StatusCode::FORBIDDEN,
            "text/plain; charset=utf-8",
            message,
        )));
    }
    let query = request.uri().query().unwrap_or_default();
    let mut state = state.lock();
    let page = match (request.method(), &parts[..]) {
        (&Method::POST, [_, token]) => form::submit(&mut state, token, request.body(), now),
        (_, ["flow", id]) => content::flow(&state, id, true, now),
        (_, ["view", id]) if links::is_valid(path, query, now) => {
            content::flow(&state, id, false, now)
        }
        (_, ["s", short]) if links::is_valid(path, query, now) => state
            .world
            .task(short)
            .map(|(_, task)| render::see_other(&format!("/sign/{}", task.token))),
        (_, ["sign", token]) => content::sign(&state, token, None, now),
        (_, ["page", flow, doc, page]) => content::page_image(&mut state, flow, doc, page),
        (_, [_]) => Some(content::list(&state, now)),
        _ => None,
    };
    Some(render::with_security_headers(
        page.unwrap_or_else(|| render::not_found(now)),
    ))
}

/// Returns whether the `Host` header is a name of this machine. Another name can be a DNS rebinding
/// attack.
fn has_local_host(request: &Request<Bytes>) -> bool {
    let host = header_text(request.headers(), header::HOST.as_str());
    host.is_none_or(|host| {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        matches!(name, "127.0.0.1" | "localhost" | "[::1]")
    })
}

/// Returns whether a form was sent by a page of this server.
fn has_same_origin(request: &Request<Bytes>) -> bool {
    let host = header_text(request.headers(), header::HOST.as_str()).unwrap_or_default();
    header_text(request.headers(), header::ORIGIN.as_str())
        .is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_local_hosts_and_forms_of_the_same_origin() {
        let request = |host: &str, origin: Option<&str>| {
            let mut request = Request::builder().header("host", host);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            request.body(Bytes::new()).expect("a request")
        };
        assert!(has_local_host(&request("127.0.0.1:7878", None)));
        assert!(has_local_host(&request("[::1]:7878", None)));
        assert!(!has_local_host(&request("evil.example:7878", None)));
        let own = Some("http://127.0.0.1:7878");
        assert!(has_same_origin(&request("127.0.0.1:7878", own)));
        assert!(!has_same_origin(&request(
            "127.0.0.1:7878",
            Some("https://evil.example")
        )));
    }
}
