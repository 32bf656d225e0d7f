//! The endpoints that receive credentials.

use treaty::sandbox::Sandbox;

use crate::sandbox::servers::{project_of, run};
use crate::support::project::{Project, Run};
use crate::support::serve::serve;

const GATEWAY: &str = "https://gateway.example/treaty";

fn validate(project: &Project, allowed: &str) -> Run {
    let mut command = project.command(&["validate"]);
    command.env("TREATY_ALLOW_ENDPOINT", allowed);
    Run::from(command.output().expect("treaty runs"))
}

#[test]
fn sends_no_credentials_to_a_host_that_only_the_project_names() {
    let project = project_of(GATEWAY, 1);
    for args in [
        &["plan"][..],
        &["apply", "--yes"],
        &["sync"],
        &["listen", "--addr", "127.0.0.1:0"],
        &["audit"],
        &["status"],
        &["revoke", "--target", "flows.loans", "--yes"],
        &["state", "adopt", "accounts.acme", "1", "--yes"],
        &["ask", "sign/contract/detail", "flowId=1"],
    ] {
        let refused = run(&project, args);
        assert_eq!(refused.code, 65, "{args:?}: {}", refused.stderr);
        for text in [
            "treaty.yaml:5:",
            "the endpoint's host gateway.example is not allowed to receive credentials",
            "set TREATY_ALLOW_ENDPOINT=gateway.example",
        ] {
            assert!(
                refused.stderr.contains(text),
                "{args:?}: {}",
                refused.stderr
            );
        }
    }
}

#[test]
fn accepts_a_host_that_the_environment_names() {
    let project = project_of(GATEWAY, 1);
    for (allowed, code) in [
        ("gateway.example", 0),
        ("other.example, https://gateway.example/treaty", 0),
        ("example", 65),
        ("https://gateway.example/treat", 65),
    ] {
        let run = validate(&project, allowed);
        assert_eq!(run.code, code, "{allowed}: {}", run.stderr);
    }
    let run = validate(&project, "*.example");
    let text = "its entry *.example is neither a host nor an https:// address";
    assert!(run.stderr.contains(text), "{}", run.stderr);
}

#[test]
fn names_the_endpoint_before_the_first_call() {
    let base = serve(|base| Sandbox::in_memory(base).with_credentials().router());
    let project = project_of(&format!("{base}/opentreaty-service"), 1);
    let named = format!("environment test, endpoint {base}/opentreaty-service");
    let applied = run(&project, &["apply", "--yes"]);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    for args in [
        &["plan"][..],
        &["apply", "--yes"],
        &["sync"],
        &["audit"],
        &["ask", "account/idexchange", "thirdId=acme"],
    ] {
        let called = run(&project, args);
        let first = called.stderr.lines().next().unwrap_or_default();
        assert!(first.ends_with(&named), "{args:?}: {}", called.stderr);
        let mut args = args.to_vec();
        args.push("--quiet");
        let quiet = run(&project, &args);
        assert!(!quiet.stderr.contains(&named), "{args:?}: {}", quiet.stderr);
    }
}
