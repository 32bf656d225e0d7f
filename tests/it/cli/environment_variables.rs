//! Environment variables in manifests: the lists, `--allow-env`, and the masks of their values.

use crate::support::project::{Project, Run};

/// The id number of the clerk, in the environment.
const ID_NO: &str = "330199199910145052";
/// A part of the keys, in the environment.
const BRANCH: &str = "杭州滨江支行";

/// Creates the example project with values from the environment: an id number, and a part of the
/// keys, which the plan shows.
fn project() -> Project {
    let project = Project::loans();
    let id_no = format!("\"{ID_NO}\"");
    project.replace("manifests/lender.yaml", &id_no, "\"{{ env.CLERK_ID_NO }}\"");
    project.replace(
        "manifests/loans.yaml",
        "key: \"{{ row.合同号 }}\"",
        "key: \"{{ env.BRANCH }}-{{ row.合同号 }}\"",
    );
    project
}

/// Lists both variables for the environment `sandbox`.
fn listed() -> Project {
    let project = project();
    let sandbox = "sandbox: { endpoint: sandbox";
    let with_list = format!("{sandbox}, env: [CLERK_ID_NO, BRANCH]");
    project.replace("treaty.yaml", sandbox, &with_list);
    project
}

fn run(project: &Project, args: &[&str]) -> Run {
    let mut command = project.command(args);
    command
        .env("CLERK_ID_NO", ID_NO)
        .env("BRANCH", BRANCH)
        .env("TREATY_APP_SECRET", "not-to-be-seen");
    Run::from(command.output().expect("treaty runs"))
}

#[test]
fn reads_only_listed_variables_or_those_of_the_command_line() {
    let not_listed = run(&project(), &["validate"]);
    assert_eq!(not_listed.code, 65, "{}", not_listed.stderr);
    for text in [
        "the environment variable CLERK_ID_NO is not listed",
        "the environment variable BRANCH is not listed",
        "list it in treaty.yaml with env: [BRANCH], or run treaty with --allow-env BRANCH",
    ] {
        assert!(not_listed.stderr.contains(text), "{}", not_listed.stderr);
    }
    let args = "validate --allow-env CLERK_ID_NO --allow-env BRANCH";
    let args: Vec<&str> = args.split(' ').collect();
    let allowed = run(&project(), &args);
    assert_eq!(allowed.code, 0, "{}", allowed.stderr);
    let listed = run(&listed(), &["validate"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    // The list of one environment does not apply to another one.
    let other = self::listed();
    other.replace(
        "treaty.yaml",
        "environments:",
        "environments:\n  other: { endpoint: sandbox }",
    );
    let other = run(&other, &["-e", "other", "validate"]);
    assert_eq!(other.code, 65, "{}", other.stderr);
    let text = "the environment variable BRANCH is not listed";
    assert!(other.stderr.contains(text), "{}", other.stderr);
}

#[test]
fn masks_values_of_environment_variables_in_plans_and_logs() {
    let project = listed();
    for format in ["text", "markdown", "json"] {
        let plan = run(&project, &["plan", "--format", format]);
        assert_eq!(plan.code, 0, "{}", plan.stderr);
        assert_masked(&plan);
        // The Markdown table has counts only.
        let shows_keys = plan.stdout.contains("***-HT-2026-");
        assert_eq!(shows_keys, format != "markdown", "{}", plan.stdout);
    }
    for args in [
        &["apply", "--yes", "-vvv"][..],
        &["apply", "--yes", "--log-format", "json"],
    ] {
        let apply = run(&listed(), args);
        assert_eq!(apply.code, 0, "{}", apply.stderr);
        assert_masked(&apply);
        assert!(apply.stderr.contains("***-HT-2026-"), "{}", apply.stderr);
    }
    let log_file = project.path("treaty.log");
    let log_file = log_file.to_str().expect("UTF-8");
    let apply = run(&project, &["apply", "--yes", "--log-file", log_file]);
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    let log = project.read("treaty.log");
    assert!(!log.contains(BRANCH) && !log.contains(ID_NO));
    assert!(log.contains("***-HT-2026-"));
}

#[test]
fn masks_values_of_environment_variables_in_errors() {
    let project = listed();
    let endpoint = "endpoint: \"http://{{ env.BRANCH }}\"";
    project.replace("treaty.yaml", "endpoint: sandbox", endpoint);
    let refused = run(&project, &["plan"]);
    assert_eq!(refused.code, 65, "{}", refused.stderr);
    assert_masked(&refused);
    let text = "the endpoint http://*** is not safe for credentials";
    assert!(refused.stderr.contains(text), "{}", refused.stderr);
}

fn assert_masked(run: &Run) {
    for text in [BRANCH, ID_NO, "not-to-be-seen"] {
        assert!(!run.stdout.contains(text), "{}", run.stdout);
        assert!(!run.stderr.contains(text), "{}", run.stderr);
    }
}
