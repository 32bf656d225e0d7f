//! `plan -o FILE`, `show FILE` and `apply FILE`.

use serde_json::Value;

use crate::cli::state::{few, forget_ledger};
use crate::support::project::{Project, Run};

/// The example with the first `rows` rows of its sheet and an empty ledger.
fn started(rows: usize) -> Project {
    let project = few(rows);
    project.expect(&["state", "init", "--yes"], 0);
    project
}

/// Saves a plan as `plan.json`.
fn save(project: &Project) -> Run {
    project.expect(&["plan", "-o", "plan.json"], 0)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The journal of the sandbox: every change at the service.
fn world(project: &Project) -> Vec<u8> {
    std::fs::read(project.path(".treaty/sandbox/world.jsonl")).unwrap_or_default()
}

/// Asserts that the saved plan is refused, and that nothing was changed.
fn refused(project: &Project, args: &[&str], code: i32, message: &str) {
    let before = world(project);
    let run = project.expect(args, code);
    assert!(run.stderr.contains(message), "{message}: {}", run.stderr);
    assert!(run.stderr.contains("help"), "{}", run.stderr);
    assert!(world(project) == before, "something was called");
}

/// The requests of the last run by operation, without lookups.
fn calls(project: &Project) -> Value {
    let mut calls = project.summary()["calls"].clone();
    let all = calls.as_object_mut().expect("calls");
    all.retain(|path, _| {
        !["account/idexchange", "seal/query", "sign/contract/detail"].contains(&&**path)
    });
    all.values_mut()
        .for_each(|count| *count = count["attempts"].take());
    calls
}

/// Changes the project so that the next plan has other actions.
fn change(project: &Project, random: &mut fastrand::Rng) {
    let sheet = project.sheet();
    let mut lines: Vec<String> = sheet.lines().map(str::to_owned).collect();
    for line in lines.iter_mut().skip(1) {
        match random.u32(0..4) {
            0 => *line = line.replace(",12,", ",24,"),
            1 => *line = line.replace("已批准", "待审批"),
            _ => {}
        }
    }
    lines.push(lines[1].replace("HT-2026-0001", "HT-2026-9001"));
    project.set_sheet(&lines.join("\r\n"));
    let replace = |name: &str, from: &str, to: &str| {
        let text = project.read(name);
        if !text.contains(to) {
            project.write(name, text.replace(from, to));
        }
    };
    if random.bool() {
        replace("manifests/lender.yaml", "13500009999", "13500009990");
    }
    if random.bool() {
        let to = "    onChange: reissue\n    accounts:\n";
        replace("manifests/loans.yaml", "    accounts:\n", to);
    }
}

#[test]
fn applies_exactly_the_calls_of_the_saved_plan_and_only_once() {
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let project = started(random.usize(1..6));
        for _ in 0..2 {
            let args = ["plan", "-o", "plan.json", "--max-revoke", "100%"];
            project.expect(&args, 0);
            let planned = json(
                &project
                    .expect(&["show", "plan.json", "--format", "json"], 0)
                    .stdout,
            );
            project.run(&["apply", "plan.json"]);
            assert_eq!(calls(&project), planned["calls"], "seed {seed}");
            refused(
                &project,
                &["apply", "plan.json"],
                5,
                "the ledger was written since the plan was made",
            );
            change(&project, &mut random);
        }
    }
}

#[test]
fn an_empty_plan_can_be_saved_and_applied() {
    let project = started(2);
    project.expect(&["apply", "--yes"], 0);
    save(&project);
    let before = world(&project);
    project.expect(&["apply", "plan.json"], 0);
    assert!(world(&project) == before);
}

#[test]
fn shows_a_saved_plan_as_it_was_planned_without_the_project() {
    let project = started(5);
    let elsewhere = Project::empty();
    for format in ["text", "json", "markdown"] {
        let planned = project.expect(&["plan", "-o", "plan.json", "--format", format], 0);
        elsewhere.write("plan.json", project.read("plan.json"));
        let shown = elsewhere
            .expect(&["show", "plan.json", "--format", format], 0)
            .stdout;
        let shown = match format {
            "text" => shown.split_once('\n').expect("a first line").1,
            _ => &shown,
        };
        assert_eq!(shown, planned.stdout);
    }
    let all = elsewhere.expect(&["show", "plan.json", "--all"], 0).stdout;
    assert!(all.contains("HT-2026-0005"), "{all}");
}

