//! `treaty.yaml`: environments, limits, retries, failures, ledger and reports.

use serde_json::json;

use super::Definitions;
use super::build::{
    Field, Object, Schema, any_map_of, either, filled_map_of, flag, form, integer, list, map_of,
    one, optional, reference, required, text, word,
};
use crate::api::operation::Op;

/// The file, with the sections that may stand in any.
pub(super) fn project(sections: Vec<Field>) -> Object {
    let mut fields = vec![
        required(
            "version",
            one(
                "The version of the manifest language. Must be 1.",
                &[json!(1), json!("1")],
            ),
        ),
        required("project", text("The project's name.")),
        optional(
            "manifests",
            list(
                "Glob patterns of the manifest files, relative to this folder. Default: manifests/*.yaml.",
                text("A glob, such as manifests/*.yaml."),
            ),
        ),
        optional(
            "defaultEnvironment",
            text("The environment that is used without the option -e."),
        ),
        required(
            "environments",
            filled_map_of(
                "The environments of the project, by name.",
                reference("environment"),
            ),
        ),
        optional("reports", reference("reports")),
    ];
    fields.extend(shared());
    fields.extend(sections);
    Object::new(
        "A project: this file and the manifests that its patterns match.",
        fields,
    )
}

pub(super) fn definitions() -> Definitions {
    vec![
        ("environment", environment()),
        ("limits", limits()),
        ("retries", retries()),
        ("failures", failures()),
        ("reports", reports()),
    ]
}

/// The sections of the project that an environment may override.
fn shared() -> Vec<Field> {
    vec![
        optional(
            "variables",
            map_of(
                "Variables that expressions use as var.NAME.",
                text("The value, as text."),
            ),
        ),
        optional("limits", reference("limits")),
        optional("retries", reference("retries")),
        optional("failures", reference("failures")),
        optional(
            "ledger",
            text("The file of the ledger, inside the project. Default: .treaty/{environment}.db."),
        ),
    ]
}

fn environment() -> Schema {
    let mut fields = vec![
        required(
            "endpoint",
            form(
                "sandbox (the emulator in treaty) or the https:// address of the API. http:// is allowed only for this machine.",
                r"sandbox|https://.+|http://(127\.0\.0\.1|\[::1\]|localhost)([:/].*)?",
            ),
        ),
        optional(
            "protected",
            flag("Whether changes must be confirmed with --confirm NAME. Default: false."),
        ),
    ];
    fields.extend(shared());
    Object::new(
        "An environment of the project. Its limits, retries, failures, ledger and variables take precedence over the project's.",
        fields,
    )
    .schema()
}

/// Calls in a time, or no limit.
fn rate(described: &str) -> Schema {
    form(described, r"none|\s*[0-9]*\.?[0-9]+\s*/\s*[smh]\s*")
}

fn limits() -> Schema {
    let mut operations = any_map_of(
        "Rate limits of single operations, by API path.",
        rate("The rate limit of this operation: N/s, N/m or N/h."),
    );
    let paths: Vec<&str> = Op::ALL.iter().map(|op| op.path()).collect();
    operations.insert("propertyNames".to_owned(), json!({ "enum": paths }));
    Object::new(
        "Rate limits and concurrency.",
        vec![
            optional(
                "rate",
                rate("The rate limit of all operations together: N/s, N/m, N/h or none. Default: 10/s, or none on the sandbox."),
            ),
            optional(
                "concurrency",
                integer("The maximum number of requests in flight. Default: 16.", Some(1)),
            ),
            optional("operations", operations),
        ],
    )
    .schema()
}

fn retries() -> Schema {
    let duration = |described| form(described, r"[0-9]+\s*(ms|s|m|min|h)");
    Object::new(
        "Retries, timeouts and backoff.",
        vec![
            optional(
                "attempts",
                integer("The maximum number of attempts, including the first. Default: 6.", Some(1)),
            ),
            optional(
                "backoff",
                duration(
                    "The delay before the first retry. It doubles with each retry. Default: 500ms.",
                ),
            ),
            optional("maxBackoff", duration("The maximum delay before a retry. Default: 30s.")),
            optional(
                "timeout",
                duration("The timeout of one request. Default: 30s."),
            ),
            optional(
                "outage",
                duration("The maximum outage of an endpoint that answered before. After it the run stops. Default: attempts times maxBackoff."),
            ),
            optional(
                "throttleCodes",
                list(
                    "Additional business error codes of the API that mean that a request was throttled.",
                    integer("A code, such as 1435099.", None),
                ),
            ),
        ],
    )
    .schema()
}

fn failures() -> Schema {
    let tolerance = |described| {
        either(
            described,
            integer("A count.", Some(0)),
            form("A share.", r"\s*[0-9]*\.?[0-9]+\s*%"),
        )
    };
    Object::new(
        "Limits for invalid rows, failed items and revoked items.",
        vec![
            optional(
                "invalidRows",
                word(
                    "The handling of invalid rows. refuse (the default): one invalid row stops the run before any request. skip: the row is reported as failed and the other rows are sent.",
                    &["refuse", "skip"],
                ),
            ),
            optional(
                "tolerate",
                tolerance("The number or share of failed items (20, 5%) after which no new item is started. Default: no limit."),
            ),
            optional(
                "revoke",
                tolerance("The number of sent items of a flow that one apply may revoke, or their share of the flow's recorded items. Default: 10%."),
            ),
        ],
    )
    .schema()
}

fn reports() -> Schema {
    Object::new(
        "The reports of a run.",
        vec![
            optional(
                "directory",
                text("The folder of the reports, inside the project. Default: reports."),
            ),
            optional(
                "formats",
                list(
                    "The report formats to write. Default: csv, json and html.",
                    word(
                        "A report format.",
                        &["csv", "json", "html", "xlsx", "junit"],
                    ),
                ),
            ),
        ],
    )
    .schema()
}
