//! The web pages of the emulated service: the list of flows, one flow, and the sign page of a task.
//!
//! Plain HTML without scripts.

mod content;
mod form;
mod list;
mod render;
mod values;

pub(super) use render::{not_found, with_security_headers};

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;

use super::http::{HttpResponse, SharedState};
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
    let query = request.uri().query().unwrap_or_default();
    let mut state = state.lock();
    let page = match (request.method(), &parts[..]) {
        (&Method::POST, [_, token]) => form::submit(&mut state, token, request.body(), now),
        (_, ["flow", id]) => content::flow(&state, id, true, now),
        (_, ["view", id]) if links::is_valid(&state.link_key, path, query, now) => {
            content::flow(&state, id, false, now)
        }
        (_, ["s", short]) if links::is_valid(&state.link_key, path, query, now) => state
            .world
            .task(short)
            .map(|(_, task)| render::see_other(&format!("/sign/{}", task.token))),
        (_, ["sign", token]) => content::sign(&state, token, None, now),
        (_, ["page", flow, doc, page]) => content::page_image(&mut state, flow, doc, page),
        (_, [_]) => Some(list::list(&state, query, now)),
        _ => None,
    };
    Some(render::with_security_headers(
        page.unwrap_or_else(|| render::not_found(now)),
    ))
}
