//! Logs: format, destinations and levels. No log contains private values.

use std::collections::BTreeSet;

use axum::extract::Request;
use axum::response::IntoResponse;
use serde_json::Value;
use treaty::sandbox::Sandbox;

use crate::sandbox::fault_rules::{NIGHT, Served};
use crate::sandbox::servers::{project_of, run};
use crate::support::project::{Project, Run};
use crate::support::serve::serve;

/// A name, an email and a secret that occur in no other text.
const NAME: &str = "欧阳隐秘";
const EMAIL: &str = "ouyang-hidden@example.com";
const SECRET: &str = "not-to-be-seen";

/// Creates the example with `rows` rows. The first borrower has the private name, and all
/// borrowers have the private email.
fn marked(endpoint: &str, rows: usize) -> Project {
    let project = project_of(endpoint, rows);
    let sheet = project.sheet();
    let name = sheet
        .lines()
        .nth(1)
        .and_then(|row| row.split(',').nth(2))
        .expect("a name")
        .to_owned();
    project.set_sheet(&sheet.replacen(&name, NAME, 1));
    let mobile = "mobile: \"{{ row.手机号 }}\"";
    let with_email = format!("{mobile}\n          email: {EMAIL}");
    project.replace("manifests/loans.yaml", mobile, &with_email);
    project
}

/// Returns the values that no log may contain.
fn private_values(project: &Project) -> BTreeSet<String> {
    let mut values: BTreeSet<String> = [NAME, EMAIL, SECRET, "/sign/", "/upload/"]
        .map(str::to_owned)
        .into();
    for row in project.sheet().lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        values.extend(cells[2..=4].iter().map(|cell| (*cell).to_owned()));
    }
    values
}

/// Returns the private values that a log contains, each with its line.
fn leaks(log: &str, private: &BTreeSet<String>) -> Vec<String> {
    let lines = log.lines().flat_map(|line| {
        let found = private.iter().filter(|value| line.contains(*value));
        found.map(move |value| format!("{value} in {line}"))
    });
    lines.collect()
}

fn json_lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Returns whether a text begins with an RFC 3339 timestamp with milliseconds and the offset of
/// Asia/Shanghai.
fn begins_with_timestamp(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000+08:00";
    let is_alike = |(own, form): (char, char)| match form {
        '0' if form != own => own.is_ascii_digit(),
        _ => own == form || form == '0',
    };
    text.len() > form.len()
        && text.chars().zip(form.chars()).all(is_alike)
        && text
            .get(..form.len())
            .is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok())
}

fn assert_well_formed(lines: &[Value]) {
    assert!(!lines.is_empty(), "there are lines");
    for line in lines {
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        assert!(
            begins_with_timestamp(&format!("{} ", text("timestamp"))),
            "{line}"
        );
        let levels = ["error", "warn", "info", "debug", "trace"];
        assert!(levels.contains(&text("level")), "{line}");
        assert!(text("target").starts_with("treaty"), "{line}");
        let is_flat = |value: &Value| !value.is_object() && !value.is_array();
        let fields = line.as_object().expect("an object");
        assert!(fields.values().all(is_flat), "{line}");
    }
}

/// Returns the run logs of a project, concatenated.
fn run_logs(project: &Project) -> String {
    let mut all = String::new();
    for folder in std::fs::read_dir(project.path("reports")).expect("reports") {
        let folder = folder.expect("an entry").path();
        let is_link = std::fs::symlink_metadata(&folder).is_ok_and(|found| found.is_symlink());
        if !is_link {
            all += &std::fs::read_to_string(folder.join("run.log")).unwrap_or_default();
        }
    }
    all
}

