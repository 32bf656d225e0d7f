//! Decodes an environment and the reports of `treaty.yaml` into [`Settings`].

use std::path::{Path, PathBuf};

use super::decode::Decoder;
use super::sections::{Sections, sections};
use super::settings::{Endpoint, ReportFormat, Reports, Settings};
use super::yaml::Node;
use crate::api::is_safe;
use crate::diagnostic::Span;

/// An environment as `treaty.yaml` declares it.
pub(super) struct Environment {
    endpoint: Option<Endpoint>,
    protected: bool,
    sections: Sections,
}

pub(super) fn environment(decoder: &mut Decoder<'_>, node: &Node) -> Option<Environment> {
    let mut fields = decoder.fields(node, "an environment")?;
    let endpoint = fields
        .required(decoder, "endpoint")
        .and_then(|node| endpoint(decoder, node));
    let protected = fields
        .optional("protected")
        .and_then(|node| decoder.flag(node, "protected"));
    // Read before, since the rest may name them.
    fields.optional("variables");
    let sections = sections(decoder, &mut fields);
    fields.finish(decoder);
    Some(Environment {
        endpoint,
        protected: protected.unwrap_or(false),
        sections,
    })
}

fn endpoint(decoder: &mut Decoder<'_>, node: &Node) -> Option<Endpoint> {
    let settled = decoder.settled(node, "endpoint")?;
    if settled.text == "sandbox" {
        return Some(Endpoint::Sandbox);
    }
    let url = settled.text.trim_end_matches('/');
    let authority = url
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        // It is not repeated: it may hold a password.
        decoder.error(
            &settled.span,
            "the endpoint has a login in it",
            "credentials never stand in a file: set TREATY_APP_ID and TREATY_APP_SECRET",
        );
        return None;
    }
    if url.contains(['?', '#']) {
        decoder.error(
            &settled.span,
            "the endpoint has something behind its path",
            "operations are put behind it: end it where their paths begin",
        );
        return None;
    }
    if is_safe(url) {
        return Some(Endpoint::Url(url.to_owned()));
    }
    decoder.error(
        &settled.span,
        format!("the endpoint {url} is not safe for credentials"),
        "it is sandbox, or an https:// address; http:// only on this machine (127.0.0.1, [::1], localhost)",
    );
    None
}

pub(super) fn reports(decoder: &mut Decoder<'_>, root: &Path, node: Option<&Node>) -> Reports {
    let mut reports = Reports {
        directory: root.join("reports"),
        formats: vec![ReportFormat::Csv, ReportFormat::Json, ReportFormat::Html],
    };
    let Some(mut fields) = node.and_then(|node| decoder.fields(node, "reports")) else {
        return reports;
    };
    if let Some(directory) = fields.optional_settled(decoder, "directory") {
        match super::path::inside(root, root, &directory.text) {
            Ok(path) => reports.directory = path,
            Err(why) => decoder.error(&directory.span, why, "reports lie inside the project"),
        }
    }
    if let Some(node) = fields.optional("formats") {
        reports.formats.clear();
        let choices = [
            ("csv", Some(ReportFormat::Csv)),
            ("json", Some(ReportFormat::Json)),
            ("xlsx", None),
            ("html", Some(ReportFormat::Html)),
            ("junit", Some(ReportFormat::Junit)),
        ];
        for node in decoder.list(node, "formats") {
            match decoder.choice(node, "a report's format", &choices) {
                Some(Some(format)) => reports.formats.push(format),
                Some(None) => {
                    decoder.error(
                        &node.span,
                        "this kind of report is not supported yet",
                        "there are csv, json, html and junit",
                    );
                }
                None => {}
            }
        }
    }
    fields.finish(decoder);
    reports
}

/// Puts the project's sections and the environment's together.
pub(super) fn resolve(
    decoder: &mut Decoder<'_>,
    root: &Path,
    name: &str,
    environment: Environment,
    project: Sections,
    reports: Reports,
) -> Option<Settings> {
    let endpoint = environment.endpoint?;
    let own = environment.sections.over(project);
    let limits = own.limits(&endpoint);
    let retries = own.retries();
    let failures = own.failures();
    let ledger = match &own.ledger {
        None => root.join(".treaty").join(format!("{name}.db")),
        Some(declared) => ledger(decoder, root, name, declared)?,
    };
    Some(Settings {
        environment: name.to_owned(),
        endpoint,
        protected: environment.protected,
        limits,
        retries,
        failures,
        ledger,
        reports,
    })
}

/// What can be said of an environment that is not used.
pub(super) fn check(decoder: &mut Decoder<'_>, root: &Path, name: &str, environment: &Environment) {
    if let Some(declared) = &environment.sections.ledger {
        ledger(decoder, root, name, declared);
    }
}

fn ledger(
    decoder: &mut Decoder<'_>,
    root: &Path,
    environment: &str,
    (text, span): &(String, Span),
) -> Option<PathBuf> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        decoder.error(
            span,
            "a ledger in Postgres is not supported yet",
            "leave it out: it lies in .treaty/",
        );
        return None;
    }
    match super::path::inside(root, root, &text.replace("{environment}", environment)) {
        Ok(path) => Some(path),
        Err(why) => {
            decoder.error(span, why, "the ledger lies inside the project");
            None
        }
    }
}
