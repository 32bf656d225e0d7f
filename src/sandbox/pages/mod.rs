//! The pages of the emulated service: all flows, one flow, and the page behind a `signUrl`.
//!
//! Plain HTML without scripts. They answer on this machine's own names only, and take a deed only from themselves: a
//! page of somebody else's, open in the same browser, can neither read nor sign anything here.

mod form;
mod view;

use std::sync::LazyLock;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use minijinja::{Environment, Value, context};
use view::{Word, Wrong, choice, flow_value, outcome, state_word, task_value};

use super::face::{Answer, Sandbox, State, header_text, plain};
use super::links;
use super::world::{Flow, Task, Used};
use crate::address::{DocId, FlowId};
use crate::api::operation::Op;
use crate::api::{SignStatus, time};
use crate::pdf;

/// The pages, compiled once; what they are given is escaped.
static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    for (name, source) in [
        ("base.html", include_str!("base.html")),
        ("documents.html", include_str!("documents.html")),
        ("flow.html", include_str!("flow.html")),
        ("gone.html", include_str!("gone.html")),
        ("list.html", include_str!("list.html")),
        ("sign.html", include_str!("sign.html")),
    ] {
        pages
            .add_template(name, source)
            .expect("the pages are part of the program, and tests render them");
    }
    pages
});

/// The list shows so many flows.
const SHOWN: usize = 200;
/// How wide a page's picture is, in pixels.
const WIDTH: u32 = 1000;

/// A page, if the path is one.
pub(super) fn serve(
    sandbox: &Sandbox,
    request: &Request<Bytes>,
    path: &str,
    now: Timestamp,
) -> Option<Answer> {
    let parts: Vec<&str> = path.split('/').collect();
    let is_page = match (request.method(), &parts[..]) {
        (&Method::GET, [""] | ["flow" | "view" | "s" | "sign", _] | ["page", _, _, _]) => true,
        // `sign/revoke` and `sign/download` are operations, whatever tokens look like.
        (&Method::POST, ["sign", _]) => Op::at(path).is_none(),
        _ => false,
    };
    if !is_page {
        return None;
    }
    // Asked before anything is done: what a foreign page sends must not be carried out and then refused.
    if !own_host(request) || (request.method() == Method::POST && !own_form(request)) {
        let no = "只能在本机访问 (not from here)";
        return Some(closed(plain(
            StatusCode::FORBIDDEN,
            "text/plain; charset=utf-8",
            no,
        )));
    }
    let query = request.uri().query().unwrap_or_default();
    let mut state = sandbox.state();
    let page = match (request.method(), &parts[..]) {
        (&Method::POST, [_, token]) => form::act(&mut state, token, request.body(), now),
        (_, ["flow", id]) => flow(&state, id, true, now),
        (_, ["view", id]) if links::alive(path, query, now) => flow(&state, id, false, now),
        (_, ["s", short]) if links::alive(path, query, now) => state
            .world
            .task(short)
            .map(|(_, task)| see_other(&format!("/sign/{}", task.token))),
        (_, ["sign", token]) => sign(&state, token, None, now),
        (_, ["page", flow, doc, page]) => picture(&mut state, flow, doc, page),
        (_, [_]) => Some(list(&state, now)),
        _ => None,
    };
    Some(closed(page.unwrap_or_else(|| gone(now))))
}

/// Whether the browser knows us by a name of this machine: a foreign name may be pointed at us to read our pages.
fn own_host(request: &Request<Bytes>) -> bool {
    let host = header_text(request.headers(), header::HOST.as_str());
    host.is_none_or(|host| {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        matches!(name, "127.0.0.1" | "localhost" | "[::1]")
    })
}

/// Whether a form was sent by a page of ours.
fn own_form(request: &Request<Bytes>) -> bool {
    let host = header_text(request.headers(), header::HOST.as_str()).unwrap_or_default();
    header_text(request.headers(), header::ORIGIN.as_str())
        .is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

fn list(state: &State, now: Timestamp) -> Answer {
    let world = &state.world;
    let mut counts: Vec<(Word, usize)> = Vec::new();
    for flow in world.flows.values() {
        let state = state_word(flow.status_at(now));
        match counts.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => counts.push((state, 1)),
        }
    }
    let mut flows: Vec<&Flow> = world.flows.values().collect();
    // Ids grow: the latest come first.
    flows.sort_by_key(|flow| std::cmp::Reverse((flow.begun, flow.id.0.len(), flow.id.0.clone())));
    let shown: Vec<Value> = flows
        .iter()
        .take(SHOWN)
        .map(|flow| flow_value(world, flow, now))
        .collect();
    let counts: Vec<Value> = counts
        .into_iter()
        .map(|(state, number)| context! { state, number })
        .collect();
    let values = context! { counts, flows => shown, total => flows.len() };
    page("签署流程", false, "list.html", values, now)
}

fn flow(state: &State, id: &str, links: bool, now: Timestamp) -> Option<Answer> {
    let flow = state.world.flows.get(&FlowId(id.to_owned()))?;
    let value = flow_value(&state.world, flow, now);
    let documents = documents(state, flow)?;
    let values = context! { links, flow => value, documents };
    Some(page(&title(flow), links, "flow.html", values, now))
}

/// What a flow's pages are called: some flows say nothing about themselves.
fn title(flow: &Flow) -> String {
    match flow.business_scene.trim() {
        "" => format!("流程 {}", flow.id),
        scene => scene.to_owned(),
    }
}

