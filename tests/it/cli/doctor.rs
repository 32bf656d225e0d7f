//! `treaty doctor`: what a run needs, checked one by one.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use treaty::sandbox::Sandbox;

use super::state::few;
use crate::sandbox::servers::{project_of, run};
use crate::support::project::{Project, Run};
use crate::support::serve::serve;

const CHECKS: [&str; 6] = [
    "credentials",
    "endpoint",
    "clock",
    "ledger",
    "disk",
    "proxy",
];

/// Returns the status and the text of a check: its line, and its hint.
fn check<'r>(run: &'r Run, name: &str) -> (&'r str, String) {
    let mut lines = run.stdout.lines();
    let of_name = |line: &&str| line.split_whitespace().nth(1) == Some(name);
    let line = lines
        .find(of_name)
        .unwrap_or_else(|| panic!("{name}: {}", run.stdout));
    let hint = lines.next().filter(|next| next.starts_with("  help: "));
    let status = line.split_whitespace().next().unwrap_or_default();
    (status, format!("{line}\n{}", hint.unwrap_or_default()))
}

fn of_service(change: fn(Router) -> Router) -> Project {
    let base = serve(move |base| change(Sandbox::in_memory(base).with_credentials().router()));
    project_of(&format!("{base}/opentreaty-service"), 1)
}

#[test]
fn the_sandbox_in_the_process_passes_every_check() {
    let project = few(1);
    let before = project.expect(&["doctor"], 0);
    assert!(
        check(&before, "ledger").1.contains("does not exist yet"),
        "{}",
        before.stdout
    );
    project.expect(&["apply", "--yes"], 0);
    let after = project.expect(&["doctor"], 0);
    assert!(
        check(&after, "ledger").1.contains("is intact: id "),
        "{}",
        after.stdout
    );
    let first_line = "project acme-lending, environment sandbox, endpoint sandbox\n";
    assert_eq!(after.stderr, first_line);
    let json = project.expect(&["doctor", "--format", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    let checks = json["checks"].as_array().expect("checks");
    let names: Vec<_> = checks.iter().map(|check| check["name"].as_str()).collect();
    assert_eq!(names, CHECKS.map(Some));
    std::fs::write(project.path(".treaty/sandbox.db"), "no ledger").expect("written");
    let damaged = project.expect(&["doctor"], 1);
    let (status, text) = check(&damaged, "ledger");
    assert_eq!(status, "error", "{text}");
    assert!(text.contains("help: check the disk and the file"), "{text}");
}

#[test]
fn names_what_is_wrong_with_service_and_credentials() {
    let project = of_service(|router| router);
    let checked = run(&project, &["doctor"]);
    assert_eq!(checked.code, 0, "{}\n{}", checked.stdout, checked.stderr);
    for (name, part) in [
        ("credentials", "accepted by the service"),
        ("endpoint", "responded in "),
        ("clock", "as the service's"),
        ("proxy", "to the endpoint directly"),
    ] {
        let (status, text) = check(&checked, name);
        assert!(status == "ok" && text.contains(part), "{text}");
    }
    // Without credentials, the rest is checked all the same.
    let missing = project.run(&["doctor"]);
    assert_eq!(missing.code, 77, "{}", missing.stderr);
    let (status, text) = check(&missing, "credentials");
    assert!(
        status == "error" && text.contains("help: set TREATY_APP_ID"),
        "{text}"
    );
    assert_eq!(check(&missing, "endpoint").0, "ok");
    // Nothing listens on a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = free.local_addr().expect("an address");
    drop(free);
    let down = run(&project_of(&format!("http://{addr}"), 1), &["doctor"]);
    assert_eq!(down.code, 69, "{}\n{}", down.stdout, down.stderr);
    let (status, text) = check(&down, "endpoint");
    assert!(
        status == "error" && text.contains("no connection to"),
        "{text}"
    );
    assert!(
        text.contains("help: check the address of the endpoint"),
        "{text}"
    );
    assert!(check(&down, "credentials").1.contains("not checked"));
    assert_eq!(check(&down, "ledger").0, "ok");
}

#[test]
fn a_clock_that_is_off_is_an_error() {
    let project = of_service(|router| {
        router.layer(from_fn(async |request: Request, next: Next| {
            let mut response = next.run(request).await;
            let long_ago = http::HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT");
            response.headers_mut().insert("date", long_ago);
            response
        }))
    });
    let checked = run(&project, &["doctor"]);
    let (status, text) = check(&checked, "clock");
    assert_eq!((status, checked.code), ("error", 1), "{text}");
    assert!(text.contains("ahead of the service's"), "{text}");
    assert!(text.contains("help: set the clock"), "{text}");
}