#[test]
fn a_saved_plan_has_no_personal_data_and_no_salt() {
    let project = started(5);
    save(&project);
    let text = project.read("plan.json");
    let rows = project.sheet();
    for cell in rows
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').skip(1))
    {
        let is_private = cell.chars().count() > 7 || cell.chars().any(|c| c > '\u{2e80}');
        assert!(
            !is_private || cell == "已批准" || !text.contains(cell),
            "{cell}"
        );
    }
    for private in ["陈晓静", "330199199910145052", "13500009999", "周明波"] {
        assert!(!text.contains(private), "{private}");
    }
    assert!(
        text.contains("HT-2026-0001"),
        "keys are in it, as in the ledger"
    );
}

#[test]
fn refuses_a_plan_whose_inputs_have_changed() {
    let project = started(3);
    save(&project);
    let apply = &["apply", "plan.json"][..];
    let sheet = project.sheet();
    project.set_sheet(&sheet.replace("13500000002", "13500000012"));
    refused(
        &project,
        apply,
        5,
        "the sheet loans.csv of flows.loans has changed",
    );
    project.set_sheet(&sheet);
    project.replace("manifests/lender.yaml", "13500009999", "13500009990");
    refused(&project, apply, 5, "manifests/lender.yaml has changed");
    project.replace("manifests/lender.yaml", "13500009990", "13500009999");
    project.write("manifests/more.yaml", "accounts: {}\n");
    refused(&project, apply, 5, "manifests/more.yaml is new");
    std::fs::remove_file(project.path("manifests/more.yaml")).expect("removed");
    let template = std::fs::read(project.path("templates/loan.pdf")).expect("a template");
    project.write("templates/loan.pdf", [&template[..], b"\n"].concat());
    refused(&project, apply, 5, "templates.loan has other values");
    project.write("templates/loan.pdf", template);
    project.expect(apply, 0);
}

/// Values with the time of the run are not in the fingerprints of rows.
#[test]
fn refuses_a_plan_if_a_variable_beside_the_time_of_the_run_has_changed() {
    let project = started(2);
    let lender = "variables:\n";
    let days = "env: [HOURS, NOT_SET]\nvariables:\n  days: { default: 7d }\n";
    project.replace("treaty.yaml", lender, days);
    let validity = "run.started | plus('7d') | epochMs";
    let given = "run.started | plus(var.days) | plus(env.HOURS) | epochMs";
    project.replace("manifests/loans.yaml", validity, given);
    let run = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = project.command(args);
        command.env("HOURS", "1h").envs(env.iter().copied());
        Run::from(command.output().expect("treaty runs"))
    };
    let planned = run(&["plan", "-o", "plan.json"], &[]);
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    let before = world(&project);
    let apply = &["apply", "plan.json"][..];
    project.write("days.yaml", "days: 300d\n");
    let variable = "the variable days has another value than in the plan";
    let variable_of_env = "the environment variable HOURS has another value than in the plan";
    let unset = "the environment variable NOT_SET has another value than in the plan";
    for (options, env, message) in [
        (&["--var", "days=300d"][..], &[][..], variable),
        (&["--var-file", "days.yaml"], &[], variable),
        (&[], &[("TREATY_VAR_days", "300d")], variable),
        (&[], &[("HOURS", "9h")], variable_of_env),
        (&[], &[("NOT_SET", "")], unset),
    ] {
        let refused = run(&[apply, options].concat(), env);
        assert_eq!(refused.code, 5, "{}", refused.stderr);
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
        let is_private = ["300d", "9h"]
            .iter()
            .any(|value| refused.stderr.contains(value));
        assert!(!is_private, "{}", refused.stderr);
    }
    assert!(world(&project) == before, "something was called");
    let applied = run(apply, &[]);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
}

/// The plan would be used up by the first items.
#[test]
fn refuses_a_canary_that_cannot_ask_before_anything_is_called() {
    let project = started(3);
    save(&project);
    let canary = ["apply", "plan.json", "--canary", "1"];
    let message = "--canary asks before it sends the other items";
    refused(&project, &canary, 64, message);
    project.expect(&[&canary[..], &["--yes"]].concat(), 0);
}

