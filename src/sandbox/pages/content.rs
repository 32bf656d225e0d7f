//! The contents of the pages of one flow.

use http::StatusCode;
use jiff::Timestamp;
use minijinja::{Value, context};

use super::render::{fragment, page};
use super::values::{FormError, choice_value, flow_value, outcome, task_value};
use crate::address::{DocId, FlowId};
use crate::api::SignStatus;
use crate::pdf;
use crate::sandbox::http::{HttpResponse, ServiceState, response};
use crate::sandbox::links::Links;
use crate::sandbox::world::{Flow, SealChoice, Task};

/// The width of the image of a document's page, in pixels.
const PAGE_WIDTH: u32 = 1000;

/// Builds the page of a flow. With `links`, it has links to the sign pages and the list. `None` if
/// the flow does not exist.
pub(super) fn flow(
    state: &ServiceState,
    id: &str,
    links: bool,
    now: Timestamp,
) -> Option<HttpResponse> {
    let flow = state.world.flows.get(&FlowId(id.to_owned()))?;
    let value = flow_value(&state.world, flow, now);
    let documents = documents(state, flow)?;
    let values = context! { links, flow => value, documents };
    Some(page(&title(flow), links, "flow.html", values, now))
}

/// Returns the title of a flow's pages: its subject, or its id if the subject is empty.
fn title(flow: &Flow) -> String {
    match flow.business_scene.trim() {
        "" => format!("流程 {}", flow.id),
        scene => scene.to_owned(),
    }
}

/// Builds the sign page of a task, with the error of a form if there is one. `None` if the task
/// does not exist.
pub(super) fn sign(
    state: &ServiceState,
    token: &str,
    error: Option<FormError>,
    now: Timestamp,
) -> Option<HttpResponse> {
    let (flow, task) = state.world.task(token)?;
    if task.token != token {
        return None;
    }
    let world = &state.world;
    let links = Links {
        base_url: "",
        key: &state.link_key,
        now,
    };
    let [own, organization] = world.choices(task);
    let choices = |seals: Vec<SealChoice>| -> Vec<Value> {
        seals
            .iter()
            .map(|seal| choice_value(world, seal, links))
            .collect()
    };
    // Another scheme, such as `javascript:`, could run code.
    let is_web = |url: &&str| url.starts_with("http://") || url.starts_with("https://");
    let redirect = flow.redirect_url.as_deref().filter(is_web);
    let values = context! {
        flow => flow_value(world, flow, now),
        documents => documents(state, flow)?,
        task => task_value(world, flow, task, now),
        own => choices(own),
        organization => choices(organization),
        encrypted => encrypted_docs(flow, task).next().is_some(),
        outcome => outcome(flow, task, now),
        redirect => redirect.filter(|_| task.status == SignStatus::Signed),
        error,
    };
    let mut page = page(&title(flow), false, "sign.html", values, now);
    if error.is_some() {
        *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Some(page)
}

/// Returns the documents of a task that require a password.
pub(super) fn encrypted_docs<'a>(
    flow: &'a Flow,
    task: &'a Task,
) -> impl Iterator<Item = &'a DocId> {
    let is_signed = |id: &DocId| task.places.iter().any(|place| place.doc == *id);
    flow.docs
        .iter()
        .filter(move |doc| doc.encryption && is_signed(&doc.id))
        .map(|doc| &doc.id)
}

/// Builds the image of a document's page, with the signatures. `page` is the file name, such as
/// `1.png`.
pub(super) fn page_image(
    state: &mut ServiceState,
    flow: &str,
    doc: &str,
    page: &str,
) -> Option<HttpResponse> {
    let page: u32 = page.strip_suffix(".png")?.parse().ok()?;
    let ServiceState {
        world, documents, ..
    } = state;
    let flow = world.flows.get(&FlowId(flow.to_owned()))?;
    let doc = DocId(doc.to_owned());
    flow.docs.iter().find(|known| known.id == doc)?;
    let bytes = documents.signed_document(world, flow, &doc).ok()?;
    let image = pdf::picture(&bytes, page, PAGE_WIDTH).ok()??;
    Some(response(StatusCode::OK, "image/png", image))
}

/// Renders the pages of a flow's documents.
fn documents(state: &ServiceState, flow: &Flow) -> Option<String> {
    let documents: Vec<Value> = flow
        .docs
        .iter()
        .map(|flow_doc| {
            let doc = state.world.docs.get(&flow_doc.id);
            let bytes = doc.and_then(|doc| state.documents.document(doc).ok());
            let encrypted = bytes
                .as_ref()
                .is_none_or(|bytes| pdf::check(bytes).is_err());
            let sizes = bytes.and_then(|bytes| pdf::page_sizes(&bytes).ok());
            let pages: Vec<Value> = sizes
                .iter()
                .flatten()
                .zip(1..)
                .map(|((width, height), number)| {
                    // A known height prevents the layout from moving when the image is loaded.
                    let height = (f64::from(PAGE_WIDTH) * height / width).round();
                    context! { number, width => PAGE_WIDTH, height => format!("{height}") }
                })
                .collect();
            context! { id => &flow_doc.id.0, name => &flow_doc.name, encrypted, pages }
        })
        .collect();
    let values = context! { flow => context! { id => &flow.id.0, documents } };
    fragment("documents.html", values).ok()
}
