//! `treaty state export` and `import`: an import restores the whole ledger unchanged, or fails.

use crate::cli::state::{applied, forget_ledger, in_doubt};

#[test]
fn imports_an_exported_ledger_unchanged() {
    let project = applied(3);
    project.expect(&["state", "export", "one.jsonl"], 0);
    let one = project.read("one.jsonl");
    assert_eq!(project.expect(&["state", "export"], 0).stdout, one);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(project.path("one.jsonl"))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let run = project.expect(&["state", "import", "one.jsonl", "--yes"], 64);
    assert!(run.stderr.contains("is not empty"), "{}", run.stderr);
    forget_ledger(&project);
    for (name, text, wrong) in [
        (
            "cut",
            one.rsplit_once("{\"end\"").expect("an end").0.to_owned(),
            "cut off",
        ),
        (
            "few",
            one.replacen(one.lines().nth(3).expect("a line"), "", 1)
                .replace("\n\n", "\n"),
            "line ",
        ),
        (
            "bad",
            one.replacen("\"item\":{", "\"item\":{\"x\":1,", 1),
            "unknown field",
        ),
        ("more", format!("{one}{one}"), "after the end line"),
        ("none", "{}\n".to_owned(), "line 1"),
    ] {
        project.write(name, text);
        let run = project.expect(&["state", "import", name, "--yes"], 65);
        assert!(
            run.stderr.contains(wrong) && run.stderr.contains("line "),
            "{name}: {}",
            run.stderr
        );
    }
    project.write(
        "other",
        one.replacen(
            "\"endpoint\":\"sandbox\"",
            "\"endpoint\":\"https://o.tsign.cn\"",
            1,
        ),
    );
    let run = project.expect(&["state", "import", "other", "--yes"], 1);
    assert!(
        run.stderr.contains("belongs to the endpoint"),
        "{}",
        run.stderr
    );
    project.expect(&["state", "import", "one.jsonl", "--yes"], 0);
    assert_eq!(project.expect(&["state", "export"], 0).stdout, one);
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

/// Earlier versions exported resources as `thing`.
#[test]
fn imports_an_export_of_an_earlier_version() {
    let project = applied(1);
    let exported = project.expect(&["state", "export"], 0).stdout;
    let earlier = exported.replace("{\"resource\":", "{\"thing\":");
    assert_ne!(earlier, exported);
    forget_ledger(&project);
    project.write("earlier.jsonl", earlier);
    project.expect(&["state", "import", "earlier.jsonl", "--yes"], 0);
    assert_eq!(project.expect(&["state", "export"], 0).stdout, exported);
}

/// The report folder of a run and the signed documents are written where the ledger says.
#[tokio::test(start_paused = true)]
async fn refuses_an_import_that_leads_out_of_the_project() {
    let tenancy = crate::execution::manifests::tenancy(1);
    tenancy.apply().await;
    let text = String::from_utf8(tenancy.export()).expect("UTF-8");
    let run = "\"run\":{\"id\":1,\"name\":\"";
    for (from, to, wrong) in [
        ("\"signed/", "\"../signed/", "leaves the project's folder"),
        ("\"signed/", "\"/tmp/signed/", "leaves the project's folder"),
        (
            run,
            "\"run\":{\"id\":1,\"name\":\"../",
            "is not a folder name",
        ),
    ] {
        assert!(text.contains(from), "no {from} in {text}");
        tenancy.forget_ledger();
        let error = tenancy.import(text.replace(from, to).as_bytes());
        let error = error.expect_err(wrong).to_string();
        assert!(error.contains(wrong) && error.contains("line "), "{error}");
    }
}

/// An export preserves intents, deferrals and null responses.
#[tokio::test(start_paused = true)]
async fn exports_intents_and_deferred_steps() {
    let tenancy = crate::execution::manifests::tenancy(2);
    tenancy.apply().await;
    tenancy.sign_all();
    tenancy.sync().await;
    for rig in [in_doubt().await.0, tenancy] {
        let one = rig.export();
        let text = String::from_utf8(one.clone()).expect("UTF-8");
        assert!(
            text.contains("\"deferral\"") || text.contains("\"in_doubt\""),
            "{text}"
        );
        rig.forget_ledger();
        rig.import(&one).expect("imported");
        assert_eq!(rig.export(), one);
        let (plan, _) = rig.apply().await;
        assert!(plan.flows.iter().all(|flow| flow.work() == 0));
    }
}
