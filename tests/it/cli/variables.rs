//! Variables: `--var`, `--var-file`, `TREATY_VAR_…`, their precedence, types and masks.

use crate::support::project::{Project, Run};

/// Creates the base project whose contract names and keys contain the variable `branch`.
fn project(declaration: &str) -> Project {
    let project = Project::base();
    let lender = "variables: { lender: 天谷小额贷款有限公司 }";
    let declared = format!("variables:\n  lender: 天谷小额贷款有限公司\n  branch: {declaration}\n");
    project.replace("treaty.yaml", lender, &declared);
    let key = "key: \"{{ row.合同号 }}\"";
    let with_branch = "key: \"{{ var.branch }}-{{ row.合同号 }}\"";
    project.replace("manifests/loans.yaml", key, with_branch);
    project
}

fn run(project: &Project, args: &[&str], env: Option<(&str, &str)>) -> Run {
    let mut command = project.command(args);
    command.envs(env);
    Run::from(command.output().expect("treaty runs"))
}

/// Returns the branch in the key of the first item.
fn branch(project: &Project, args: &[&str], env: Option<(&str, &str)>) -> String {
    let run = run(project, &[&["plan", "--all"], args].concat(), env);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (_, rest) = run.stdout.split_once("flows.loans[\"").expect("an item");
    rest.split_once("-HT").expect("a key").0.to_owned()
}

#[test]
fn the_command_line_takes_precedence_over_files_over_the_environment() {
    let project = project("{ default: d }");
    project.write("one.yaml", "branch: one\n");
    project.write("two.json", "{ \"branch\": \"two\" }");
    project.write("three.env", "# the branch\nexport branch='three'\n");
    let path = |name: &str| project.path(name).display().to_string();
    let (one, two, three) = (path("one.yaml"), path("two.json"), path("three.env"));
    let env = Some(("TREATY_VAR_branch", "e"));
    assert_eq!(branch(&project, &[], None), "d");
    assert_eq!(branch(&project, &[], env), "e");
    assert_eq!(branch(&project, &["--var-file", &one], env), "one");
    let files = ["--var-file", &one, "--var-file", &two];
    assert_eq!(branch(&project, &files, env), "two");
    assert_eq!(branch(&project, &["--var-file", &three], env), "three");
    let args = ["--var", "branch=v", "--var-file", &one];
    assert_eq!(branch(&project, &args, env), "v");
    project.replace(
        "treaty.yaml",
        "{ endpoint: sandbox }",
        "{ endpoint: sandbox, variables: { branch: own } }",
    );
    assert_eq!(branch(&project, &[], None), "own");
    assert_eq!(branch(&project, &[], env), "e");
}

#[test]
fn refuses_values_that_do_not_fit_their_declaration() {
    for (declaration, args, told) in [
        (
            "{ required: true }",
            &[][..],
            &[
                "the variable branch is required and has no value",
                "pass --var branch=…",
            ][..],
        ),
        (
            "{ required: true }",
            &["--var", "branch="],
            &["is required and has no value"],
        ),
        (
            "{ type: text }",
            &[],
            &[
                "the variable branch has no value",
                "var[\"branch\"] | default",
            ],
        ),
        (
            "{ type: number }",
            &["--var", "branch=4,35"],
            &[
                "the variable branch cannot be 4,35 (--var)",
                "write a number, such as 4.35",
            ],
        ),
        (
            "{ type: boolean, default: yes }",
            &[],
            &[
                "the variable branch cannot be yes",
                "write true or false",
                "treaty.yaml:8",
            ],
        ),
        (
            "{ type: date }",
            &["--var", "branch=soon"],
            &["write a date, such as 2026-11-23"],
        ),
        (
            "{ default: a, required: true }",
            &[],
            &["the variable branch is required and has a default"],
        ),
        (
            "a",
            &["--var", "branhc=b"],
            &[
                "no variable branhc is declared (--var)",
                "did you mean branch?",
            ],
        ),
        (
            "a",
            &["--var-file", "missing.yaml"],
            &["cannot read missing.yaml"],
        ),
    ] {
        let project = project(declaration);
        let run = run(&project, &[&["validate"], args].concat(), None);
        assert_eq!(run.code, 65, "{declaration} {}", run.stderr);
        for text in told {
            assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
        }
    }
    // The environment of the process can be meant for another project.
    let run = run(
        &project("a"),
        &["validate"],
        Some(("TREATY_VAR_branhc", "b")),
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let told = "no variable branhc is declared (TREATY_VAR_branhc)";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn masks_secrets_and_refuses_files_that_others_can_read() {
    let project = project("{ secret: true, required: true }");
    let secret = "滨江支行-3301";
    let run = |args: &[&str], env| run(&project, args, env);
    let plan = run(&["plan", "--all"], Some(("TREATY_VAR_branch", secret)));
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert!(
        plan.stdout.contains("flows.loans[\"***-HT-2026-0001\"]"),
        "{}",
        plan.stdout
    );
    assert!(!format!("{}{}", plan.stdout, plan.stderr).contains(secret));
    let seen = run(&["validate", "--var", &format!("branch={secret}")], None);
    assert!(
        seen.stderr.contains("is on the command line"),
        "{}",
        seen.stderr
    );
    project.write("secrets.env", format!("branch={secret}\n"));
    let file = project.path("secrets.env");
    let name = file.display().to_string();
    let args = ["validate", "--var-file", &name];
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let set = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&file, mode).expect("permissions");
        };
        set(0o644);
        let open = run(&args, None);
        assert_eq!(open.code, 65, "{}", open.stderr);
        assert!(
            open.stderr.contains("has the secret variable branch"),
            "{}",
            open.stderr
        );
        assert!(open.stderr.contains("run: chmod 600"), "{}", open.stderr);
        assert!(!open.stderr.contains(secret), "{}", open.stderr);
        set(0o600);
    }
    assert_eq!(run(&args, None).code, 0);
}

