//! Merges `treaty.yaml` and one of its environments into [`Settings`], and checks them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use super::collections::FieldMap;
use super::ledger_setting::LedgerSetting;
use super::project_file::{Environment, ProjectFile, Reports as DeclaredReports};
use super::settings::{
    Endpoint, Failures, InvalidRows, Limits, Millis, Rate, RateLimit, ReportFormat, Reports,
    Retries, Settings, Tolerance,
};
use super::value::StaticText;
use crate::api::operation::Op;
use crate::api::{ALLOW_ENDPOINT, AllowedEndpoints, KNOWN_HOSTS, contains_login, is_safe};
use crate::diagnostic::{Diagnostic, Findings, Span, did_you_mean};

/// The default of `limits.concurrency`.
const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(16).expect("positive");

/// Merges the project and an environment. The environment's values take precedence. Adds errors to
/// `findings` and returns `None` when the endpoint or the ledger is invalid, or when the endpoint
/// may not receive credentials.
pub(super) fn settings(
    root: &Path,
    name: &str,
    (environment, project): (&Environment, &ProjectFile),
    allowed: &AllowedEndpoints,
    findings: &mut Findings,
) -> Option<Settings> {
    let reports = reports(root, &project.reports, findings);
    let mut operations = rates(&project.limits.operations, findings);
    operations.extend(rates(&environment.limits.operations, findings));
    let endpoint = endpoint(&environment.endpoint, findings)?;
    check_allowed(&endpoint, &environment.endpoint.span, allowed, findings)?;
    let declared = environment.ledger.as_ref().or(project.ledger.as_ref());
    Some(Settings {
        environment: name.to_owned(),
        limits: limits(&endpoint, environment, project, operations),
        endpoint,
        protected: environment.protected,
        retries: retries(environment, project),
        failures: failures(environment, project),
        ledger: match declared {
            None => LedgerSetting::default_file(root, name),
            Some(declared) => {
                LedgerSetting::resolve(root, (&project.project, name), declared, findings)?
            }
        },
        reports,
    })
}

/// Checks an environment that is not selected.
pub(super) fn check(root: &Path, name: &str, environment: &Environment, findings: &mut Findings) {
    endpoint(&environment.endpoint, findings);
    rates(&environment.limits.operations, findings);
    if let Some(declared) = &environment.ledger {
        LedgerSetting::resolve(root, ("", name), declared, findings);
    }
}

/// Returns the limits. The default rate is 10 requests per second, and unlimited for the sandbox.
fn limits(
    endpoint: &Endpoint,
    environment: &Environment,
    project: &ProjectFile,
    operations: BTreeMap<Op, Rate>,
) -> Limits {
    let default = match endpoint {
        Endpoint::Sandbox => RateLimit(None),
        Endpoint::Url(_) => RateLimit(Some(Rate(10.0))),
    };
    let (own, shared) = (&environment.limits, &project.limits);
    Limits {
        rate: own.rate.or(shared.rate).unwrap_or(default).0,
        concurrency: own
            .concurrency
            .or(shared.concurrency)
            .map_or(DEFAULT_CONCURRENCY, |number| number.0),
        operations,
    }
}

