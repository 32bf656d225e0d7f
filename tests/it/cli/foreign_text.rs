//! Foreign text reaches no output unescaped: terminal escapes, line breaks, bidirectional characters
//! in sheets, names of files, arguments, and everything that the service returns.

use std::path::Path;

use axum::extract::Request;
use axum::response::IntoResponse;
use serde_json::Value;
use treaty::sandbox::Sandbox;
use treaty::util::escape::is_unsafe;

use crate::sandbox::servers::project_of;
use crate::support::project::{Project, Run};
use crate::support::serve::serve;

/// Clears the screen, fills the clipboard, begins a link, sets a color that treaty does not use,
/// forges a line, sets the title with C1 characters, and changes the direction of text.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\u{1b}]8;;https://evil.example\u{1b}\\click\u{1b}[35m\r\nFORGED\u{b}\u{9b}31m\u{9d}0;t\u{9c}\u{85}\u{7f}\u{202e}\u{2066}\u{2028}\u{2029}\u{200f}\u{fdd0}";

/// A link that a person would take for one of the service.
const ODD_LINK: &str = "https://o.tsign.cn@evil.example/sign/1";

/// The fields of responses that stay as they are: uploads and downloads go there, or they are
/// compared with the request.
const UNCHANGED: [&str; 6] = [
    "uploadUrl",
    "docUrl",
    "fileUrl",
    "downloadUrl",
    "thirdOrderNo",
    "thirdId",
];

/// Starts a service that adds [`HOSTILE`] to every text, and removes it from what is sent back.
fn lying_service() -> String {
    serve(|base| {
        let sandbox = Sandbox::in_memory(base).with_credentials();
        axum::Router::new().fallback(move |request: Request| lie(sandbox.clone(), request))
    })
}

async fn lie(sandbox: Sandbox, request: Request) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let mut body = axum::body::to_bytes(body, 1 << 26).await.expect("a body");
    if let Ok(mut sent) = serde_json::from_slice::<Value>(&body) {
        if sent["thirdId"] == "C100003" {
            let refused = serde_json::json!({ "errCode": 1_435_002, "msg": HOSTILE, "data": null });
            return refused.to_string().into_response();
        }
        each_text(&mut sent, "", &|_, text| *text = text.replace(HOSTILE, ""));
        body = sent.to_string().into();
    }
    let request = http::Request::from_parts(parts, body);
    let answer = sandbox.handle(&request, jiff::Timestamp::now());
    let (parts, mut body) = answer.into_parts();
    if let Ok(mut answer) = serde_json::from_slice::<Value>(&body) {
        each_text(&mut answer, "", &|name, text| {
            if name == "signShortUrl" {
                *text = format!("{ODD_LINK}?{text}");
            } else if !UNCHANGED.contains(&name) && !text.is_empty() {
                text.push_str(HOSTILE);
            }
        });
        body = answer.to_string().into();
    }
    (parts.status, body).into_response()
}

fn each_text(value: &mut Value, name: &str, change: &dyn Fn(&str, &mut String)) {
    match value {
        Value::String(text) => change(name, text),
        Value::Array(all) => all
            .iter_mut()
            .for_each(|value| each_text(value, name, change)),
        Value::Object(fields) => {
            for (name, value) in fields {
                each_text(value, name, change);
            }
        }
        _ => {}
    }
}

/// Runs a command with colors, as on a terminal, and asserts that its output is clean. Without
/// colors, escape sequences would be removed.
fn run(project: &Project, args: &[&str]) -> Run {
    let mut command = project.command(&[args, &["--color", "always"]].concat());
    command
        .env("TREATY_APP_ID", "app")
        .env("TREATY_APP_SECRET", "not-to-be-seen");
    if args == ["--help"] {
        command.env("TREATY_ENVIRONMENT", HOSTILE);
    }
    let run = Run::from(command.output().expect("treaty runs"));
    for text in [&run.stdout, &run.stderr] {
        assert_clean(&format!("{args:?}"), &without_colors(text));
    }
    run
}

/// Removes the colors of treaty and of its libraries.
fn without_colors(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((code, rest))
                if code.chars().all(|c| c.is_ascii_digit() || c == ';') && code != "35" =>
            {
                out.push_str(rest);
            }
            _ => out.extend(["\u{1b}[", part]),
        }
    }
    out
}

#[track_caller]
fn assert_clean(what: &str, text: &str) {
    for line in text.lines() {
        let found = line.chars().find(|c| is_unsafe(*c) && *c != '\t');
        assert_eq!(found, None, "{what}: {}", line.escape_debug());
        assert!(!line.starts_with("FORGED"), "{what}: {line}");
    }
}

