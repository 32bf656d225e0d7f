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

/// Decodes an environment. Adds errors to the decoder's findings.
pub(super) fn environment(decoder: &mut Decoder<'_>, node: &Node) -> Option<Environment> {
    let mut fields = decoder.fields(node, "an environment")?;
    let endpoint = fields
        .required(decoder, "endpoint")
        .and_then(|node| endpoint(decoder, node));
    let protected = fields
        .optional("protected")
        .and_then(|node| decoder.flag(node, "protected"));
    // Decoded earlier, because the other fields may use them.
    fields.optional("variables");
    let sections = sections(decoder, &mut fields);
    fields.finish(decoder);
    Some(Environment {
        endpoint,
        protected: protected.unwrap_or(false),
        sections,
    })
}

/// Decodes and checks the address of the API.
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
        // The message does not contain the address: it may contain a password.
        decoder.error(
            &settled.span,
            "the endpoint contains a user name or password",
            "remove it and set TREATY_APP_ID and TREATY_APP_SECRET",
        );
        return None;
    }
    if url.contains(['?', '#']) {
        decoder.error(
            &settled.span,
            "the endpoint has a query or a fragment",
            "remove ? and # and the text after them",
        );
        return None;
    }
    if is_safe(url) {
        return Some(Endpoint::Url(url.to_owned()));
    }
    decoder.error(
        &settled.span,
        format!("the endpoint {url} is not safe for credentials"),
        "use sandbox or an https:// address; http:// is allowed only for 127.0.0.1, [::1] and localhost",
    );
    None
}

/// Decodes the reports section. Returns the defaults when it is absent.
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
            Err(why) => decoder.error(
                &directory.span,
                why,
                "use a folder inside the project's folder",
            ),
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
                        "this report format is not supported yet",
                        "use csv, json, html or junit",
                    );
                }
                None => {}
            }
        }
    }
    fields.finish(decoder);
    reports
}

/// Merges the sections of the environment and of the project into settings. The environment's
/// values take precedence.
pub(super) fn resolve(
    decoder: &mut Decoder<'_>,
    root: &Path,
    name: &str,
    environment: Environment,
    project: Sections,
    reports: Reports,
) -> Option<Settings> {
    let endpoint = environment.endpoint?;
    let sections = environment.sections.or(project);
    let limits = sections.limits(&endpoint);
    let retries = sections.retries();
    let failures = sections.failures();
    let ledger = match &sections.ledger {
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

/// Checks an environment that is not selected.
pub(super) fn check(decoder: &mut Decoder<'_>, root: &Path, name: &str, environment: &Environment) {
    if let Some(declared) = &environment.sections.ledger {
        ledger(decoder, root, name, declared);
    }
}

/// Resolves the declared path of the ledger.
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
            "remove ledger to use the default file in .treaty/",
        );
        return None;
    }
    match super::path::inside(root, root, &text.replace("{environment}", environment)) {
        Ok(path) => Some(path),
        Err(why) => {
            decoder.error(span, why, "use a file inside the project's folder");
            None
        }
    }
}
