//! The command `treaty listen`: its start, its end, and its errors.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use treaty::sandbox::Sandbox;

use crate::sandbox::servers::project_of;
use crate::support::listener::{APP, finish, signed};
use crate::support::project::{Project, Run};
use crate::support::serve::serve;

fn spawn(project: &Project, args: &[&str]) -> Child {
    let mut command = project.command(&["listen", "--addr", "127.0.0.1:0"]);
    command
        .args(args)
        .env("TREATY_APP_ID", APP.0)
        .env("TREATY_APP_SECRET", APP.1)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("treaty runs")
}

/// Returns the address that the command prints.
fn address(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.as_mut().expect("its output")).lines();
    let line = lines.next().expect("a line").expect("text");
    line.rsplit(' ').next().expect("an address").to_owned()
}

fn ended(child: Child) -> Run {
    Run::from(child.wait_with_output().expect("it ends"))
}

#[test]
fn reports_why_it_cannot_listen_with_exit_code_and_hint() {
    let project = Project::loans();
    let inside = project.expect(&["listen"], 64);
    for part in ["sends no callbacks", "treaty sandbox --callback"] {
        assert!(inside.stderr.contains(part), "{}", inside.stderr);
    }
    let missing = project.expect(&["-e", "test", "listen"], 77);
    assert!(
        missing.stderr.contains("TREATY_APP_ID"),
        "{}",
        missing.stderr
    );
    project.expect(&["listen", "--path", "/metrics"], 64);
    project.expect(&["listen", "--max-age", "soon"], 64);
    project.expect(&["listen", "--addr", "here"], 64);
    assert!(!project.path(".treaty").exists(), "nothing was made");

    let project = project_of("http://127.0.0.1:1", 1);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("an address").to_string();
    let run = ended(spawn_at(&project, &addr));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("cannot listen on"), "{}", run.stderr);
    // The ledger is bound to the first endpoint now.
    let settings = project.read("treaty.yaml");
    project.write(
        "treaty.yaml",
        settings.replace("127.0.0.1:1", "127.0.0.1:2"),
    );
    let run = ended(spawn(&project, &[]));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("belongs to the endpoint"),
        "{}",
        run.stderr
    );
    project.write(
        ".treaty/test.db",
        "no ledger at all, but long enough to be looked at".repeat(99),
    );
    let run = ended(spawn(&project, &[]));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("damaged"), "{}", run.stderr);
}

fn spawn_at(project: &Project, addr: &str) -> Child {
    let mut command = project.command(&["listen", "--addr", addr]);
    command
        .env("TREATY_APP_ID", APP.0)
        .env("TREATY_APP_SECRET", APP.1)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("treaty runs")
}

#[test]
fn receives_until_sigterm_and_logs_no_secrets() {
    let base = serve(|base| Sandbox::in_memory(base).with_credentials().router());
    let project = project_of(&base, 1);
    let mut listening = spawn(&project, &["--path", "/told", "-v"]);
    let url = address(&mut listening);
    assert!(url.ends_with("/told"), "{url}");
    let post = |url: &str, body: &str, good: bool| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let text = if good { body } else { "other" };
        let headers = signed(Timestamp::now(), "", text.as_bytes());
        let client = crate::support::listener::Listening::client();
        let request = client.post(url).headers(headers).body(body.to_owned());
        runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        })
    };
    let body = finish("100").replace('}', r#","statusDescription":"金额不对"}"#);
    let taken = r#"{"errCode":0,"msg":"success"}"#.to_owned();
    assert_eq!(post(&url, &body, true), (200, taken));
    assert_eq!(post(&url, &body, false).0, 401);
    let killed = Command::new("kill")
        .args(["-TERM", &listening.id().to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
    let mut rest = String::new();
    let mut stdout = listening.stdout.take().expect("its output");
    stdout.read_to_string(&mut rest).expect("text");
    let run = ended(listening);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let said = format!("{rest}{}", run.stderr);
    assert!(said.contains("callback: unknown flow 100"), "{said}");
    assert!(
        said.contains("forged: the signature does not match"),
        "{said}"
    );
    assert!(!said.contains(APP.1) && !said.contains("金额"), "{said}");
    let ledger = std::fs::read(project.path(".treaty/test.db")).expect("a ledger");
    let ledger = String::from_utf8_lossy(&ledger);
    assert!(!ledger.contains("金额") && !ledger.contains(APP.1));
}