/// Returns the rates of single operations.
fn rates(declared: &FieldMap<RateLimit>, findings: &mut Findings) -> BTreeMap<Op, Rate> {
    let mut rates = BTreeMap::new();
    for limit in declared.iter() {
        let Some(op) = Op::at(&limit.name) else {
            let near = did_you_mean(&limit.name, Op::ALL.iter().map(|op| op.path()));
            let hint = near.map_or(
                "use a path of the API, such as doc/createbytemplate".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            let message = format!("there is no operation {}", limit.name);
            findings.push(Diagnostic::error(message).at(&limit.span).hint(hint));
            continue;
        };
        rates.extend(limit.value.0.map(|rate| (op, rate)));
    }
    rates
}

/// Returns the retry settings. The default of `outage` is `attempts` times `max_backoff`.
fn retries(environment: &Environment, project: &ProjectFile) -> Retries {
    let (own, shared) = (&environment.retries, &project.retries);
    let duration = |own: Option<Millis>, shared: Option<Millis>, default| {
        own.or(shared).map_or(default, |millis| millis.0)
    };
    let attempts = own.attempts.or(shared.attempts);
    let attempts = attempts.map_or(6, |attempts| attempts.0.get());
    let max_backoff = duration(own.max_backoff, shared.max_backoff, Duration::from_secs(30));
    let outage = max_backoff.saturating_mul(attempts);
    let throttle_codes = own
        .throttle_codes
        .as_ref()
        .or(shared.throttle_codes.as_ref());
    Retries {
        attempts,
        backoff: duration(own.backoff, shared.backoff, Duration::from_millis(500)),
        max_backoff,
        timeout: duration(own.timeout, shared.timeout, Duration::from_secs(30)),
        outage: duration(own.outage, shared.outage, outage),
        throttle_codes: throttle_codes.cloned().unwrap_or_default(),
    }
}

/// Returns the failure settings. By default up to 10% of a flow's recorded items may be revoked.
fn failures(environment: &Environment, project: &ProjectFile) -> Failures {
    let (own, shared) = (&environment.failures, &project.failures);
    Failures {
        invalid_rows: own
            .invalid_rows
            .or(shared.invalid_rows)
            .unwrap_or(InvalidRows::Refuse),
        tolerate: own.tolerate.or(shared.tolerate),
        revoke: own
            .revoke
            .or(shared.revoke)
            .unwrap_or(Tolerance::Share(0.1)),
    }
}

/// Returns the reports to write.
fn reports(root: &Path, declared: &DeclaredReports, findings: &mut Findings) -> Reports {
    let default = [ReportFormat::Csv, ReportFormat::Json, ReportFormat::Html];
    let mut directory = root.join("reports");
    let given = declared.directory.as_ref();
    if let Some(declared) = given.filter(|declared| !declared.is_placeholder) {
        match super::path::inside(root, root, &declared.text) {
            Ok(path) => directory = path,
            Err(why) => error(
                findings,
                &declared.span,
                why,
                "use a folder inside the project's folder",
            ),
        }
    }
    Reports {
        directory,
        formats: declared.formats.clone().unwrap_or(default.to_vec()),
    }
}

fn error(findings: &mut Findings, span: &Span, message: impl Into<String>, hint: &str) {
    findings.push(Diagnostic::error(message).at(span).hint(hint));
}

/// Checks the address of the API.
fn endpoint(declared: &StaticText, findings: &mut Findings) -> Option<Endpoint> {
    if declared.is_placeholder {
        return None;
    }
    if declared.text == "sandbox" {
        return Some(Endpoint::Sandbox);
    }
    let url = declared.text.trim_end_matches('/');
    let (message, hint) = if contains_login(url) {
        // The message does not contain the address: it may contain a password.
        (
            "the endpoint contains a user name or password".to_owned(),
            "remove it and set TREATY_APP_ID and TREATY_APP_SECRET",
        )
    } else if url.contains(['?', '#']) {
        (
            "the endpoint has a query or a fragment".to_owned(),
            "remove ? and # and the text after them",
        )
    } else if is_safe(url) {
        return Some(Endpoint::Url(url.to_owned()));
    } else {
        (
            // It may contain a password although it is not a URL.
            if url.contains('@') {
                "the endpoint is not safe for credentials".to_owned()
            } else {
                format!("the endpoint {url} is not safe for credentials")
            },
            "use sandbox or an https:// address; http:// is allowed only for 127.0.0.1, [::1] and localhost",
        )
    };
    error(findings, &declared.span, message, hint);
    None
}

/// Checks that the endpoint may receive credentials. A change of the project alone must not send
/// them to another host.
fn check_allowed(
    endpoint: &Endpoint,
    span: &Span,
    allowed: &AllowedEndpoints,
    findings: &mut Findings,
) -> Option<()> {
    let Endpoint::Url(url) = endpoint else {
        return Some(());
    };
    let Err(refused) = allowed.check(url) else {
        return Some(());
    };
    let authority = &refused.authority;
    let known = KNOWN_HOSTS.join(" and ");
    let mut hint = format!(
        "the service's hosts are {known}; if you trust {authority}, set {ALLOW_ENDPOINT}={authority} in the \
         environment of treaty"
    );
    if let Some(entry) = &refused.invalid_entry {
        let _ = write!(
            hint,
            "; its entry {entry} is neither a host nor an https:// address"
        );
    }
    let message = format!("the endpoint's host {authority} is not allowed to receive credentials");
    error(findings, span, message, &hint);
    None
}