#[test]
fn logs_nothing_private_through_a_run_with_faults() {
    for format in ["text", "json"] {
        let folder = Project::empty();
        let served = Served::with(&folder, NIGHT);
        let project = marked(&served.endpoint, 3);
        project.replace(
            "treaty.yaml",
            "limits: { rate: none }\nretries: { attempts: 2, backoff: 1ms }",
            "limits: { rate: none, concurrency: 1 }\n\
             retries: { attempts: 3, backoff: 1ms, maxBackoff: 5ms, timeout: 500ms }",
        );
        let mut shown = String::new();
        let options = ["--log-format", format, "-vvv", "--log-file", "log.jsonl"];
        let mut treaty = |command: &[&str]| {
            let run = run(&project, &[command, &options].concat());
            shown += &run.stdout;
            shown += &run.stderr;
            run.code
        };
        let done = (0..10).any(|_| treaty(&["apply", "--yes"]) == 0);
        assert!(done, "{shown}");
        treaty(&["sync"]);
        treaty(&["audit"]);
        treaty(&["revoke", "--yes", "--target", "flows.loans"]);
        let (file, run_logs) = (project.read("log.jsonl"), run_logs(&project));
        let links: Vec<String> = project
            .report("loans.csv")
            .iter()
            .map(|row| row["treaty_borrower_sign_url"].clone())
            .collect();
        assert!(
            links.iter().all(|link| link.contains("/sign/")),
            "{links:?}"
        );
        let private = private_values(&project);
        for log in [&shown, &file, &run_logs] {
            assert_eq!(leaks(log, &private), [""; 0]);
        }
        assert_well_formed(&json_lines(&file));
        assert_well_formed(&json_lines(&run_logs));
        for told in ["intent written", "probing", "receipt written"] {
            assert!(file.contains(told), "{told}");
        }
    }
}

#[test]
fn logs_no_value_of_a_request_that_a_service_repeats_in_its_message() {
    let repeats = |body: &str, _: &str| {
        format!("refused: {body} https://o.tsign.cn/sign/1 http://x/upload/2 \u{1b}[2J\u{202e}")
    };
    assert_no_echo(repeats);
}

#[test]
fn logs_no_secret_that_a_service_repeats_in_its_message() {
    assert_no_echo(|_, secret| format!("refused: the secret {secret}"));
}

/// Returns other ways of writing a value, without characters that change nothing for a reader.
fn ways_of_writing(value: &str) -> [String; 6] {
    let all = |write: fn(char) -> String| value.chars().map(write).collect::<String>();
    [
        all(|it| format!("{it} ")),
        all(|it| format!("{it}-")),
        all(|it| match it {
            '!'..='~' => char::from_u32(u32::from(it) + 0xfee0)
                .expect("a character")
                .into(),
            _ => it.to_string(),
        }),
        value
            .bytes()
            .fold(String::new(), |text, byte| text + &format!("%{byte:02X}")),
        all(|it| format!("\\u{:04x}", u32::from(it))),
        value.to_uppercase(),
    ]
}

