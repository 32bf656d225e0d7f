//! Standard output that cannot be written, and input typed at a terminal.

#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::project::Project;

#[test]
fn reports_standard_output_that_cannot_be_written() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    for args in [
        &["validate"][..],
        &["preview"],
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
fn ignores_a_closed_pipe() {
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

#[test]
fn ignores_input_typed_before_the_prompt() {
    let project = Project::loans();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("granted");
    unlockpt(&terminal).expect("unlocked");
    let name = ptsname(&terminal, Vec::new()).expect("its name");
    let keyboard = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().expect("UTF-8"))
        .expect("its other end");
    let mut hands = File::from(terminal);
    hands.write_all(b"y\n").expect("typed too early");
    let mut child = project
        .command(&["apply"])
        .stdin(keyboard)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("treaty runs");
    let mut told = child.stderr.take().expect("what is told");
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("[y/N]") {
        let mut byte = [0];
        told.read_exact(&mut byte).expect("a question");
        heard.push(byte[0]);
    }
    hands.write_all(b"n\n").expect("typed");
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("UTF-8");
    assert!(child.wait().expect("an end").success());
    assert!(rest.contains("nothing was changed"), "{rest}");
    assert!(!project.was_called());
}