fn sign(state: &State, token: &str, wrong: Option<Wrong>, now: Timestamp) -> Option<Answer> {
    let (flow, task) = state.world.task(token)?;
    if task.token != token {
        return None;
    }
    let world = &state.world;
    let [own, organization] = world.choices(task);
    let choices = |used: Vec<Used>| -> Vec<Value> {
        used.iter().map(|used| choice(world, used, now)).collect()
    };
    // Any other kind of address could be a program in disguise.
    let is_web = |url: &&str| url.starts_with("http://") || url.starts_with("https://");
    let redirect = flow.redirect_url.as_deref().filter(is_web);
    let values = context! {
        flow => flow_value(world, flow, now),
        documents => documents(state, flow)?,
        task => task_value(world, flow, task, now),
        own => choices(own),
        organization => choices(organization),
        locked => is_locked(flow, task),
        outcome => outcome(flow, task, now),
        redirect => redirect.filter(|_| task.status == SignStatus::Signed),
        wrong,
    };
    let mut answer = page(&title(flow), false, "sign.html", values, now);
    if wrong.is_some() {
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Some(answer)
}

/// The documents of a task that ask for a password.
fn locked_docs<'a>(flow: &'a Flow, task: &'a Task) -> impl Iterator<Item = &'a DocId> {
    let signed = |id: &DocId| task.places.iter().any(|place| place.doc == *id);
    flow.docs
        .iter()
        .filter(move |doc| doc.encryption && signed(&doc.id))
        .map(|doc| &doc.id)
}

fn is_locked(flow: &Flow, task: &Task) -> bool {
    locked_docs(flow, task).next().is_some()
}

fn picture(state: &mut State, flow: &str, doc: &str, page: &str) -> Option<Answer> {
    let page: u32 = page.strip_suffix(".png")?.parse().ok()?;
    let State { world, papers, .. } = state;
    let flow = world.flows.get(&FlowId(flow.to_owned()))?;
    let doc = DocId(doc.to_owned());
    flow.docs.iter().find(|known| known.id == doc)?;
    let bytes = papers.signed(world, flow, &doc).ok()?;
    let picture = pdf::picture(&bytes, page, WIDTH).ok()??;
    Some(plain(StatusCode::OK, "image/png", picture))
}

/// The pages of a flow's documents, as HTML.
fn documents(state: &State, flow: &Flow) -> Option<String> {
    let documents: Vec<Value> = flow
        .docs
        .iter()
        .map(|doc| {
            let made = state.world.docs.get(&doc.id);
            let bytes = made.and_then(|made| state.papers.document(made).ok());
            let locked = bytes
                .as_ref()
                .is_none_or(|bytes| pdf::check(bytes).is_err());
            let sizes = bytes.and_then(|bytes| pdf::page_sizes(&bytes).ok());
            let pages: Vec<Value> = sizes
                .iter()
                .flatten()
                .zip(1..)
                .map(|((width, height), number)| {
                    // The page keeps its place before its picture has come.
                    let height = (f64::from(WIDTH) * height / width).round();
                    context! { number, width => WIDTH, height => format!("{height}") }
                })
                .collect();
            context! { id => &doc.id.0, name => &doc.name, locked, pages }
        })
        .collect();
    let values = context! { flow => context! { id => &flow.id.0, documents } };
    let template = PAGES.get_template("documents.html").ok()?;
    template.render(values).ok()
}

/// A whole page: what is in it, and what stands around every page.
fn page(title: &str, home: bool, name: &str, values: Value, now: Timestamp) -> Answer {
    let filled = || {
        let body = PAGES.get_template(name)?.render(values)?;
        let style = include_str!("style.css");
        let values = context! { title, home, style, body, now => time::text(now) };
        PAGES.get_template("base.html")?.render(values)
    };
    match filled() {
        Ok(html) => plain(StatusCode::OK, "text/html; charset=utf-8", html),
        Err(error) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain",
            error.to_string(),
        ),
    }
}

/// Nothing but our own pictures and styles is loaded, nobody frames the page, and what is shown is never an old state.
fn closed(mut answer: Answer) -> Answer {
    let rules = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; form-action 'self'; \
                 frame-ancestors 'none'; base-uri 'none'";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, rules),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With no-referrer a browser would send our own forms without their origin.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        let value = header::HeaderValue::from_static(value);
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn see_other(place: &str) -> Answer {
    let mut answer = plain(StatusCode::SEE_OTHER, "text/plain", "");
    if let Ok(place) = header::HeaderValue::from_str(place) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    answer
}

fn gone(now: Timestamp) -> Answer {
    let mut answer = page("链接不存在或已失效", true, "gone.html", context! {}, now);
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_for_this_machine_and_forms_for_themselves() {
        let request = |host: &str, origin: Option<&str>| {
            let mut request = Request::builder().header("host", host);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            request.body(Bytes::new()).expect("a request")
        };
        assert!(own_host(&request("127.0.0.1:7878", None)));
        assert!(own_host(&request("[::1]:7878", None)));
        assert!(!own_host(&request("evil.example:7878", None)));
        let own = Some("http://127.0.0.1:7878");
        assert!(own_form(&request("127.0.0.1:7878", own)));
        assert!(!own_form(&request(
            "127.0.0.1:7878",
            Some("https://evil.example")
        )));
    }
}
