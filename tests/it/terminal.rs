//! Standard output that cannot be written.

#![cfg(unix)]

use std::fs::File;
use std::process::Stdio;

use crate::project::Project;

#[test]
fn a_result_that_got_lost_is_an_error() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    for args in [
        &["validate"][..],
        &["plan"],
        &["plan", "--format", "json"],
        &["plan", "--detailed-exitcode"],
        &["status"],
        &["status", "--links"],
        &["status", "--format", "json"],
        &["state", "list"],
        &["state", "export"],
        &["state", "show", "accounts.clerk"],
        &["report"],
        &["schema", "project"],
        &["apply", "--yes"],
        &["sync"],
        &["--help"],
    ] {
        let full = File::options().write(true).open("/dev/full");
        let run = project
            .command(args)
            .stdout(full.expect("a full device"))
            .output()
            .expect("treaty runs");
        let told = String::from_utf8(run.stderr).expect("UTF-8");
        assert_eq!(run.status.code(), Some(1), "{args:?}: {told}");
        let times = told.matches("standard output cannot be written").count();
        assert_eq!(times, 1, "{args:?}: {told}");
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    for args in [&["state", "export"][..], &["status", "--links"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = project.command(args);
        let status = command.stdout(writer).stderr(Stdio::null()).status();
        assert!(status.expect("treaty runs").success(), "{args:?}");
    }
}