#[test]
fn refuses_a_plan_if_the_service_has_changed() {
    let project = started(2);
    project.replace(
        "manifests/loans.yaml",
        "    accounts:\n",
        "    existingAccounts: adopt\n    accounts:\n",
    );
    save(&project);
    let sandbox =
        treaty::sandbox::Sandbox::open(&project.path(".treaty/sandbox"), "http://127.0.0.1")
            .expect("a world");
    crate::execution::existing_accounts::create_account(&sandbox);
    drop(sandbox);
    refused(
        &project,
        &["apply", "plan.json"],
        5,
        "the plan does not apply any more: the accounts or seals",
    );
}

#[test]
fn refuses_the_plan_of_another_project_environment_version_or_ledger() {
    let project = started(2);
    save(&project);
    let apply = &["apply", "plan.json"][..];
    let env = &["-e", "test", "apply", "plan.json"][..];
    refused(
        &project,
        env,
        5,
        "the plan is for the environment sandbox, and the environment test is selected",
    );
    project.replace("treaty.yaml", "acme-lending", "other");
    refused(
        &project,
        apply,
        5,
        "the plan is of the project acme-lending, and this is the project other",
    );
    project.replace("treaty.yaml", "other", "acme-lending");
    let text = project.read("plan.json");
    let own = format!("\"treaty\":\"{}\"", env!("CARGO_PKG_VERSION"));
    project.write("plan.json", text.replacen(&own, "\"treaty\":\"0.0.1\"", 1));
    refused(
        &project,
        apply,
        5,
        "the plan was made by treaty 0.0.1, and this is treaty",
    );
    project.write(
        "plan.json",
        text.replacen("\"treatyPlan\":2", "\"treatyPlan\":1", 1),
    );
    refused(&project, apply, 5, "its format is 1");
    project.write("plan.json", &text);
    forget_ledger(&project);
    project.expect(&["state", "init", "--yes"], 0);
    refused(&project, apply, 5, "the plan was made with the ledger");
}

#[test]
fn refuses_an_edited_or_expired_plan_and_other_files() {
    let project = started(3);
    save(&project);
    let apply = &["apply", "plan.json"][..];
    let text = project.read("plan.json");
    project.write(
        "plan.json",
        text.replacen("[2,\"create\"", "[2,\"excluded\"", 1),
    );
    refused(&project, apply, 5, "the plan was edited or is damaged");
    project.write(
        "plan.json",
        text.replacen("\"options\":{", "\"options\": {", 1),
    );
    refused(&project, apply, 5, "the plan was edited or is damaged");
    let shown = project.expect(&["show", "plan.json"], 0).stderr;
    let unchecked = "show does not check whether the file was edited";
    assert!(shown.contains(unchecked), "{shown}");
    project.write("plan.json", &text[..text.len() / 2]);
    refused(&project, apply, 65, "plan.json is not a saved plan");
    refused(
        &project,
        &["apply", "loans.csv"],
        64,
        "loans.csv is not a saved plan",
    );
    refused(
        &project,
        &["apply", "nothing.json"],
        64,
        "nothing.json is not a saved plan",
    );
    project.expect(&["plan", "-o", "plan.json", "--valid-for", "1ms"], 0);
    refused(
        &project,
        apply,
        5,
        "the plan has expired: it was valid until",
    );
    let shown = project.expect(&["show", "plan.json"], 0).stdout;
    assert!(shown.contains("expired: valid until"), "{shown}");
    project.expect(&["plan", "-o", "plan.json", "--valid-for", "24h"], 0);
    project.expect(apply, 0);
}

#[test]
fn the_options_of_a_saved_plan_are_fixed() {
    let project = started(3);
    let target = "flows.loans[\"HT-2026-0002\"]";
    project.expect(&["plan", "-o", "plan.json", "--target", target], 0);
    for option in [
        ["--target", "flows.loans"],
        ["--reissue", target],
        ["--observe", "none"],
        ["--retry", "failed"],
    ] {
        project.expect(&[&["apply", "plan.json"], &option[..]].concat(), 64);
    }
    project.expect(&["apply", "plan.json"], 0);
    let listed = project
        .expect(&["state", "list", "--target", "flows.loans"], 0)
        .stdout;
    assert!(
        listed.contains("HT-2026-0002") && !listed.contains("HT-2026-0001"),
        "{listed}"
    );
}

#[test]
fn a_protected_environment_needs_its_confirmation_for_a_saved_plan() {
    let project = few(2);
    project.replace(
        "treaty.yaml",
        "{ endpoint: sandbox }",
        "{ endpoint: sandbox, protected: true }",
    );
    project.expect(&["state", "init", "--yes", "--confirm", "sandbox"], 0);
    save(&project);
    refused(
        &project,
        &["apply", "plan.json"],
        64,
        "the environment sandbox is protected",
    );
    project.expect(&["apply", "plan.json", "--confirm", "sandbox"], 0);
}

