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

/// Opens a terminal. Returns the end at which a person types, and the end that a program reads.
fn terminal() -> (File, File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("granted");
    unlockpt(&terminal).expect("unlocked");
    let name = ptsname(&terminal, Vec::new()).expect("its name");
    let keyboard = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().expect("UTF-8"))
        .expect("its other end");
    (File::from(terminal), keyboard)
}

/// Reads until a text appears. Returns what was read.
fn wait_for(output: &mut impl Read, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let mut byte = [0];
        output.read_exact(&mut byte).expect(text);
        read.push(byte[0]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[test]
fn init_asks_about_what_it_guesses() {
    let project = Project::loans();
    let (mut hands, keyboard) = terminal();
    let args = [
        "init",
        "--template",
        "templates/loan.pdf",
        "--sheet",
        "loans.csv",
        "new",
    ];
    let mut command = project.command(&args);
    let command = command.stdin(keyboard).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("treaty runs");
    let mut asked = child.stderr.take().expect("questions");
    for (question, answer) in [
        ("every run) [1 合同号]: ", ""),
        ("Signers [1]: ", "3"),
        ("enter 1 or 2\nSigners [1]: ", "2"),
        ("Form field 还款账号, - for none [10 账号尾号]: ", "99"),
        (
            "a column\nForm field 还款账号, - for none [10 账号尾号]: ",
            "客户号",
        ),
    ] {
        wait_for(&mut asked, question);
        hands
            .write_all(format!("{answer}\n").as_bytes())
            .expect("typed");
    }
    assert!(child.wait().expect("an end").success());
    let manifest = project.read("new/manifests/flow.yaml");
    assert!(
        manifest.contains("还款账号: \"{{ row.客户号 }}\"\n"),
        "{manifest}"
    );
    assert!(!manifest.contains("platform"), "{manifest}");
    project.expect(&["-p", "new", "validate"], 0);
}

#[test]
fn ignores_input_typed_before_the_prompt() {
    let project = Project::loans();
    let (mut hands, keyboard) = terminal();
    hands.write_all(b"y\n").expect("typed too early");
    let mut child = project
        .command(&["apply"])
        .stdin(keyboard)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("treaty runs");
    let mut told = child.stderr.take().expect("what is told");
    wait_for(&mut told, "[y/N]");
    hands.write_all(b"n\n").expect("typed");
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(child.wait().expect("an end").code(), Some(1));
    assert!(rest.contains("nothing was changed"), "{rest}");
    assert!(!project.was_called());
}

#[test]
fn asks_before_the_items_after_the_first_ones() {
    let project = Project::loans();
    let (mut hands, keyboard) = terminal();
    let mut child = project
        .command(&["apply", "--canary", "2"])
        .stdin(keyboard)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("treaty runs");
    let mut told = child.stderr.take().expect("what is told");
    for (question, answer) in [
        ("Apply this plan to sandbox? [y/N]", "y\n"),
        ("Send the other 198 items? [y/N]", "n\n"),
    ] {
        wait_for(&mut told, question);
        hands.write_all(answer.as_bytes()).expect("typed");
    }
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(child.wait().expect("an end").code(), Some(3), "{rest}");
    let told = "apply again to send the other items";
    assert!(rest.contains(told), "{rest}");
    let run = project.expect(&["apply", "--yes"], 0);
    assert!(run.stdout.contains("198 to send"), "{}", run.stdout);
}

/// A command that ends contracts is not proposed for a typing error.
#[test]
fn an_unknown_command_never_proposes_revoke() {
    let project = Project::empty();
    let run = project.expect(&["revok"], 64);
    assert!(!run.stderr.contains("revoke'"), "{}", run.stderr);
    let run = project.expect(&["statu"], 64);
    assert!(run.stderr.contains("'status'"), "{}", run.stderr);
}
