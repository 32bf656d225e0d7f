//! Pipes, devices and folders in the place of a file are refused with their location, and never
//! waited for.
#![cfg(unix)]

use std::process::Command;

use crate::support::project::{Project, Run};

fn pipe(project: &Project, name: &str) {
    let path = project.path(name);
    let _ = std::fs::remove_file(&path);
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo runs").success());
}

fn assert_refused(run: &Run, place: &str) {
    for part in ["not a regular file", place, "help: "] {
        assert!(run.stderr.contains(part), "no {part}: {}", run.stderr);
    }
}

#[test]
fn validate_refuses_pipes_and_devices_without_waiting() {
    for (name, place) in [
        ("treaty.yaml", "treaty.yaml"),
        ("manifests/loans.yaml", "manifests/loans.yaml"),
        ("loans.csv", "loans.csv"),
        ("templates/loan.pdf", "manifests/loans.yaml:4"),
    ] {
        let project = Project::loans();
        pipe(&project, name);
        assert_refused(&project.expect(&["validate"], 65), place);
    }
    // A folder is refused, too.
    let project = Project::loans();
    let template = project.path("templates/loan.pdf");
    std::fs::remove_file(&template).expect("removed");
    std::fs::create_dir(&template).expect("a folder");
    assert_refused(&project.expect(&["validate"], 65), "manifests/loans.yaml:4");
}

#[test]
fn commands_refuse_pipes_and_devices_as_arguments() {
    let project = Project::loans();
    pipe(&project, "pipe");
    for file in ["pipe", "/dev/zero"] {
        let run = project.expect(&["sandbox", "--memory", "--faults", file], 64);
        assert_refused(&run, file);
        let run = project.expect(&["state", "import", file, "--yes"], 64);
        assert_refused(&run, file);
        project.replace(
            "treaty.yaml",
            "endpoint: sandbox",
            "endpoint: http://127.0.0.1:9",
        );
        let mut command = project.command(&["apply", "--yes"]);
        command
            .env("TREATY_APP_ID", "app")
            .env("TREATY_APP_SECRET_FILE", file);
        let run = Run::from(command.output().expect("treaty runs"));
        project.replace(
            "treaty.yaml",
            "endpoint: http://127.0.0.1:9",
            "endpoint: sandbox",
        );
        assert_eq!(run.code, 77, "{}", run.stderr);
        assert_refused(&run, "TREATY_APP_SECRET_FILE");
    }
}

/// The file grows beyond the limit of file sizes: an error with its reason, not a death by SIGXFSZ.
#[test]
fn a_file_beyond_the_size_limit_is_an_error() {
    let project = Project::empty();
    let treaty = env!("CARGO_BIN_EXE_treaty");
    let script = format!("ulimit -f 8; exec '{treaty}' init loan new");
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(project.root())
        .output();
    let run = Run::from(output.expect("a shell"));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("loan.pdf cannot be written"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_run_that_cannot_begin_leaves_no_report_folder() {
    let project = super::state::few(1);
    project.write("reports/latest/notes.txt", "");
    let run = project.expect(&["apply", "--yes"], 1);
    assert!(run.stderr.contains("must be a link"), "{}", run.stderr);
    let reports = std::fs::read_dir(project.path("reports")).expect("a folder");
    assert_eq!(reports.count(), 1, "only what was there");
}