#[test]
fn a_plan_from_an_empty_memory_is_named_and_not_saved() {
    let project = few(2);
    let plan = project.expect(&["plan"], 0).stdout;
    assert!(
        plan.starts_with("Ledger: none yet (.treaty/sandbox.db): every row counts as never sent"),
        "{plan}"
    );
    let run = project.expect(&["plan", "-o", "plan.json"], 1);
    assert!(
        run.stderr.contains("there is no ledger .treaty/sandbox.db"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("treaty state init"), "{}", run.stderr);
    assert!(!project.path("plan.json").exists());
    project.expect(&["state", "init", "--yes"], 0);
    project.expect(&["state", "init", "--yes"], 64);
    let plan = save(&project).stdout;
    assert!(plan.contains("serial 0, empty"), "{plan}");
    project.expect(&["apply", "plan.json"], 0);
    forget_ledger(&project);
    let run = project.expect(&["state", "init", "--yes"], 1);
    assert!(
        run.stderr.contains("shows that it existed"),
        "{}",
        run.stderr
    );
}

#[test]
fn changes_have_values_and_differences_have_columns() {
    let project = started(4);
    project.expect(&["apply", "--yes"], 0);
    project.replace("manifests/lender.yaml", "13500009999", "13500009990");
    let sheet = project.sheet();
    let sheet = sheet
        .replace("13500000002", "13500000012")
        .replace("50000.50", "60000.50");
    project.set_sheet(&sheet);
    let plan = project.expect(&["plan"], 0).stdout;
    assert!(
        plan.contains("~ accounts.clerk  mobile 135****9999 → 135****9990"),
        "{plan}"
    );
    assert!(
        plan.contains("row 3: borrower.mobile differs (手机号)"),
        "{plan}"
    );
    assert!(
        plan.contains("row 4: cells of the row have changed, none of its accounts"),
        "{plan}"
    );
    let plan = json(&project.expect(&["plan", "--format", "json"], 0).stdout);
    assert_eq!(plan["version"], 1);
    let clerk = &plan["resources"][0];
    assert_eq!(clerk["action"], "update");
    let change =
        serde_json::json!({ "field": "mobile", "old": "135****9999", "new": "135****9990" });
    assert_eq!(clerk["changes"][0], change);
    let markdown = project.expect(&["plan", "--format", "markdown"], 0).stdout;
    assert!(
        markdown.starts_with("<!-- treaty plan: acme_lending sandbox -->\n### Plan for sandbox\n"),
        "{markdown}"
    );
    assert!(
        markdown.contains("**1 to update, 2 blocked, 5 unchanged**"),
        "{markdown}"
    );
    assert!(markdown.contains("<details><summary>"), "{markdown}");
}

#[test]
fn lists_every_contract_that_ends_by_its_key() {
    let project = started(6);
    project.expect(&["apply", "--yes"], 0);
    project.replace(
        "manifests/loans.yaml",
        "    accounts:\n",
        "    onChange: reissue\n    onVanish: revoke\n    accounts:\n",
    );
    let sheet = project
        .sheet()
        .replace("12,2026", "18,2026")
        .replace("24,2026", "18,2026")
        .replace("36,2026", "18,2026");
    let lines: Vec<&str> = sheet.lines().take(6).collect();
    project.set_sheet(&lines.join("\r\n"));
    let all = &["plan", "--max-revoke", "6"][..];
    for format in ["text", "json", "markdown"] {
        let plan = project
            .expect(&[all, &["--format", format]].concat(), 0)
            .stdout;
        for key in 1..=6 {
            let key = format!("HT-2026-000{key}");
            assert!(plan.contains(&key), "{key}: {plan}");
        }
    }
}

#[test]
fn replaces_no_file_that_is_not_a_saved_plan() {
    let project = started(1);
    for name in ["treaty.yaml", "manifests/loans.yaml"] {
        let before = project.read(name);
        let run = project.expect(&["plan", "-o", name], 64);
        let told = format!("{name} exists and is not a saved plan: it is not replaced");
        assert!(run.stderr.contains(&told), "{}", run.stderr);
        assert_eq!(project.read(name), before);
    }
    project.write("plan.json", "");
    save(&project);
    save(&project);
}
