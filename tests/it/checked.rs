//! A check of the rows that is kept: believed as long as nothing has changed, and never further.

use std::collections::BTreeMap;
use std::sync::Arc;

use treaty::plan::ItemAction;

use crate::project::{Project, root};
use crate::rig::{HANG_BEFORE, Rig};

const PERSON: &str = "sign/contract/handPersonSignTask";

#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_goes_on_without_checking_all_rows_again() {
    let rig = Rig::loans(6).fault(PERSON, 3, HANG_BEFORE);
    let killed = rig.apply_while(rig.hang()).await;
    assert!(killed.is_none() && !rig.believed());
    rig.heal();
    let (plan, tally) = rig.apply().await;
    assert!(rig.believed());
    // A plan of rows that are looked at says the same.
    std::fs::remove_file(rig.kept_path()).expect("removed");
    let calls = plan.calls().total();
    assert_eq!((plan.flows[0].rows.len(), tally.failed), (6, 0));
    assert!(calls > 0 && plan.flows[0].samples.len() > 1, "{plan:?}");
    rig.assert_each_once(6);
    let (plan, _) = rig.apply().await;
    assert!(!rig.believed() && plan.is_empty());
    let (plan, _) = rig.apply().await;
    assert!(rig.believed() && plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn both_ways_lead_to_the_same_plan() {
    let plans = |kept: bool| async move {
        let rig = Rig::loans(8).fault(PERSON, 3, HANG_BEFORE);
        rig.project.replace(
            "manifests/loans.yaml",
            "row.状态 == '已批准'",
            "row.合同号 != 'HT-2026-0002'",
        );
        rig.apply_while(rig.hang()).await;
        rig.heal();
        if !kept {
            std::fs::remove_file(rig.kept_path()).expect("removed");
        }
        let (plan, _) = rig.apply().await;
        assert_eq!(rig.believed(), kept);
        plan
    };
    let (looked, believed) = (plans(false).await, plans(true).await);
    let rows = |plan: &treaty::plan::Plan| {
        let rows = plan.flows[0].rows.iter();
        rows.map(|row| (row.row, row.action)).collect::<Vec<_>>()
    };
    assert_eq!(rows(&looked), rows(&believed));
    assert!(
        rows(&looked)
            .iter()
            .any(|(_, action)| *action == ItemAction::Skipped)
    );
    let samples = |plan: &treaty::plan::Plan| format!("{:?}", plan.flows[0].samples);
    assert_eq!(samples(&looked), samples(&believed));
    // What an account of a row needs is counted as it was when the rows were checked: at most.
    assert!(looked.calls().total() <= believed.calls().total());
}

#[tokio::test(start_paused = true)]
async fn whatever_has_changed_has_the_rows_checked_again() {
    type Change = fn(&mut Rig);
    let changes: [(&str, Change); 5] = [
        ("a cell", |rig| {
            let sheet = rig.project.sheet();
            let first = sheet.lines().nth(1).expect("a row").to_owned();
            let other = first.replacen(",4.35,", ",4.36,", 1);
            assert_ne!(first, other);
            rig.project.set_sheet(&sheet.replace(&first, &other));
        }),
        ("a manifest", |rig| {
            let path = "manifests/loans.yaml";
            let more = rig.project.read(path) + "# another line\n";
            rig.project.write(path, more);
        }),
        ("a template", |rig| {
            let path = rig.project.path("templates/loan.pdf");
            let mut bytes = std::fs::read(&path).expect("a template");
            bytes.extend(b"%\n");
            std::fs::write(&path, bytes).expect("written");
        }),
        ("a variable of the process", |rig| {
            rig.environ = Arc::new(BTreeMap::from([("CITY".to_owned(), "杭州".to_owned())]));
        }),
        ("the kept check itself", |rig| {
            let mut bytes = std::fs::read(rig.kept_path()).expect("kept");
            bytes[20] ^= 1;
            std::fs::write(rig.kept_path(), bytes).expect("written");
        }),
    ];
    for (what, change) in changes {
        let mut rig = Rig::loans(4);
        rig.environ = Arc::new(BTreeMap::from([("CITY".to_owned(), "上海".to_owned())]));
        let scene = "businessScene: ";
        rig.project.replace(
            "manifests/loans.yaml",
            scene,
            "businessScene: \"{{ env.CITY }}\" # ",
        );
        rig.apply().await;
        // What no manifest names may be another one in each shell.
        let mut environ = BTreeMap::clone(&rig.environ);
        environ.insert("_".to_owned(), "/usr/bin/treaty".to_owned());
        rig.environ = Arc::new(environ);
        rig.apply().await;
        assert!(rig.believed(), "{what}: nothing has changed yet");
        change(&mut rig);
        rig.apply().await;
        assert!(!rig.believed(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_was_right_and_can_be_told_again_is_kept() {
    // Each row names a file of its own: whether one has changed is not known before it is rendered.
    let rig = Rig::loans(3);
    std::fs::copy(
        rig.project.path("templates/loan.pdf"),
        rig.project.path("templates/note.pdf"),
    )
    .expect("copied");
    let process = "    process:\n";
    let own = "    process:\n      attachments: [{ file: \"../templates/{{ 'note' if row.合同号 else 'loan' }}.pdf\", name: note.pdf }]\n";
    rig.project.replace("manifests/loans.yaml", process, own);
    rig.apply().await;
    assert!(!rig.kept_path().exists());
}

/// The example with three rows, in a sheet of as many lines as make a check worth keeping.
fn long_sheet(change: impl FnOnce(String) -> String) -> Project {
    let project = Project::copy_of(&root().join("examples/loans"));
    let sheet: Vec<String> = project.sheet().lines().take(4).map(str::to_owned).collect();
    let sheet = change(sheet.join("\r\n"));
    project.set_sheet(&(sheet + &"\r\n".repeat(20_000)));
    project
}

const BELIEVED: &str = "The rows are not checked again";

#[test]
fn the_command_says_that_it_believes() {
    let project = long_sheet(|sheet| sheet);
    for (believed, args) in [
        (false, &["apply", "--yes"][..]),
        (true, &["apply", "--yes"]),
        (false, &["plan"]),
    ] {
        let run = project.run(args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let told = run.stderr.contains(BELIEVED);
        assert_eq!(told, believed, "{args:?}: {}", run.stderr);
    }
}

#[test]
fn what_is_wrong_with_a_row_is_said_each_time() {
    let project = long_sheet(|sheet| sheet.replacen("13500000002", "1350", 1));
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    let runs = [0, 1].map(|_| project.run(&["apply", "--yes"]));
    for (run, believed) in runs.iter().zip([false, true]) {
        assert_eq!(run.stderr.contains(BELIEVED), believed, "{}", run.stderr);
        assert!(
            run.stderr.contains("loans.csv, row 3, column 手机号"),
            "{}",
            run.stderr
        );
        assert_eq!(run.code, 3, "{}", run.stderr);
    }
    // Two rows of one key: neither can be used, and that is seen with both of them alone.
    let twins = |sheet: String| sheet.replacen("HT-2026-0003", "HT-2026-0002", 1);
    let project = long_sheet(twins);
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    for _ in 0..2 {
        let run = project.run(&["apply", "--yes"]);
        assert!(
            !run.stderr.contains(BELIEVED)
                && run.stderr.contains("HT-2026-0002 stands in rows 3 and 4"),
            "{}",
            run.stderr
        );
    }
}