#[test]
fn commands_without_manifests_need_no_values() {
    let project = project("{ required: true }");
    let args = ["apply", "--yes", "--var", "branch=b"];
    assert_eq!(run(&project, &args, None).code, 0);
    for command in ["status", "sync"] {
        let run = run(&project, &[command], None);
        assert_eq!(run.code, 0, "{command}: {}", run.stderr);
    }
}

#[test]
fn a_changed_value_changes_the_contract_and_not_its_key_twice() {
    let project = project("{ default: a }");
    project.replace(
        "manifests/loans.yaml",
        "key: \"{{ var.branch }}-{{ row.合同号 }}\"",
        "key: \"{{ row.合同号 }}\"",
    );
    project.replace(
        "manifests/loans.yaml",
        "借款合同-{{ key }}",
        "{{ var.branch }}-{{ key }}",
    );
    assert_eq!(run(&project, &["apply", "--yes"], None).code, 0);
    let sent = run(&project, &["plan", "--detailed-exitcode"], None);
    assert_eq!(sent.code, 0, "{}", sent.stdout);
    let changed = run(&project, &["plan", "--var", "branch=b"], None);
    assert!(changed.stdout.contains("4 blocked"), "{}", changed.stdout);
    assert!(!changed.stdout.contains("to send"), "{}", changed.stdout);
}

/// Errors in variable files name the line and show nothing of it.
#[test]
fn shows_no_line_of_a_variable_file() {
    for (name, text, told) in [
        (
            "v.env",
            "branch=a\nother=hunter2secret\n",
            "no variable other is declared",
        ),
        (
            "v.env",
            "branch=a\nhunter2secret\n",
            "the line is not NAME=VALUE",
        ),
        (
            "v.env",
            "# a note\nbranch=\"hunter2secret\" # note\n",
            "the value does not end with its quote",
        ),
        (
            "v.env",
            "branch=hunter2secret\nbranch=b\n",
            "the file has a second value for the variable branch",
        ),
        (
            "v.yaml",
            "branch: a\nbranch: hunter2secret\n",
            "the file has a second value for the variable branch",
        ),
        (
            "v.yaml",
            "\nbranch: [ hunter2secret ]\n",
            "the variable branch has no single value",
        ),
        (
            "v.yaml",
            "branch: \"a\"\nother: *hunter2secret\n",
            "the file is not valid YAML or JSON",
        ),
        (
            "v.json",
            "{ \"branch\":\n\"hunter2secret\" \"b\" }",
            "the file is not valid YAML or JSON",
        ),
    ] {
        let project = project("a");
        project.write(name, text);
        let run = run(&project, &["validate", "--var-file", name], None);
        assert_eq!(run.code, 65, "{text} {}", run.stderr);
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
        assert!(run.stderr.contains(&format!("{name}:2:")), "{}", run.stderr);
        let shown = format!("{}{}", run.stdout, run.stderr);
        assert!(!shown.contains("hunter2secret"), "{shown}");
    }
}

/// A name in brackets is checked as well: with a default, a misspelt one would give the default.
#[test]
fn names_in_brackets_are_checked() {
    let project = project("{ default: 上海分行 }");
    let written = "businessScene: \"{{ var['brnch'] | default('北京分行') }}\"";
    let used = "businessScene: \"{{ var['branch'] | default('北京分行') }}\"";
    let manifest = project.read("manifests/loans.yaml");
    let line = manifest
        .lines()
        .find(|line| line.contains("businessScene: "));
    let line = line.expect("a scene").trim_start();
    project.replace("manifests/loans.yaml", line, written);
    let run = project.expect(&["validate"], 65);
    for text in ["there is no variable brnch", "did you mean var.branch?"] {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
    project.replace("manifests/loans.yaml", written, used);
    project.expect(&["validate"], 0);
}

#[test]
fn checks_the_values_of_environments_that_are_not_selected() {
    let project = project("{ type: number, required: true }");
    project.replace(
        "treaty.yaml",
        "{ endpoint: sandbox }",
        "{ endpoint: sandbox, variables: { branch: \"1\" } }\n  other: { endpoint: sandbox, variables: { branch: many } }\n  third: { endpoint: sandbox }",
    );
    let run = run(&project, &["validate", "-e", "sandbox"], None);
    assert_eq!(run.code, 65, "{}", run.stderr);
    let told = "the variable branch cannot be many";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    // A value of the third one can be given when it is selected.
    assert!(run.stderr.contains("1 error was found"), "{}", run.stderr);
}

#[test]
fn warns_of_variables_that_no_expression_uses() {
    let project = project("{ default: d }");
    let told = "no expression uses the variable branch";
    let validate = || run(&project, &["validate"], None).stderr;
    assert!(!validate().contains(told), "{}", validate());
    let used = "{{ var.branch }}-{{ row.合同号 }}";
    project.replace("manifests/loans.yaml", used, "{{ row.合同号 }}");
    assert!(validate().contains(told), "{}", validate());
    // The name may be computed.
    let computed = "{{ var['bra' ~ 'nch'] }}-{{ row.合同号 }}";
    project.replace(
        "manifests/loans.yaml",
        "key: \"{{ row.合同号 }}",
        &format!("key: \"{computed}"),
    );
    assert!(!validate().contains(told), "{}", validate());
}
