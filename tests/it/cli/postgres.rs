//! Projects whose ledger is in Postgres.
//!
//! The tests of a ledger need a database, and say so if there is none: see `.ci/postgres`.

use crate::support::postgres::new_ledger;
use crate::support::project::{Project, Run};

/// Returns a project of three loans with a ledger in Postgres; none if no database is set.
fn three_loans() -> Option<Project> {
    let Some(ledger) = new_ledger() else {
        eprintln!("skipped: TREATY_TEST_POSTGRES is not set");
        return None;
    };
    let project = Project::loans();
    project.set_sheet(
        &project
            .sheet()
            .lines()
            .take(4)
            .collect::<Vec<_>>()
            .join("\r\n"),
    );
    set_ledger(&project, &ledger);
    Some(project)
}

fn set_ledger(project: &Project, line: &str) {
    let settings = project.read("treaty.yaml");
    project.write("treaty.yaml", format!("{line}{settings}"));
}

#[test]
fn sends_every_contract_once() {
    let Some(project) = three_loans() else { return };
    let created = project.expect(&["apply", "--yes"], 0);
    assert!(created.stdout.contains("3 sent"), "{}", created.stdout);
    project.expect(&["plan", "--detailed-exitcode"], 0);
    let status = project.expect(&["status"], 0);
    assert!(status.stdout.contains("flows.loans"), "{}", status.stdout);
    // Nothing on this machine but the marker shows what was sent.
    std::fs::remove_dir_all(project.path("reports")).expect("removed");
    std::fs::remove_file(project.path(".treaty/sandbox.postgres.marker")).expect("removed");
    let again = project.expect(&["plan", "--detailed-exitcode"], 0);
    assert!(again.stdout.contains("No changes"), "{}", again.stdout);
    let doctor = project.run(&["doctor"]);
    assert!(doctor.stdout.contains("schema test_"), "{}", doctor.stdout);
}

#[test]
fn moves_a_ledger_from_a_file_and_back() {
    let Some(project) = three_loans() else { return };
    let settings = project.read("treaty.yaml");
    let (_, without) = settings.split_once('\n').expect("two lines");
    project.write("treaty.yaml", without);
    project.expect(&["apply", "--yes"], 0);
    let exported = project.expect(&["state", "export"], 0).stdout;
    project.write("export.jsonl", &exported);
    project.write("treaty.yaml", &settings);
    let imported = project.expect(&["state", "import", "export.jsonl", "--yes"], 0);
    assert!(imported.stdout.contains('3'), "{}", imported.stdout);
    project.expect(&["plan", "--detailed-exitcode"], 0);
    let again = project.expect(&["state", "export"], 0).stdout;
    assert_eq!(again, exported);
}

#[test]
fn a_wrong_password_and_a_missing_database_are_named() {
    let Some(project) = three_loans() else { return };
    let failed = |project: &Project, password: &str| {
        let mut command = project.command(&["plan"]);
        command.env("TREATY_LEDGER_PASSWORD", password);
        Run::from(command.output().expect("treaty runs"))
    };
    let run = failed(&project, "wrong-password");
    assert_eq!(run.code, 77, "{}", run.stderr);
    assert!(
        run.stderr.contains("password authentication failed"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("TREATY_LEDGER_PASSWORD_FILE"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("wrong-password"), "{}", run.stderr);
    let settings = project.read("treaty.yaml");
    project.write(
        "treaty.yaml",
        settings.replace("?schema=", "-missing?schema="),
    );
    let password = std::env::var("TREATY_LEDGER_PASSWORD").unwrap_or_default();
    let run = failed(&project, &password);
    assert!(run.stderr.contains("does not exist"), "{}", run.stderr);
}

#[test]
fn a_server_that_does_not_answer_is_named_before_anything_is_sent() {
    let project = Project::loans();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address").port()
    };
    set_ledger(
        &project,
        &format!("ledger: \"postgres://treaty@127.0.0.1:{port}/treaty\"\n"),
    );
    let run = project.expect(&["apply", "--yes"], 1);
    assert!(run.stderr.contains("cannot be reached"), "{}", run.stderr);
    assert!(
        run.stderr.contains("check that the database runs"),
        "{}",
        run.stderr
    );
    assert!(!project.was_called());
}

#[test]
fn an_address_that_cannot_be_used_is_an_error_at_its_line() {
    for (address, expected) in [
        ("postgres://treaty:secret@db/treaty", "contains a password"),
        ("postgres://treaty@db/treaty?sslmode=disable", "needs TLS"),
        (
            "postgres://treaty@db",
            "must name a user, a host and a database",
        ),
        (
            "postgres://treaty@db/treaty?schema=pg_catalog",
            "schema pg_catalog cannot be used",
        ),
        (
            "postgres://treaty@db/treaty?tls=no",
            "the parameter tls is not supported",
        ),
    ] {
        let project = Project::loans();
        set_ledger(&project, &format!("ledger: \"{address}\"\n"));
        let run = project.run(&["validate"]);
        assert_ne!(run.code, 0, "{address}");
        let output = format!("{}{}", run.stdout, run.stderr);
        assert!(output.contains(expected), "{address}\n{output}");
        assert!(output.contains("treaty.yaml:1:"), "{address}\n{output}");
        assert!(!output.contains("secret"), "{address}\n{output}");
    }
}
