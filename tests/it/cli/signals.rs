//! Ctrl-C, SIGTERM and SIGHUP: one signal drains, two signals stop. A suspended process loses its lease.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request;
use treaty::sandbox::Sandbox;

use crate::sandbox::servers::{project_of, run};
use crate::support::project::Run;
use crate::support::serve::serve;

/// Serves a sandbox with delayed responses. Returns its address, the sandbox and a call counter.
fn slow() -> (String, Sandbox, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let base = serve(move |base| {
        let sandbox = Sandbox::in_memory(base).with_credentials();
        tell.send(sandbox.clone()).expect("somebody waits");
        let wait = move |request: Request, next: axum::middleware::Next| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(15)).await;
                next.run(request).await
            }
        };
        sandbox.router().layer(axum::middleware::from_fn(wait))
    });
    (base, told.recv().expect("a world"), calls)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

fn wait_for(calls: &AtomicUsize, count: usize) {
    while calls.load(Ordering::Relaxed) < count {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn spawn(project: &crate::support::project::Project, args: &[&str]) -> Child {
    let mut command = project.command(args);
    command
        .env("TREATY_APP_ID", "app")
        .env("TREATY_APP_SECRET", "not-to-be-seen")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("treaty runs")
}

#[test]
fn drains_or_stops_on_signals_and_completes_in_the_next_run() {
    for signals in [
        &["-TERM"][..],
        &["-INT"],
        &["-HUP"],
        // A closed terminal sends several.
        &["-HUP", "-HUP"],
        &["-TERM", "-TERM"],
    ] {
        let (base, sandbox, calls) = slow();
        let project = project_of(&base, 60);
        let child = spawn(&project, &["apply", "--yes"]);
        wait_for(&calls, 100);
        for name in signals {
            signal(&child, name);
            std::thread::sleep(Duration::from_millis(5));
        }
        let ended = Run::from(child.wait_with_output().expect("it ends"));
        assert_eq!(ended.code, 130, "{signals:?} {}", ended.stderr);
        let report = project.report("loans.csv");
        let with = |status: &str| {
            report
                .iter()
                .filter(|row| row["treaty_status"] == status)
                .count()
        };
        assert_eq!(report.len(), 60, "no row is missing");
        let open = with("interrupted");
        assert!(
            signals == ["-TERM", "-TERM"] || open == 0,
            "{signals:?}: {open} left open"
        );
        let not_started = "not started: the run was interrupted";
        assert!(report.iter().any(|row| row["treaty_error"] == not_started));
        let next = run(&project, &["apply", "--yes"]);
        assert_eq!(next.code, 0, "{}", next.stderr);
        let flows = sandbox.with_world(|world| {
            let asked = world
                .flows()
                .filter(|flow| flow.live_tasks().next().is_some());
            asked
                .map(|flow| flow.live_tasks().count())
                .collect::<Vec<_>>()
        });
        assert_eq!(flows, vec![2; 60], "{signals:?}");
    }
}

#[test]
fn an_interrupt_while_the_first_items_are_signed_ends_the_run_as_interrupted() {
    let (base, _, calls) = slow();
    let project = project_of(&base, 5);
    let options = "apply --yes --canary 1 --until-signed --wait --every 20ms";
    let options: Vec<&str> = options.split(' ').collect();
    let mut child = spawn(&project, &options);
    let mut told = BufReader::new(child.stderr.take().expect("what is told")).lines();
    let sent = told.find(|line| line.as_ref().is_ok_and(|line| line.contains("was sent")));
    assert!(sent.is_some());
    // Nobody signs: from the second poll on, it waits.
    wait_for(&calls, calls.load(Ordering::Relaxed) + 2);
    signal(&child, "-INT");
    let told: Vec<String> = told.map_while(Result::ok).collect();
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130), "{told:?}");
    let not_started = "not started: the run was interrupted";
    let report = project.report("loans.csv");
    let count = report
        .iter()
        .filter(|row| row["treaty_error"] == not_started);
    assert_eq!(count.count(), 4);
    assert_eq!(project.summary()["exitCode"], 130);
}

