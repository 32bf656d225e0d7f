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
                "The version of the manifest language: 1.",
                &[json!(1), json!("1")],
            ),
        ),
        required("project", text("The project's name.")),
        optional(
            "manifests",
            list(
                "Files with more sections: globs from this folder. Default: manifests/*.yaml.",
                text("A glob, such as manifests/*.yaml."),
            ),
        ),
        optional(
            "defaultEnvironment",
            text("The environment that is meant when none is chosen with -e."),
        ),
        required(
            "environments",
            filled_map_of(
                "Where the project can be applied, by name.",
                reference("environment"),
            ),
        ),
        optional("reports", reference("reports")),
    ];
    fields.extend(shared());
    fields.extend(sections);
    Object::new(
        "A project: the folder of this file, and the manifests that it matches.",
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

/// What the project and an environment may both say; what the environment says wins.
fn shared() -> Vec<Field> {
    vec![
        optional(
            "variables",
            map_of(
                "What expressions call var.NAME.",
                text("The value, as text."),
            ),
        ),
        optional("limits", reference("limits")),
        optional("retries", reference("retries")),
        optional("failures", reference("failures")),
        optional(
            "ledger",
            text(
                "Where what was done is recorded: a file, or postgres://…. Default: .treaty/{environment}.db.",
            ),
        ),
    ]
}

fn environment() -> Schema {
    let mut fields = vec![
        required(
            "endpoint",
            form(
                "sandbox (the emulator inside treaty), or the API's https:// address. http:// only on this machine.",
                r"sandbox|https://.+|http://(127\.0\.0\.1|\[::1\]|localhost)([:/].*)?",
            ),
        ),
        optional(
            "protected",
            flag("Applied only when its name is confirmed: --confirm NAME."),
        ),
    ];
    fields.extend(shared());
    Object::new(
        "Where the project can be applied. Its limits, retries, failures, ledger and variables win over the project's.",
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
        "Limits of single operations, by their path.",
        rate("Calls of this operation: N/s, N/m or N/h."),
    );
    let paths: Vec<&str> = Op::ALL.iter().map(|op| op.path()).collect();
    operations.insert("propertyNames".to_owned(), json!({ "enum": paths }));
    Object::new(
        "How fast treaty calls.",
        vec![
            optional(
                "rate",
                rate("All operations together: N/s, N/m, N/h or none. Default: 10/s, on the sandbox none."),
            ),
            optional(
                "concurrency",
                integer("The most requests in flight. Default: 16.", Some(1)),
            ),
            optional("operations", operations),
        ],
    )
    .schema()
}

fn retries() -> Schema {
    let duration = |described| form(described, r"[0-9]+\s*(ms|s|m|min|h)");
    Object::new(
        "How often a call is tried again.",
        vec![
            optional(
                "attempts",
                integer("Attempts at most, the first included. Default: 6.", Some(1)),
            ),
            optional(
                "backoff",
                duration(
                    "The pause after the first attempt; it doubles with each. Default: 500ms.",
                ),
            ),
            optional("maxBackoff", duration("The longest pause. Default: 30s.")),
            optional(
                "timeout",
                duration("How long one call may take. Default: 30s."),
            ),
            optional(
                "outage",
                duration("How long an endpoint that has answered before may be down until the run ends. Default: attempts times maxBackoff."),
            ),
            optional(
                "throttleCodes",
                list(
                    "Business error codes of the API that mean \"slow down\".",
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
        "What may fail, and what may be revoked.",
        vec![
            optional(
                "invalidRows",
                word(
                    "refuse (the default): one invalid row, and nothing is called. skip: it is reported failed, and the rest goes on.",
                    &["refuse", "skip"],
                ),
            ),
            optional(
                "tolerate",
                tolerance("Failed items, a count or a share (20, 5%), past which nothing new is started. Default: no bound."),
            ),
            optional(
                "revoke",
                tolerance("What was sent and one apply may revoke, as a count or as a share of a flow's recorded items. Default: 10%."),
            ),
        ],
    )
    .schema()
}

fn reports() -> Schema {
    Object::new(
        "What a run leaves behind.",
        vec![
            optional(
                "directory",
                text("The folder of the reports, inside the project. Default: reports."),
            ),
            optional(
                "formats",
                list(
                    "Which reports are written.",
                    word(
                        "A kind of report.",
                        &["csv", "json", "html", "xlsx", "junit"],
                    ),
                ),
            ),
        ],
    )
    .schema()
}