/// Asserts that all files of a folder are clean, except for the sheet's own cells in tables.
fn assert_clean_files(folder: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if !path.is_symlink() {
                count += assert_clean_files(&path);
            }
            continue;
        }
        count += 1;
        let text = std::fs::read_to_string(&path).expect("a file");
        let name = path.display().to_string();
        match text.strip_prefix('\u{feff}') {
            None => assert_clean(&name, &text),
            Some(table) => {
                let mut table = csv::Reader::from_reader(table.as_bytes());
                let header = table.headers().expect("a header").clone();
                for record in table.records() {
                    let record = record.expect("a record");
                    let cells = header.iter().zip(record.iter());
                    let is_own = |name: &str| {
                        name.starts_with("treaty_")
                            || !header.iter().any(|name| name == "treaty_key")
                    };
                    for (column, cell) in cells.filter(|(column, _)| is_own(column)) {
                        assert_clean(&format!("{name}, {column}"), &cell.replace('\n', "\\n"));
                        assert!(!cell.contains('\n'), "{name}, {column}: {cell}");
                    }
                }
            }
        }
    }
    count
}

/// A project with hostile cells, headers and file names.
fn hostile_project(endpoint: &str) -> Project {
    let project = project_of(endpoint, 4);
    let sheet = project.sheet();
    let cell = format!("\"{HOSTILE}\"");
    let lines = sheet.lines().enumerate().map(|(at, line)| match at {
        0 => format!("{line},备注{cell}", cell = "\u{1b}[2J\u{202e}\u{9b}"),
        _ => format!("{line},{cell}"),
    });
    let text = lines.collect::<Vec<_>>().join("\r\n");
    std::fs::remove_file(project.path("loans.csv")).expect("removed");
    project.write("lo\u{202e}ans.csv", text);
    let loans = project.read("manifests/loans.yaml");
    std::fs::remove_file(project.path("manifests/loans.yaml")).expect("removed");
    // A single brace is a warning at its place in the manifest.
    let loans = loans
        .replace("../loans.csv", "\"../lo\\u202eans.csv\"")
        .replace(
            "name: \"借款合同-{{ key }}\"",
            "name: \"借款合同-{{ key }} {row.姓名}\"",
        );
    project.write("manifests/loans\u{1b}[2J\n\u{9b}\u{202e}.yaml", loans);
    project.replace(
        "treaty.yaml",
        "project: server",
        "project: server\nreports: { formats: [csv, json, html, junit] }",
    );
    project
}

#[test]
fn no_output_contains_text_of_the_service_or_of_sheets_unescaped() {
    let project = hostile_project(&lying_service());
    let item = "flows.loans[\"HT-2026-0001\"]";
    let validated = run(&project, &["validate"]);
    assert_eq!(validated.code, 0, "{}", validated.stderr);
    assert!(
        validated
            .stderr
            .contains(r"loans\u{1b}[2J\n\u{9b}\u{202e}.yaml"),
        "{}",
        validated.stderr
    );
    for format in ["text", "markdown", "json"] {
        assert_eq!(
            run(&project, &["plan", "--all", "--format", format]).code,
            0
        );
    }
    let logs = [
        "--log-file",
        "logs/log.jsonl",
        "--metrics",
        "logs/apply.prom",
    ];
    std::fs::create_dir(project.path("logs")).expect("a folder");
    let applied = run(&project, &[&["apply", "--yes", "-vvv"][..], &logs].concat());
    assert_eq!(applied.code, 3, "{}", applied.stderr);
    assert!(
        applied
            .stderr
            .contains("3 signers have a link that is not safe to open"),
        "{}",
        applied.stderr
    );
    for args in [
        &["apply", "--yes", "--retry", "failed"][..],
        &["--log-format", "json", "-vvv", "apply", "--yes"],
        &["plan"],
        &["status", "--failed", "--in-doubt", "--links"],
        &[
            "status",
            "--failed",
            "--in-doubt",
            "--links",
            "--format",
            "json",
        ],
        &["status", "--links", "--view"],
        &["status", "--links", "--view", "--format", "json"],
        &["sync", "-v"],
        &["report"],
        &["state", "list"],
        &["state", "list", "--format", "json"],
        &["state", "show", item],
        &["state", "show", item, "--format", "json"],
        &["state", "show", "accounts[\"C100001\"]"],
        &["state", "show", "accounts.acme", "--format", "json"],
        &["state", "export"],
        &["state", "export", "logs/export.jsonl"],
        &["state", "adopt", "accounts.acme", HOSTILE, "--yes"],
        &[
            "state",
            "adopt",
            &format!("flows.loans[\"{HOSTILE}\"]"),
            "1",
            "--yes",
        ],
        &["state", "settle", item, "done", HOSTILE, "--yes"],
        &["state", "forget", item],
        &["ask", "account/idexchange", "thirdId=C100001"],
        &["ask", HOSTILE],
        &["audit"],
        &["audit", "--all", "--again", "-v"],
        &["revoke", "--signer", HOSTILE, "--target", "*", "--yes"],
        &["revoke", "--signer", "borrower", "--target", item, "--yes"],
        &["revoke", "--target", "*", "--yes", "-v"],
        &["report"],
        &["-p", HOSTILE, "validate"],
        &["-e", HOSTILE, "validate"],
        &["init", HOSTILE],
        &["init", "--template", HOSTILE, "--sheet", HOSTILE, "new"],
        &["sheet", HOSTILE],
        &["sheet", "-o", HOSTILE],
        &["apply", "--confirm", HOSTILE],
        &["report", "--run", HOSTILE],
        &["plan", "--target", HOSTILE],
        &["plan", HOSTILE],
        &["--help"],
        &[HOSTILE],
        &["sandbox", "--faults", HOSTILE],
    ] {
        let run = run(&project, args);
        assert!(
            (0..=130).contains(&run.code) && run.code != 101,
            "{args:?}: {}",
            run.stderr
        );
    }
    let files =
        assert_clean_files(&project.path("reports")) + assert_clean_files(&project.path("logs"));
    assert!(files >= 10, "{files}");
}

