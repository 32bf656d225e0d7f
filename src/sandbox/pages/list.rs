//! The list of flows: a search, a filter by status, and pages.

use jiff::Timestamp;
use minijinja::{Value, context};

use super::render::page;
use super::values::{Label, flow_label, flow_value, signer_name};
use crate::sandbox::http::{HttpResponse, ServiceState};
use crate::sandbox::world::{Flow, World};

/// The number of flows on a page of the list.
const PAGE_LENGTH: usize = 50;

/// The parameters of the list.
#[derive(Default)]
struct Query {
    /// The searched words, in lower case.
    words: Vec<String>,
    /// The search as it was entered.
    search: String,
    /// The English name of a status; empty for all.
    status: String,
    /// The requested page, from 1.
    page: usize,
}

impl Query {
    fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "q" => value.trim().clone_into(&mut parsed.search),
                "status" => parsed.status = value.into_owned(),
                "page" => parsed.page = value.parse().unwrap_or(1),
                _ => {}
            }
        }
        let words = parsed.search.split_whitespace();
        parsed.words = words.map(str::to_lowercase).collect();
        parsed
    }

    /// Returns the address of a page of the list.
    fn address(&self, status: &str, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.search.is_empty() {
            query.append_pair("q", &self.search);
        }
        if !status.is_empty() {
            query.append_pair("status", status);
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        match query.finish() {
            query if query.is_empty() => "/".to_owned(),
            query => format!("/?{query}"),
        }
    }

    /// Returns whether each word is part of the flow's id, subject, documents or signers.
    fn matches(&self, world: &World, flow: &Flow) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let mut text = format!("{}\n{}", flow.id, flow.business_scene);
        for doc in &flow.docs {
            text.push('\n');
            text += &doc.name;
        }
        for task in &flow.tasks {
            text.push('\n');
            text += &signer_name(world, task);
        }
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }
}

/// Returns a key that is larger for a later flow. Ids are increasing numbers: a longer id is later.
fn time_order(flow: &Flow) -> (i64, usize, &str) {
    (flow.created_at, flow.id.0.len(), flow.id.as_str())
}

/// Builds the page that lists the flows, the latest first.
pub(super) fn list(state: &ServiceState, query: &str, now: Timestamp) -> HttpResponse {
    let world = &state.world;
    let query = Query::parse(query);
    let matching = world
        .flows
        .values()
        .filter(|flow| query.matches(world, flow));
    let found: Vec<(&Flow, Label)> = matching
        .map(|flow| (flow, flow_label(flow.status_at(now))))
        .collect();
    let mut counts: Vec<(Label, usize)> = Vec::new();
    for (_, label) in &found {
        match counts.iter_mut().find(|(known, _)| known == label) {
            Some((_, count)) => *count += 1,
            None => counts.push((*label, 1)),
        }
    }
    let is_listed = |label: &Label| query.status.is_empty() || label.en() == query.status;
    let listed = found.iter().filter(|(_, label)| is_listed(label));
    let mut flows: Vec<&Flow> = listed.map(|(flow, _)| *flow).collect();
    flows.sort_unstable_by(|one, other| time_order(other).cmp(&time_order(one)));

    let last = flows.len().div_ceil(PAGE_LENGTH).max(1);
    let current = query.page.clamp(1, last);
    let shown = flows.iter().skip((current - 1) * PAGE_LENGTH);
    let shown: Vec<Value> = shown
        .take(PAGE_LENGTH)
        .map(|flow| flow_value(world, flow, now))
        .collect();
    let statuses: Vec<Value> = counts
        .into_iter()
        .map(|(state, number)| {
            let address = query.address(state.en(), 1);
            context! { state, number, address, is_current => state.en() == query.status }
        })
        .collect();
    let address = |page| query.address(&query.status, page);
    let values = context! {
        is_empty => world.flows.is_empty(),
        search => &query.search,
        status => &query.status,
        all => query.address("", 1),
        total => found.len(),
        statuses,
        flows => shown,
        number => flows.len(),
        page => current,
        last,
        previous => (current > 1).then(|| address(current - 1)),
        next => (current < last).then(|| address(current + 1)),
        first_address => address(1),
        last_address => address(last),
    };
    page("签署流程", false, "list.html", values, now)
}
