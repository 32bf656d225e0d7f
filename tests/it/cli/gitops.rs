//! `examples/gitops`: each step of the pipelines runs as a runner would, in a fresh clone.

use std::path::Path;

use crate::cli::state::few;
use crate::support::project::{Project, Run, copy, root};

/// A fresh clone of the project, with the scripts. All clones call the same service.
fn clone(service: &Path) -> Project {
    let project = few(3);
    copy(&root().join("examples/gitops/ci"), &project.path("ci"));
    std::fs::create_dir_all(project.path(".treaty")).expect("a folder");
    std::os::unix::fs::symlink(service, project.path(".treaty/sandbox")).expect("a link");
    project
}

/// Runs a script with the ledger's export in a file of the store.
fn step(project: &Project, script: &str, store: &Path) -> Run {
    let mut command = project.command(&[]);
    let treaty = Path::new(command.get_program()).parent().expect("a folder");
    let path = format!(
        "{}:{}",
        treaty.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let export = store.join("export.jsonl");
    let mut shell = std::process::Command::new("sh");
    shell
        .arg("-c")
        .arg(script)
        .current_dir(project.root())
        .envs(
            command
                .env("LANG", "C")
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", path)
        .env("LEDGER_GET", format!("cat {}", export.display()))
        .env("LEDGER_PUT", format!("cat > {}", export.display()))
        .stdin(std::process::Stdio::null());
    Run::from(shell.output().expect("sh runs"))
}

fn expect(project: &Project, script: &str, store: &Path, code: i32) -> Run {
    let run = step(project, script, store);
    assert_eq!(run.code, code, "{script}\n{}\n{}", run.stdout, run.stderr);
    run
}

#[test]
fn the_pipeline_applies_what_was_approved_and_nothing_else() {
    let shared = tempfile::tempdir().expect("a folder");
    let (service, store) = (shared.path().join("service"), shared.path().join("store"));
    std::fs::create_dir_all(&service).expect("a folder");
    std::fs::create_dir_all(&store).expect("a folder");
    let world = || std::fs::read(service.join("world.jsonl")).unwrap_or_default();

    // Without a ledger in the store, nothing is planned.
    let lost = clone(&service);
    assert_ne!(step(&lost, "ci/plan.sh", &store).code, 0);
    assert!(!lost.path("plan.json").exists());

    // The operator creates the ledger once.
    let operator = clone(&service);
    expect(
        &operator,
        "treaty state init --yes && ci/ledger.sh put",
        &store,
        0,
    );

    // The plan job and its comment.
    let planner = clone(&service);
    expect(
        &planner,
        "treaty validate --format github && ci/plan.sh",
        &store,
        0,
    );
    let comment = planner.read("plan.md");
    assert!(comment.starts_with("<!-- treaty plan: "), "{comment}");
    assert!(comment.contains("7 to create"), "{comment}");

    // A row was edited after the approval.
    let edited = clone(&service);
    edited.write("plan.json", planner.read("plan.json"));
    let sheet = edited.sheet();
    edited.set_sheet(&sheet.replace("13500000002", "13500000012"));
    let run = expect(&edited, "ci/apply.sh", &store, 5);
    assert!(run.stderr.contains("loans.csv"), "{}", run.stderr);
    assert!(world().is_empty(), "something was called");

    // Another runner applies what was approved, once.
    let applier = clone(&service);
    applier.write("plan.json", planner.read("plan.json"));
    expect(&applier, "ci/apply.sh", &store, 0);
    assert_eq!(applier.summary()["items"]["loans"]["sent"], 3);
    let again = clone(&service);
    again.write("plan.json", planner.read("plan.json"));
    let before = world();
    expect(&again, "ci/apply.sh", &store, 5);
    assert!(world() == before, "something was called");

    // The next plan has nothing to do, and the nightly job finds no drift.
    let next = clone(&service);
    expect(&next, "ci/plan.sh", &store, 0);
    assert!(next.read("plan.md").contains("No changes."));
    expect(&clone(&service), "ci/nightly.sh", &store, 0);
}

#[test]
fn findings_are_annotations_or_json() {
    let project = few(2);
    let sheet = project.sheet();
    project.set_sheet(&sheet.replace("33019919860724191X", "330199198607241911"));
    let run = project.expect(&["validate", "--format", "github"], 65);
    let line = run.stdout.lines().next().expect("an annotation");
    assert!(
        line.starts_with("::error file=loans.csv,line=2::loans.csv, row 2"),
        "{line}"
    );
    let run = project.expect(&["validate", "--format", "json"], 65);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(json["errors"], 1);
    let finding = &json["findings"][0];
    assert_eq!(
        (&finding["file"], &finding["line"]),
        (&"loans.csv".into(), &2.into())
    );
    assert_eq!(finding["key"], "HT-2026-0001");
    project.write("manifests/lender.yaml", "accounts: [");
    let run = project.expect(&["validate", "--format", "github"], 65);
    assert!(
        run.stdout
            .contains("::error file=manifests/lender.yaml,line="),
        "{}",
        run.stdout
    );
}