/// The service repeats the values of each refused request, and the secret.
#[test]
fn masks_values_in_all_ways_of_writing_everywhere() {
    let repeats = |body: &str, secret: &str| {
        let body: Value = serde_json::from_str(body).expect("a request");
        let form = body["simpleFormFields"].as_object();
        let fields = body.as_object().into_iter().chain(form).flatten();
        let texts = fields.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let private = texts.filter(|(name, _)| !name.ends_with("Id") || *name == "thirdId");
        let values: Vec<&str> = private.map(|(_, value)| value).chain([secret]).collect();
        let written = values.iter().flat_map(|value| ways_of_writing(value));
        format!("refused: {}", written.collect::<Vec<_>>().join("; "))
    };
    let base = serve(move |base| {
        let sandbox = Sandbox::in_memory(base).with_credentials();
        axum::Router::new()
            .fallback(move |request: Request| echo(sandbox.clone(), request, repeats))
    });
    let project = marked(&base, 2);
    let refused = run(&project, &["apply", "--yes", "-vvv", "--log-file", "log"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    let export = run(&project, &["state", "export", "export.jsonl"]);
    assert_eq!(export.code, 0, "{}", export.stderr);
    let private = private_values(&project);
    let private: BTreeSet<String> = private
        .iter()
        .filter(|value| !value.starts_with('/'))
        .flat_map(|value| ways_of_writing(value).map(|way| way.trim_end().to_owned()))
        .collect();
    // Reports contain the rows of the sheet.
    let cells: BTreeSet<String> = private_values(&project);
    let unusual: BTreeSet<String> = private.difference(&cells).cloned().collect();
    let mut searched = 0;
    let mut folders = vec![project.path("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let is_input = ["loans.csv", "loans.failed.csv", "loans.yaml", "report.html"]
                .iter()
                .any(|name| path.ends_with(name));
            let values = if is_input { &unusual } else { &private };
            let bytes = std::fs::read(&path).expect("read");
            let found = leaks(&String::from_utf8_lossy(&bytes), values);
            assert_eq!(found, [""; 0], "{}", path.display());
            searched += usize::from(String::from_utf8_lossy(&bytes).contains("refused: "));
        }
    }
    assert!(searched >= 4, "ledger, export, logs, reports: {searched}");
    assert_eq!(leaks(&refused.stderr, &private), [""; 0]);
}

/// Applies against a service that refuses to create borrowers. `message` builds its error message
/// from the request body and the secret.
fn assert_no_echo(message: fn(&str, &str) -> String) {
    for format in ["text", "json"] {
        let base = serve(move |base| {
            let sandbox = Sandbox::in_memory(base).with_credentials();
            axum::Router::new()
                .fallback(move |request: Request| echo(sandbox.clone(), request, message))
        });
        let project = marked(&base, 2);
        let options = ["--log-format", format, "-vvv", "--log-file", "log.jsonl"];
        let refused = run(&project, &[&["apply", "--yes"][..], &options].concat());
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        let private = private_values(&project);
        let file = project.read("log.jsonl");
        for log in [refused.stderr, file, run_logs(&project)] {
            assert!(log.contains("1435002"), "{log}");
            assert_eq!(leaks(&log, &private), [""; 0]);
            assert!(!log.contains(['\u{1b}', '\u{202e}']), "{log}");
        }
    }
}

/// Responds as the sandbox does, but refuses to create borrowers.
async fn echo(
    sandbox: Sandbox,
    request: Request,
    message: fn(&str, &str) -> String,
) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 26).await.expect("a body");
    let text = String::from_utf8_lossy(&body).into_owned();
    if parts.uri.path().ends_with("account/create/person") && text.contains("C1") {
        let secret = parts.headers.get("x-tsign-open-app-secret");
        let secret = secret.and_then(|value| value.to_str().ok());
        let message = message(&text, secret.unwrap_or_default());
        let answer = serde_json::json!({ "errCode": 1_435_002, "msg": message, "data": null });
        return (http::StatusCode::OK, answer.to_string()).into_response();
    }
    let request = http::Request::from_parts(parts, body);
    let answer = sandbox.handle(&request, jiff::Timestamp::now());
    let (parts, body) = answer.into_parts();
    (parts.status, body).into_response()
}

/// Creates the example with two rows, for the built-in sandbox.
fn small() -> Project {
    let project = Project::loans();
    let sheet = project.sheet();
    let rows: Vec<&str> = sheet.lines().take(3).collect();
    project.set_sheet(&rows.join("\r\n"));
    project
}

