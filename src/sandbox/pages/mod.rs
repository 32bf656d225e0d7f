//! The pages of the emulated service: all flows, one flow, and the page behind a `signUrl`.
//!
//! Plain HTML without scripts. They answer on this machine's own names only, and take a deed only from themselves: a
//! page of somebody else's, open in the same browser, can neither read nor sign anything here.

mod view;

use std::sync::LazyLock;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use minijinja::{Environment, Value, context};

use super::face::{Answer, Sandbox, State, header_text, plain};
use super::links;
use super::signing::Deed;
use super::world::{Flow, Task, Used};
use crate::api::operation::Op;
use crate::api::{FlowStatus, SignStatus};
use crate::id::{DocId, FlowId};
use crate::pdf;
use view::{choice, flow_value, outcome, place_lines, state_word, task_value};

/// The pages, compiled once; what they are given is escaped.
static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    for (name, source) in [
        ("base.html", include_str!("base.html")),
        ("documents.html", include_str!("documents.html")),
        ("flow.html", include_str!("flow.html")),
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
    let query = request.uri().query().unwrap_or_default();
    let page = match (request.method(), &parts[..]) {
        (&Method::GET, [""]) => list(&sandbox.state(), now),
        (&Method::GET, ["flow", id]) => flow(&sandbox.state(), id, true, now),
        (&Method::GET, ["view", id]) if links::alive(path, query, now) => {
            flow(&sandbox.state(), id, false, now)
        }
        (&Method::GET, ["s", short]) if links::alive(path, query, now) => {
            let state = sandbox.state();
            state
                .world
                .task(short)
                .map(|(_, task)| see_other(&format!("/sign/{}", task.token)))
        }
        (&Method::GET, ["sign", token]) => {
            let mut state = sandbox.state();
            sign(&mut state, token, None, now)
        }
        // Some operations begin with sign/ too.
        (&Method::POST, ["sign", token]) if Op::at(path).is_none() && own_form(request) => {
            let mut state = sandbox.state();
            act(&mut state, token, request.body(), now)
        }
        (&Method::GET, ["page", flow, doc, page]) => picture(&mut sandbox.state(), flow, doc, page),
        (&Method::GET, ["view" | "s", _]) => None,
        _ => return None,
    };
    let page = page.unwrap_or_else(gone);
    Some(if own_host(request) {
        page
    } else {
        plain(StatusCode::FORBIDDEN, "text/plain", "not from here")
    })
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

fn list(state: &State, now: Timestamp) -> Option<Answer> {
    let world = &state.world;
    let mut counts: Vec<(&str, usize)> = Vec::new();
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
    render(
        "list.html",
        context! { title => "签署流程", counts, flows => shown, total => flows.len() },
    )
}

fn flow(state: &State, id: &str, links: bool, now: Timestamp) -> Option<Answer> {
    let flow = state.world.flows.get(&FlowId(id.to_owned()))?;
    let value = with_documents(state, flow, now);
    render(
        "flow.html",
        context! { title => &flow.business_scene, home => links, links, flow => value },
    )
}

fn sign(state: &mut State, token: &str, wrong: Option<&str>, now: Timestamp) -> Option<Answer> {
    let (flow, task) = state.world.task(token)?;
    if task.token != token {
        return None;
    }
    let world = &state.world;
    let [own, organization] = world.choices(task);
    let choices = |used: Vec<Used>| -> Vec<Value> {
        used.iter().map(|used| choice(world, used, now)).collect()
    };
    let open = flow.status_at(now) == FlowStatus::Signing;
    let redirect = flow
        .redirect_url
        .as_deref()
        .filter(|url| url.starts_with("http://") || url.starts_with("https://"));
    render(
        "sign.html",
        context! {
            title => &flow.business_scene,
            flow => with_documents(state, flow, now),
            task => task_value(world, task),
            places => place_lines(flow, task),
            own => choices(own),
            organization => choices(organization),
            locked => is_locked(flow, task),
            open,
            outcome => outcome(flow, task, now),
            redirect => redirect.filter(|_| task.status == SignStatus::Signed),
            wrong,
        },
    )
}

fn is_locked(flow: &Flow, task: &Task) -> bool {
    flow.docs
        .iter()
        .any(|doc| doc.encryption && task.places.iter().any(|place| place.doc == doc.id))
}

fn act(state: &mut State, token: &str, body: &[u8], now: Timestamp) -> Option<Answer> {
    let fields = form(body);
    let field = |name: &str| {
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    let (flow, task) = state.world.task(token)?;
    let wrong_password = is_locked(flow, task) && {
        let password = field("password").unwrap_or_default();
        let opens = |doc: &DocId| state.papers.opens(&state.world, doc, &password);
        password.is_empty()
            || !flow
                .docs
                .iter()
                .filter(|doc| doc.encryption)
                .all(|doc| opens(&doc.id))
    };
    let token = task.token.clone();
    let deed = match field("deed").as_deref() {
        Some("refuse") => match field("reason") {
            Some(reason) => Deed::Refuse { reason },
            None => return sign(state, &token, Some("请填写拒签原因"), now),
        },
        _ if wrong_password => return sign(state, &token, Some("文档编辑密码不正确"), now),
        _ => {
            let [own, organization] = state.world.choices(task);
            let chosen = |name: &str, all: Vec<Used>| {
                let wanted = field(name);
                all.into_iter()
                    .find(|used| Some(view::choice_key(used)) == wanted)
            };
            let used = [chosen("own", own), chosen("organization", organization)];
            Deed::Sign(used.into_iter().flatten().collect())
        }
    };
    if let Err(error) = state.world.act(&token, &deed, now) {
        return sign(state, &token, Some(&error.to_string()), now);
    }
    Some(state.keep(see_other(&format!("/sign/{token}"))))
}

/// The fields of a form that a browser has sent.
fn form(body: &[u8]) -> Vec<(String, String)> {
    // A form in a body is written as in a query.
    let query = String::from_utf8_lossy(body);
    reqwest::Url::parse(&format!("http://form.invalid/?{query}"))
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
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

/// A flow, and the pages of its documents.
fn with_documents(state: &State, flow: &Flow, now: Timestamp) -> Value {
    let documents: Vec<Value> = flow
        .docs
        .iter()
        .map(|doc| {
            let made = state.world.docs.get(&doc.id);
            let bytes = made.and_then(|made| state.papers.document(made).ok());
            let sizes = bytes.and_then(|bytes| pdf::page_sizes(&bytes).ok());
            let pages: Vec<usize> = (1..=sizes.as_ref().map_or(0, Vec::len)).collect();
            context! { id => &doc.id.0, name => &doc.name, locked => sizes.is_none(), pages }
        })
        .collect();
    context! { documents, ..flow_value(&state.world, flow, now) }
}

fn render(name: &str, values: Value) -> Option<Answer> {
    let page = PAGES.get_template(name).ok()?;
    let style = include_str!("style.css");
    let html = page.render(context! { style, ..values });
    Some(match html {
        Ok(html) => closed(plain(StatusCode::OK, "text/html; charset=utf-8", html)),
        Err(error) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain",
            error.to_string(),
        ),
    })
}

/// Nothing but our own pictures and styles is loaded, and nobody frames the page.
fn closed(mut answer: Answer) -> Answer {
    let rules = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    answer.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        header::HeaderValue::from_static(rules),
    );
    answer
}

fn see_other(place: &str) -> Answer {
    let mut answer = plain(StatusCode::SEE_OTHER, "text/plain", "");
    if let Ok(place) = header::HeaderValue::from_str(place) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    answer
}

fn gone() -> Answer {
    plain(
        StatusCode::NOT_FOUND,
        "text/plain; charset=utf-8",
        "链接不存在或已失效 (no such page, or its time has run out)",
    )
}

/// What people see of the world.
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
