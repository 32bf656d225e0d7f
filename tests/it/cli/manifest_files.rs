//! Which files are read as manifests, and the messages for files that YAML understands differently
//! from their author.

use crate::support::project::Project;

const PROJECT: &str = "version: 1\nproject: p\ndefaultEnvironment: sandbox\n\
    environments: { sandbox: { endpoint: sandbox } }\n";

fn account(name: &str) -> String {
    format!(
        "accounts:\n  {name}:\n    person: {{ thirdId: {name}, name: 陈晓静, idType: passport, idNo: E1234567{} }}\n",
        name.len()
    )
}

fn project() -> Project {
    let project = Project::empty();
    project.write("treaty.yaml", PROJECT);
    project
}

/// Expects an error with these texts, and returns all messages.
fn refused(project: &Project, expected: &[&str]) -> String {
    let stderr = project.expect(&["validate"], 65).stderr;
    for text in expected {
        assert!(stderr.contains(text), "{text} is not in\n{stderr}");
    }
    stderr
}

/// Expects a valid project and returns the warnings.
fn warnings(project: &Project) -> String {
    project.expect(&["validate"], 0).stderr
}

#[test]
fn reads_yml_and_every_document_of_a_file() {
    let project = project();
    let documents = format!("---\n{}---\n# empty\n---\n{}", account("a"), account("bb"));
    project.write("manifests/people.yml", documents);
    let plan = project.expect(&["plan"], 0).stdout;
    assert!(plan.contains("+ accounts.a\n") && plan.contains("+ accounts.bb\n"), "{plan}");
    project.write("manifests/more.yaml", account("a"));
    refused(
        &project,
        &["accounts.a is declared twice", "manifests/more.yaml", "manifests/people.yml:3:3"],
    );
}

#[test]
fn treaty_yaml_is_one_document() {
    let project = project();
    project.write("treaty.yaml", format!("{PROJECT}---\n{}", account("a")));
    refused(&project, &["treaty.yaml has more than one document", "treaty.yaml:6:1"]);
    project.write("treaty.yaml", "# nothing\n");
    refused(&project, &["treaty.yaml is empty"]);
}

#[test]
fn hidden_files_are_skipped() {
    let project = project();
    project.write("manifests/people.yaml", account("a"));
    project.write("manifests/._people.yaml", [0_u8, 5, 22, 7]);
    assert_eq!(warnings(&project), "");
}

#[test]
fn a_project_that_declares_nothing_is_refused() {
    let project = project();
    refused(&project, &["nothing is declared", "add manifests to manifests/"]);
    project.write("manifests/people.yaml", "# accounts:\n");
    refused(&project, &["nothing is declared", "the manifests are empty"]);
    project.write("treaty.yaml", format!("{PROJECT}manifests: [people/*.yaml]\n"));
    refused(
        &project,
        &["nothing is declared", "the pattern people/*.yaml matches no file"],
    );
}

#[test]
fn treaty_yml_is_named() {
    let project = Project::empty();
    project.write("treaty.yml", PROJECT);
    refused(&project, &["there is no such file", "rename treaty.yml to treaty.yaml"]);
}

#[test]
fn names_characters_that_look_like_yaml() {
    let project = project();
    let text = account("a");
    let colon = "a full-width colon (U+FF1A)";
    for (from, to, place, name) in [
        // YAML's own error is one line below.
        ("    person", "    note：x\n    person", "3:9", colon),
        ("accounts:\n", "accounts：\n", "1:9", colon),
        ("thirdId: a", "thirdId：a", "3:15", colon),
        ("name: 陈", "\u{a0}name: 陈", "3:27", "a no-break space (U+00A0)"),
        ("    person", "\tperson", "3:1", "a tab (U+0009)"),
        ("person: {", "person: ｛", "3:13", "a full-width brace (U+FF5B)"),
        ("idNo: E", "“idNo”: E", "3:55", "a typographic quotation mark (U+201C)"),
    ] {
        project.write("manifests/a.yaml", text.replace(from, to));
        let place = format!("manifests/a.yaml:{place}\n");
        refused(&project, &[&place, name]);
    }
}

#[test]
fn warns_of_values_that_are_almost_expressions() {
    let project = project();
    let declared = format!("{PROJECT}variables: {{ lender: 天谷 }}\n");
    project.write("treaty.yaml", declared);
    for (name, message) in [
        ("“{{ var.lender }}”", "the typographic quotes around the expression become part"),
        ("${var.lender}", "${var.lender} is not an expression"),
        ("'{ var.lender }'", "{ var.lender } is not an expression"),
    ] {
        let text = account("a").replace("name: 陈晓静", &format!("name: {name}"));
        project.write("manifests/a.yaml", text);
        let run = project.run(&["validate"]);
        assert!(run.stderr.contains(message), "{name}\n{}", run.stderr);
    }
}

/// Contracts of a flow that no manifest declares any more stay valid; every plan says so.
#[test]
fn warns_of_recorded_flows_that_are_no_longer_declared() {
    let project = Project::loans();
    let people = account("a");
    project.write("manifests/people.yaml", people);
    project.expect(&["apply", "--yes"], 0);
    std::fs::remove_file(project.path("manifests/loans.yaml")).expect("removed");
    let run = project.expect(&["plan"], 0);
    let expected = "flows.loans is no longer declared, and 200 of its contracts are under way";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    project.expect(&["revoke", "--target", "flows.loans", "--yes"], 0);
    let run = project.expect(&["plan"], 0);
    assert!(!run.stderr.contains("no longer declared"), "{}", run.stderr);
}

/// Commands that need no manifests do not go on with settings that are wrong.
#[test]
fn wrong_settings_stop_commands_that_ignore_manifests() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    let settings = project.read("treaty.yaml");
    for (from, to, message) in [
        (
            "endpoint: sandbox",
            "endpoint: sandbox, protected: yes",
            "protected cannot be yes",
        ),
        (
            "version: 1",
            "retries: { timeout: 30 }\nversion: 1",
            "timeout cannot be 30",
        ),
    ] {
        project.write("treaty.yaml", settings.replace(from, to));
        for args in [
            &["sync"][..],
            &["revoke", "--target", "flows.loans", "--yes"][..],
            &["audit"][..],
        ] {
            let run = project.expect(args, 65);
            assert!(run.stderr.contains(message), "{args:?}\n{}", run.stderr);
        }
    }
    // Errors in manifests do not stop them.
    project.write("treaty.yaml", settings);
    project.write("manifests/wrong.yaml", "accounts: { a: { person: 1 } }\n");
    project.expect(&["sync"], 0);
}