#[test]
fn writes_flat_json_lines_to_standard_error() {
    let project = small();
    let run = project.expect(&["--log-format", "json", "apply", "--yes"], 0);
    let lines = json_lines(&run.stderr);
    assert_well_formed(&lines);
    let address = "flows.loans[\"HT-2026-0001\"]";
    let item = lines
        .iter()
        .find(|line| line["event"] == "item" && line["address"] == address)
        .expect("an item");
    assert_eq!((&item["row"], &item["status"]), (&2.into(), &"sent".into()));
    assert_eq!(
        (&item["command"], &item["environment"]),
        (&"apply".into(), &"sandbox".into())
    );
    assert!(
        item["run"].is_string() && item["project"].is_string(),
        "{item}"
    );
    assert!(
        lines.iter().all(|line| line["level"] == "info"),
        "info is the default"
    );
    let quiet = project.expect(&["--log-format", "json", "-q", "apply", "--yes"], 0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn begins_each_text_line_with_timestamp_and_level() {
    let project = small();
    let plain = project.expect(&["apply", "--yes"], 0);
    let verbose = project.expect(&["sync", "-vv"], 0);
    for (run, levels) in [(&plain, &["INFO "][..]), (&verbose, &["INFO ", "DEBUG"])] {
        assert!(!run.stderr.is_empty());
        // The first line says to what the command belongs.
        for line in run.stderr.lines().skip(1) {
            assert!(begins_with_timestamp(line), "{line}");
            assert!(
                levels.iter().any(|level| line[30..].starts_with(level)),
                "{line}"
            );
        }
    }
    // The progress display does not repeat logged lines.
    let item = |run: &Run| run.stderr.matches("accounts.acme").count();
    assert_eq!(item(&plain), 1);
    assert_eq!(item(&small().expect(&["apply", "--yes", "-v"], 0)), 1);
}

#[test]
fn refuses_an_invalid_log_filter() {
    let project = small();
    for wrong in [
        "debgu",
        "treaty=loud",
        "hyper=trace",
        "treaty::client[=info",
    ] {
        let mut command = project.command(&["validate"]);
        let run = Run::from(
            command
                .env("TREATY_LOG", wrong)
                .output()
                .expect("treaty runs"),
        );
        assert_eq!(run.code, 64, "{wrong}: {}", run.stderr);
        assert!(run.stderr.contains("TREATY_LOG"), "{}", run.stderr);
    }
    let run = project.expect(&["validate", "--log-file", "no/such/folder.log"], 1);
    assert!(
        run.stderr.contains("no/such/folder.log cannot be opened"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_log_filter_overrides_verbosity() {
    let with = |filter: &str, args: &[&str]| {
        let project = small();
        let mut command = project.command(args);
        let run = Run::from(
            command
                .env("TREATY_LOG", filter)
                .output()
                .expect("treaty runs"),
        );
        assert_eq!(run.code, 0, "{}", run.stderr);
        let file = std::fs::read_to_string(project.path("log.jsonl")).unwrap_or_default();
        (run.stderr, file, project.read("reports/latest/run.log"))
    };
    let args = ["apply", "--yes", "-vvv", "--log-file", "log.jsonl"];
    let (shown, file, run_log) = with("treaty::run=info", &args);
    let is_run = |line: &&Value| line["target"] == "treaty::run";
    assert!(json_lines(&file).iter().all(|line| is_run(&line)), "{file}");
    assert!(
        shown.contains("item sent") && !shown.contains("intent written"),
        "{shown}"
    );
    assert!(
        run_log.contains("intent written"),
        "the run's log keeps to -vv"
    );
    let (shown, file, run_log) = with("off", &args);
    assert!(file.is_empty() && run_log.contains("item sent"), "{file}");
    assert!(
        shown.contains("accounts.acme"),
        "progress is shown instead: {shown}"
    );
}

#[cfg(unix)]
#[test]
fn writes_a_log_per_run_that_only_its_owner_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let project = small();
    project.expect(&["apply", "--yes", "--log-file", "log.jsonl"], 0);
    for name in ["reports/latest/run.log", "log.jsonl"] {
        let mode = std::fs::metadata(project.path(name))
            .expect(name)
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
    let applied = project.read("reports/latest/run.log");
    let lines = json_lines(&applied);
    assert_well_formed(&lines);
    assert_eq!(
        lines[0]["message"], "project acme-lending, environment sandbox, endpoint sandbox",
        "lines from before the run are kept"
    );
    assert_eq!(lines[lines.len() - 1]["event"], "end");
    let debug = json_lines(&project.read("log.jsonl"));
    assert!(debug.iter().any(|line| line["level"] == "debug"));

    project.expect(&["sync"], 0);
    let synced = project.read("reports/latest/run.log");
    let added = synced.strip_prefix(&applied).expect("it is appended to");
    let lines = json_lines(added);
    assert!(
        lines.iter().all(|line| line["command"] == "sync"),
        "{added}"
    );
    assert!(
        lines.iter().any(|line| line["status"] == "waiting"),
        "{added}"
    );
}

#[test]
fn logs_every_step_of_an_item() {
    let project = small();
    project.expect(&["apply", "--yes", "-vv"], 0);
    project.expect(&["sync", "-vv"], 0);
    let lines = json_lines(&project.read("reports/latest/run.log"));
    let address = "flows.loans[\"HT-2026-0002\"]";
    let story: Vec<&Value> = lines
        .iter()
        .filter(|line| line["address"] == address)
        .collect();
    let of = |message: &str, step: &str| {
        let mut lines = story.iter();
        lines.position(|line| line["message"] == message && line["step"] == step)
    };
    let intent = of("intent written", "signers.borrower");
    let receipt = of("receipt written", "signers.borrower");
    assert!(intent.is_some() && intent < receipt, "{story:#?}");
    let operation = &story[receipt.expect("a receipt")]["operation"];
    assert_eq!(operation, "sign/contract/handPersonSignTask");
    let ends: Vec<&Value> = story
        .iter()
        .filter(|line| line["event"] == "item")
        .map(|line| &line["status"])
        .collect();
    assert_eq!(ends, ["sent", "waiting"]);
}
