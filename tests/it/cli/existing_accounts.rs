//! Existing accounts of rows, as plan, prompt and report show them.

#[test]
fn existing_accounts_of_rows_are_shown_by_plan_prompt_and_report() {
    let project = crate::cli::state::few(2);
    let sandbox =
        treaty::sandbox::Sandbox::open(&project.path(".treaty/sandbox"), "http://127.0.0.1")
            .expect("a world");
    crate::execution::existing_accounts::create_account(&sandbox);
    drop(sandbox);
    let run = project.expect(&["plan"], 0);
    let line = "flows.loans[\"HT-2026-0001\"] borrower (C1***01, row 2): set name 沈**, mobile 135****0001";
    assert!(
        run.stdout.contains("~ 1 existing account of rows"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains(line), "{}", run.stdout);
    let run = project.expect(&["plan", "--observe", "resources"], 0);
    let unobserved = "2 accounts of rows not looked up";
    assert!(run.stdout.contains(unobserved), "{}", run.stdout);
    let run = project.expect(&["plan", "--format", "json"], 0);
    let plan: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(plan["rowAccounts"]["existing"][0]["action"], "update");
    let run = project.expect(&["apply", "--yes"], 0);
    let warning = "are updated: 1 account of a row";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    assert!(
        run.stdout.contains("treaty did not create: 1 updated"),
        "{}",
        run.stdout
    );
    let taken = &project.summary()["existingAccounts"];
    assert_eq!(taken["updated"], 1);
    assert_eq!(
        taken["accounts"][0],
        "flows.loans[\"HT-2026-0001\"] borrower"
    );
    project.expect(&["report"], 0);
    let page = project.read("reports/latest/report.html");
    assert!(page.contains("did not create: 1 updated, 0 used as they are"));
    assert!(page.contains("<li>flows.loans"));
    assert_eq!(project.summary()["existingAccounts"]["updated"], 1);
}