#[test]
fn errors_contain_no_text_of_headers_and_expressions_unescaped() {
    let project = hostile_project(&lying_service());
    let manifest = "manifests/loans\u{1b}[2J\n\u{9b}\u{202e}.yaml";
    project.replace(manifest, "row.姓名", "row.备");
    project.replace(
        manifest,
        "row.客户号",
        "row.客户 ~ '\u{202e}\u{9b}' | nothing",
    );
    let invalid = run(&project, &["validate"]);
    assert_eq!(invalid.code, 65, "{}", invalid.stderr);
    run(&project, &["--log-format", "json", "plan"]);
}

#[test]
fn links_that_are_not_safe_are_text() {
    let project = hostile_project(&lying_service());
    run(&project, &["apply", "--yes"]);
    let rows = project.report("loans.csv");
    let links = ["sign_url", "sign_short_url"].map(|link| format!("treaty_borrower_{link}"));
    for link in links.iter().map(|column| &rows[0][column]) {
        assert!(link.starts_with("not a safe link (it"), "{link}");
    }
    let page = project.read("reports/latest/report.html");
    assert!(page.contains("not a safe link (it"), "{page}");
    assert!(!page.contains("href=\"http") && !page.contains("sign link</a>"));
    let shown = run(&project, &["status", "--links", "--format", "json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let link = shown["links"][0]["signUrl"].as_str().expect("a text");
    assert!(link.starts_with("not a safe link (it"), "{link}");
    // The ledger keeps it for the operator.
    let exported = run(&project, &["state", "export"]).stdout;
    assert!(
        exported.contains("https://o.tsign.cn@evil.example"),
        "{exported}"
    );
}

#[test]
fn the_sheets_own_cells_come_back_as_they_are() {
    let project = hostile_project(&lying_service());
    run(&project, &["apply", "--yes"]);
    let rows = project.report("loans.csv");
    let column = "备注\u{1b}[2J\u{202e}\u{9b}";
    // The cell begins with an escape character and no formula sign.
    assert_eq!(rows[0][column], HOSTILE);
}

#[test]
fn keys_account_ids_and_names_with_control_characters_are_refused() {
    for (from, to, message, place) in [
        (
            "HT-2026-0001",
            "HT\u{1b}[2J1",
            "the key contains a control character (U+001B)",
            "row 2, column 合同号 (A)",
        ),
        (
            "HT-2026-0001",
            "\"HT\n1\"",
            "the key contains a line break",
            "column 合同号 (A)",
        ),
        (
            "HT-2026-0001",
            "HT\u{202e}1",
            "the key contains a control character (U+202E)",
            "column 合同号 (A)",
        ),
        (
            "C100001",
            "C\u{9b}1",
            "thirdId contains a control character (U+009B)",
            "column 客户号 (B)",
        ),
        (
            "C100001",
            "C\t1",
            "thirdId contains a tab",
            "column 客户号 (B)",
        ),
    ] {
        let project = Project::loans();
        let sheet = project.sheet().replacen(from, to, 1);
        project.write("loans.csv", sheet);
        let refused = run(&project, &["apply", "--yes"]);
        assert_eq!(refused.code, 65, "{}", refused.stderr);
        let text = without_colors(&refused.stderr);
        assert!(text.contains(message) && text.contains(place), "{text}");
        assert!(!project.was_called());
    }
    for (file, from, to, message) in [
        (
            "manifests/loans.yaml",
            "loans:\n    rows",
            "\"lo\\e[2Jans\":\n    rows",
            r"lo\u{1b}[2Jans cannot be a name",
        ),
        (
            "manifests/lender.yaml",
            "thirdId: acme-clerk",
            "thirdId: \"a\\e[2J\"",
            "contains a control character (U+001B)",
        ),
        (
            "manifests/lender.yaml",
            "alias: 合同专用章",
            "alias: \"a\\nb\"",
            "the alias of the seal contract-seal contains a control character",
        ),
        (
            "manifests/loans.yaml",
            "../loans.csv",
            "\"../loans\\e.csv\"",
            r"the path ../loans\u{1b}.csv contains a control character",
        ),
        (
            "treaty.yaml",
            "project: acme-lending",
            "project: \"acme\\x9b\"",
            "the name of the project contains a control character",
        ),
    ] {
        let project = Project::loans();
        project.replace(file, from, to);
        let refused = run(&project, &["validate"]);
        assert_eq!(refused.code, 65, "{to}: {}", refused.stderr);
        let text = without_colors(&refused.stderr);
        assert!(text.contains(message), "{text}");
    }
}
