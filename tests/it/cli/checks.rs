//! `checks`: what the scenarios in `tests/cases` do not show.

use crate::support::project::Project;

fn add_checks(project: &Project, file: &str, indent: &str, checks: &str) {
    let text = project.read(file);
    project.write(file, format!("{text}\n{indent}checks:\n{checks}"));
}

#[test]
fn a_new_check_sends_nothing_again() {
    let project = Project::base();
    project.expect(&["apply", "--yes"], 0);
    let check = "      - { that: \"{{ row.金额 | float <= 200000 }}\" }\n";
    add_checks(&project, "manifests/loans.yaml", "    ", check);
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn a_check_of_the_project_holds_for_every_flow() {
    let project = Project::base();
    let checks = "  - { that: \"{{ flow.rows <= 2 }}\" }\n  - { that: \"{{ row.金额 | float < 100000 }}\" }\n";
    add_checks(&project, "treaty.yaml", "", checks);
    let run = project.expect(&["plan"], 65);
    for text in [
        "flows.loans: the check fails: flow.rows <= 2",
        "flow.rows is 3, without 1 invalid row",
        "the check fails: row.金额 | float < 100000",
        "loans.csv, row 5, column 金额 (F)",
    ] {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
    assert!(!project.was_called());
}

#[test]
fn sums_need_numbers() {
    let project = Project::base();
    project.replace("loans.csv", "6955", "六九五五");
    let check = "      - { that: \"{{ flow.sum.账号尾号 > 0 }}\" }\n";
    add_checks(&project, "manifests/loans.yaml", "    ", check);
    let run = project.expect(&["validate"], 65);
    for text in [
        "账号尾号 is not a number that can be added up",
        "loans.csv, row 2, column 账号尾号 (J)",
    ] {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
}

#[test]
fn a_message_may_use_other_sums_than_its_condition() {
    let project = Project::base();
    let check =
        "      - { that: \"{{ flow.rows <= 2 }}\", message: \"合计 {{ flow.sum.金额 }}\" }\n";
    add_checks(&project, "manifests/loans.yaml", "    ", check);
    let run = project.expect(&["validate"], 65);
    assert!(run.stderr.contains("合计 "), "{}", run.stderr);
    assert!(!run.stderr.contains("undefined"), "{}", run.stderr);
}

#[test]
fn totals_are_not_compared_with_text() {
    for (that, correct) in [
        ("flow.rows <= var.cap", "flow.rows <= var.cap | float"),
        ("flow.rows <= '2'", "flow.rows <= 2"),
        (
            "flow.sum.金额 <= var.cap",
            "flow.sum.金额 <= var.cap | float",
        ),
        ("row.金额 | float <= '1'", "row.金额 | float <= 1"),
    ] {
        let project = Project::base();
        project.replace(
            "treaty.yaml",
            "variables: {",
            "variables: { cap: { type: number, default: 2 },",
        );
        let check = format!("      - {{ that: \"{{{{ {that} }}}}\" }}\n");
        add_checks(&project, "manifests/loans.yaml", "    ", &check);
        let run = project.expect(&["validate"], 65);
        assert!(run.stderr.contains(correct), "{correct}: {}", run.stderr);
        project.replace("manifests/loans.yaml", that, correct);
        let run = project.expect(&["validate"], 65);
        assert!(run.stderr.contains("the check fails"), "{}", run.stderr);
    }
}
