//! Every folder of `tests/cases` is a scenario. Its files are laid over `base`, `commands` lists
//! the commands, and `expected.txt` holds their output and exit codes. `UPDATE=1 cargo test`
//! rewrites the expected output.

use std::fmt::Write;
use std::path::Path;

use crate::support::project::{Project, copy, root};

#[test]
fn every_case_ends_as_expected() {
    let folder = root().join("tests/cases");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("cases")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .filter(|name| name != "base")
        .collect();
    names.sort();
    assert!(names.len() > 20, "the cases are there");
    let wrong: Vec<String> = names
        .iter()
        .filter_map(|name| differs(&folder.join(name), name))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn differs(case: &Path, name: &str) -> Option<String> {
    let project = Project::copy_of(&root().join("tests/cases/base"));
    let template = root().join("examples/loans/templates/loan.pdf");
    std::fs::create_dir_all(project.path("templates")).expect("a folder");
    std::fs::copy(template, project.path("templates/loan.pdf")).expect("the template");
    copy(case, project.root());
    let commands = project.read("commands");
    let mut printed = String::new();
    let mut codes = Vec::new();
    for line in commands.lines() {
        let args: Vec<&str> = line.split_whitespace().collect();
        let run = project.run(&args);
        codes.push(run.code);
        write!(
            printed,
            "$ treaty {line}\n{}{}exit {}\n",
            run.stdout, run.stderr, run.code
        )
        .expect("a string");
    }
    if codes.iter().all(|code| [64, 65, 77].contains(code)) {
        assert!(!project.was_called(), "{name}: something was called");
    }
    let printed = steady(&printed);
    let expected = case.join("expected.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&expected, &printed).expect("written");
    }
    let known = std::fs::read_to_string(&expected).unwrap_or_default();
    (known != printed).then(|| format!("--- {name}: expected\n{known}\n--- but was\n{printed}"))
}

/// Replaces values that differ from run to run: times, run names, rates, folders.
pub(super) fn steady(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = steady_ledger(&steady_fields(&steady_time(line)));
        let summary = |words: &str, kept: &str| {
            let (calls, _) = line.split_once(words)?;
            Some(format!("{calls}{kept}"))
        };
        let summary = summary(" calls in ", " calls in … s; reports in …")
            .or_else(|| summary(" 次请求，用时 ", " 次请求，用时 … 秒；报告在 …"));
        match summary {
            Some(summary) => summary,
            None => match line.split_once("/s") {
                Some((before, after)) if before.starts_with("TIME ") && before.contains(", ") => {
                    let (kept, _) = before.rsplit_once(", ").expect("a rate");
                    format!("{kept}, …/s{after}")
                }
                _ => line,
            },
        }
    });
    lines.map(|line| line + "\n").collect()
}

/// Replaces the id and the serial of the ledger in the head of a plan.
fn steady_ledger(line: &str) -> String {
    for (begin, serial, head) in [
        ("Ledger: ", ", serial ", "Ledger: ID, serial N"),
        ("台账：", "，序号 ", "台账：ID，序号 N"),
    ] {
        if let Some((_, rest)) = line.split_once(serial).filter(|_| line.starts_with(begin)) {
            let rest = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            return format!("{head}{rest}");
        }
    }
    line.to_owned()
}

/// Replaces the timestamp at the start of a line.
fn steady_time(line: &str) -> String {
    match line.split_once("+08:00 ") {
        Some((time, rest)) if time.len() == "2026-01-01T00:00:00.000".len() => {
            format!("TIME {rest}")
        }
        _ => line.to_owned(),
    }
}

/// Replaces the variable fields of a JSON line.
fn steady_fields(line: &str) -> String {
    let mut line = line.to_owned();
    for name in ["timestamp", "run", "reports"] {
        let begin = format!("\"{name}\":\"");
        if let Some((before, after)) = line.split_once(&begin)
            && let Some((_, rest)) = after.split_once('"')
        {
            line = format!("{before}{begin}…\"{rest}");
        }
    }
    line
}