#[test]
fn begins_no_items_after_a_signal_during_resource_creation() {
    let (base, _, calls) = slow();
    let project = project_of(&base, 5);
    let child = spawn(&project, &["apply", "--yes"]);
    // Seven lookups, two for accounts of the project and five for rows, and the first creation.
    wait_for(&calls, 8);
    signal(&child, "-TERM");
    let ended = Run::from(child.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(calls.load(Ordering::Relaxed) < 14);
    let not_started = "not started: the run was interrupted";
    let report = project.report("loans.csv");
    assert!(report.iter().all(|row| row["treaty_error"] == not_started));
    let next = run(&project, &["apply", "--yes"]);
    assert_eq!(next.code, 0, "{}", next.stderr);
}

#[test]
fn a_second_run_reports_the_lock_holder() {
    let (base, _, calls) = slow();
    let project = project_of(&base, 30);
    let first = spawn(&project, &["apply", "--yes"]);
    wait_for(&calls, 20);
    let second = run(&project, &["apply", "--yes"]);
    assert_eq!(second.code, 75, "{}", second.stderr);
    let who = format!("process {} on ", first.id());
    assert!(
        second.stderr.contains(&who) && second.stderr.contains("since 20"),
        "{}",
        second.stderr
    );
    let first = Run::from(first.wait_with_output().expect("it ends"));
    assert_eq!(first.code, 0, "{}", first.stderr);
}

/// Suspends a run until its lease expires and another run takes over, then resumes it.
#[test]
fn a_run_with_an_expired_lease_sends_nothing() {
    let (base, sandbox, calls) = slow();
    let project = project_of(&base, 40);
    let first = spawn(&project, &["apply", "--yes"]);
    wait_for(&calls, 80);
    let ledger = rusqlite::Connection::open(project.path(".treaty/test.db")).expect("a ledger");
    loop {
        signal(&first, "-STOP");
        let forty_seconds = ledger.execute("UPDATE lease SET beat = beat - 40000", []);
        if forty_seconds.is_ok() {
            break;
        }
        // The process was stopped during a write, so the database is still locked.
        signal(&first, "-CONT");
        std::thread::sleep(Duration::from_millis(3));
    }
    drop(ledger);
    let second = run(&project, &["apply", "--yes"]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    let before = calls.load(Ordering::Relaxed);
    signal(&first, "-CONT");
    let first = Run::from(first.wait_with_output().expect("it ends"));
    assert_eq!(first.code, 75, "{}", first.stderr);
    assert!(
        first.stderr.contains("has taken over the ledger"),
        "{}",
        first.stderr
    );
    let late = calls.load(Ordering::Relaxed) - before;
    assert!(
        late <= 64,
        "{late} calls: what was under way, and nothing else"
    );
    let flows = sandbox.with_world(|world| {
        let asked = world
            .flows()
            .filter(|flow| flow.live_tasks().next().is_some());
        asked
            .map(|flow| flow.live_tasks().count())
            .collect::<Vec<_>>()
    });
    assert_eq!(flows, vec![2; 40]);
}

/// Starts a sandbox, and returns it with its address and an open connection.
fn sandbox(folder: &crate::support::project::Project) -> (Child, std::net::TcpStream) {
    use std::io::{BufRead as _, BufReader};
    let mut child = folder
        .command(&["sandbox", "--memory", "--addr", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server");
    let mut lines = BufReader::new(child.stdout.as_mut().expect("its output")).lines();
    let line = lines.next().expect("a line").expect("text");
    let addr = line.split('/').nth(2).expect("an address");
    let stream = std::net::TcpStream::connect(addr).expect("connected");
    (child, stream)
}

#[test]
fn the_sandbox_ends_cleanly_on_every_signal() {
    let folder = crate::support::project::Project::empty();
    for name in ["-INT", "-TERM", "-HUP"] {
        // The open connection does not keep it.
        let (mut child, _stream) = sandbox(&folder);
        signal(&child, name);
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{name}");
    }
}

/// `nohup` ignores SIGHUP, so that a program continues without its terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_hangup_ignored_at_the_start_stays_ignored() {
    let (base, _, calls) = slow();
    let project = project_of(&base, 20);
    let treaty = env!("CARGO_BIN_EXE_treaty");
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("trap '' HUP; exec '{treaty}' apply --yes")])
        .current_dir(project.root())
        .env("TREATY_APP_ID", "app")
        .env("TREATY_APP_SECRET", "not-to-be-seen")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("treaty runs");
    wait_for(&calls, 30);
    signal(&child, "-HUP");
    let ended = Run::from(child.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn a_low_limit_of_open_files_lowers_the_concurrency() {
    let (base, ..) = slow();
    let treaty = env!("CARGO_BIN_EXE_treaty");
    for (limit, is_lowered) in [("-Sn 64", false), ("-n 128", true)] {
        let project = project_of(&base, 5);
        project.replace(
            "treaty.yaml",
            "limits: { rate: none }",
            "limits: { rate: none, concurrency: 100 }",
        );
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                &format!("ulimit {limit}; exec '{treaty}' apply --yes"),
            ])
            .current_dir(project.root())
            .env("TREATY_APP_ID", "app")
            .env("TREATY_APP_SECRET", "not-to-be-seen");
        let ended = Run::from(command.output().expect("treaty runs"));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let text =
            "limits.concurrency is 100, but this process may have only 32 requests in flight";
        assert_eq!(ended.stderr.contains(text), is_lowered, "{}", ended.stderr);
    }
}
