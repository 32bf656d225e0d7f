//! `treaty completions` and `treaty man`.

use crate::support::project::{Project, Run, root};

/// Returns the candidates that treaty gives a shell for the last word of a command line.
fn candidates(project: &Project, words: &[&str]) -> Vec<String> {
    let mut command = project.command(&[]);
    let index = (words.len() - 1).to_string();
    command
        .args([&["--"], words].concat())
        .env("TREATY_COMPLETE", "bash")
        .env("_CLAP_IFS", "\n")
        .env("_CLAP_COMPLETE_INDEX", index)
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "true");
    let run = Run::from(command.output().expect("treaty runs"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.stdout
        .lines()
        .map(|line| line.trim().to_owned())
        .collect()
}

#[test]
fn completes_names_of_the_project() {
    let project = Project::copy_of(&root().join("tests/cases/base"));
    for (words, expected) in [
        (&["treaty", "plan", "-e", ""][..], &["sandbox"][..]),
        (
            &["treaty", "plan", "--target", "accounts."],
            &["accounts.acme", "accounts.clerk"],
        ),
        (
            &["treaty", "apply", "--exclude", "seals."],
            &["seals.contract-seal"],
        ),
        (&["treaty", "state", "show", "flows."], &["flows.loans"]),
        (&["treaty", "sheet", "l"], &["loans"]),
        (&["treaty", "revoke", "--signer", "b"], &["borrower"]),
        (&["treaty", "comp"], &["completions"]),
    ] {
        assert_eq!(candidates(&project, words), expected, "{words:?}");
    }
    // The project of -p, not that of the current folder.
    let empty = Project::empty();
    let folder = project.root().display().to_string();
    let words = ["treaty", "-p", &folder, "plan", "--target", "flows."];
    assert_eq!(candidates(&empty, &words), ["flows.loans"]);
    assert!(candidates(&empty, &["treaty", "plan", "--target", "flows."]).is_empty());
}

#[test]
fn prints_scripts_of_shells_and_manual_pages() {
    let project = Project::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = project.expect(&["completions", shell], 0);
        assert!(
            run.stdout.contains("TREATY_COMPLETE"),
            "{shell}: {}",
            run.stdout
        );
    }
    project.expect(&["completions", "tcsh"], 64);
    let page = project.expect(&["man"], 0);
    assert!(page.stdout.contains(".TH treaty 1"), "{}", page.stdout);
    project.expect(&["man", "--output", "man1"], 0);
    let page = project.read("man1/treaty-apply.1");
    assert!(page.contains("reports"), "{page}");
}
