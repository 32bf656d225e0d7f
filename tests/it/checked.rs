//! A check of the rows that is kept: believed as long as nothing has changed, and never further.

use std::collections::BTreeMap;
use std::sync::Arc;

use treaty::ledger::Ledger;
use treaty::plan::ItemAction;
use treaty::render::Environ;

use crate::project::{Project, root};
use crate::rig::{HANG_BEFORE, Rig};

const PERSON: &str = "sign/contract/handPersonSignTask";
const FLOW: &str = "manifests/loans.yaml";

/// An environment of the process.
fn city(name: &str) -> Environ {
    Arc::new(BTreeMap::from([("CITY".to_owned(), name.to_owned())]))
}

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
        rig.project
            .replace(FLOW, "row.状态 == '已批准'", "row.合同号 != 'HT-2026-0002'");
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
            let path = FLOW;
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
            rig.environ = city("杭州");
        }),
        ("the kept check itself", |rig| {
            let mut bytes = std::fs::read(rig.kept_path()).expect("kept");
            bytes[20] ^= 1;
            std::fs::write(rig.kept_path(), bytes).expect("written");
        }),
    ];
    for (what, change) in changes {
        let mut rig = Rig::loans(4);
        rig.environ = city("上海");
        let scene = "businessScene: ";
        rig.project
            .replace(FLOW, scene, "businessScene: \"{{ env.CITY }}\" # ");
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

/// Whether one of them has changed is not known before each is read.
#[tokio::test(start_paused = true)]
async fn rows_that_name_files_of_their_own_are_looked_at_each_time() {
    let rig = Rig::loans(3);
    std::fs::copy(
        rig.project.path("templates/loan.pdf"),
        rig.project.path("templates/note.pdf"),
    )
    .expect("copied");
    let process = "    process:\n";
    let own = "    process:\n      attachments: [{ file: \"../templates/{{ 'note' if row.合同号 else 'loan' }}.pdf\", name: note.pdf }]\n";
    rig.project.replace(FLOW, process, own);
    rig.apply().await;
    assert!(!rig.kept_path().exists());
}

/// Each of these may come out otherwise although nothing has changed, or in a way that is not seen before it is rendered.
#[tokio::test(start_paused = true)]
async fn what_is_not_known_before_it_is_rendered_is_not_kept() {
    let scene = (
        "businessScene: ",
        "businessScene: \"{{ env['CI' ~ 'TY'] }}\" # ",
    );
    let due = (
        "row.状态 == '已批准'",
        "row.起息日 | date('%Y-%m-%d') <= run.date",
    );
    for (from, to) in [scene, due] {
        let mut rig = Rig::loans(3);
        rig.environ = city("上海");
        rig.project.replace(FLOW, from, to);
        rig.apply().await;
        assert!(!rig.kept_path().exists(), "{to}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_variable_of_the_process_counts_wherever_it_is_named() {
    let page = "        template: loan\n        chunkedFields: [{ mimeType: text/html, file: page.html }]\n";
    let escaped = "businessScene: \"{{ env.C\\u0049TY }}\" # ";
    for (from, to) in [
        ("        template: loan\n", page),
        ("businessScene: ", escaped),
        ("businessScene: ", "businessScene: \"{{ var.city }}\" # "),
    ] {
        let mut rig = Rig::loans(3);
        rig.project
            .write("manifests/page.html", "<p>{{ env.CITY }}</p>");
        let variables = ("\nvariables:", "\nvariables:\n  city: \"{{ env.CITY }}\"");
        rig.project.replace("treaty.yaml", variables.0, variables.1);
        rig.project.replace(FLOW, from, to);
        for (name, believed) in [("上海", false), ("上海", true), ("杭州", false)] {
            rig.environ = city(name);
            rig.apply().await;
            assert_eq!(rig.believed(), believed, "{name} {to}");
        }
    }
}

/// What stands in a row that is not sent may be anything, and is kept nowhere.
#[tokio::test(start_paused = true)]
async fn a_row_that_is_left_out_keeps_its_key_to_itself() {
    let rig = Rig::loans(3);
    let own = "row.身份证号 if row.合同号 == 'HT-2026-0002' else row.合同号";
    rig.project.replace(
        FLOW,
        "key: \"{{ row.合同号 }}\"",
        &format!("key: \"{{{{ {own} }}}}\""),
    );
    rig.project
        .replace(FLOW, "row.状态 == '已批准'", "row.合同号 != 'HT-2026-0002'");
    rig.apply().await;
    let id = rig.project.sheet();
    let id = id
        .lines()
        .nth(2)
        .expect("a row")
        .split(',')
        .nth(3)
        .expect("an id")
        .to_owned();
    let kept = std::fs::read(rig.kept_path()).expect("kept");
    let holds = |text: &str| kept.windows(text.len()).any(|own| own == text.as_bytes());
    assert!(holds("HT-2026-0001") && !holds(&id), "{id}");
    let (plan, _) = rig.apply().await;
    assert!(rig.believed() && plan.flows[0].counted(ItemAction::Skipped) == 1);
}

/// What no run could have known: the next one looks at all rows.
#[tokio::test(start_paused = true)]
async fn what_comes_out_otherwise_is_not_believed_twice() {
    let mut rig = Rig::loans(4).fault(PERSON, 2, HANG_BEFORE);
    rig.window = 1;
    rig.apply_while(rig.hang()).await;
    rig.heal();
    // The file is whole, and not true.
    let mut kept = std::fs::read(rig.kept_path()).expect("kept");
    let salt = rig.ledger().salt().clone();
    let key = b"HT-2026-0004";
    let at = kept
        .windows(key.len())
        .position(|own| own == key)
        .expect("its key");
    // Before it stand its length, and its fingerprint.
    kept[at - 20] ^= 1;
    let length = kept.len() - 32;
    let hash = blake3::keyed_hash(&salt.0, &kept[..length]);
    kept[length..].copy_from_slice(hash.as_bytes());
    std::fs::write(rig.kept_path(), kept).expect("written");
    let (_, tally) = rig.apply().await;
    assert!(rig.believed());
    assert_eq!((tally.failed, tally.in_doubt), (1, 0));
    let (_, tally) = rig.apply().await;
    assert!(!rig.believed());
    assert_eq!((tally.done, tally.failed), (1, 0));
    rig.assert_each_once(4);
}

/// A month's sheet has rows whose time is long over, and were sent in time.
#[tokio::test(start_paused = true)]
async fn a_row_whose_time_was_over_when_all_were_checked_is_no_reason_to_check_again() {
    let rig = Rig::loans(3);
    rig.apply().await;
    // Not yet sent, it would be refused; it was, with the time that it had then.
    let past = "\"{{ '1704067200000' if row.合同号 == 'HT-2026-0001' else run.started | plus('7d') | epochMs }}\"";
    rig.project
        .replace(FLOW, "\"{{ run.started | plus('7d') | epochMs }}\"", past);
    let (plan, _) = rig.apply().await;
    assert!(
        !rig.believed() && plan.flows[0].counted(ItemAction::Unchanged) == 3,
        "{plan:?}"
    );
    rig.apply().await;
    assert!(rig.believed());
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
fn what_is_doubtful_is_said_each_time() {
    let project = long_sheet(|sheet| sheet.replacen(",沈晨怡,", ",#N/A,", 1));
    for _ in 0..2 {
        let run = project.run(&["apply", "--yes"]);
        assert!(
            run.stderr.contains("#N/A") && !run.stderr.contains(BELIEVED),
            "{}",
            run.stderr
        );
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
