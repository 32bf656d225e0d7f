//! `moved` and `treaty state mv`: what is renamed is not sent again.

use crate::support::project::Project;

const LOANS: &str = "manifests/loans.yaml";

fn applied() -> Project {
    let project = Project::base();
    project.expect(&["apply", "--yes"], 0);
    project
}

fn rename_flow(project: &Project) {
    project.replace(LOANS, "  loans:\n    rows", "  credits:\n    rows");
}

fn add_moved(project: &Project, moved: &str) {
    let text = project.read("treaty.yaml");
    project.write("treaty.yaml", format!("{text}\nmoved: [ {moved} ]\n"));
}

fn protect(project: &Project) {
    let open = "{ endpoint: sandbox }";
    project.replace(
        "treaty.yaml",
        open,
        "{ endpoint: sandbox, protected: true }",
    );
}

const CONFIRMED: [&str; 4] = ["apply", "--yes", "--confirm", "sandbox"];

#[test]
fn a_renamed_flow_sends_no_contract_again() {
    let project = applied();
    rename_flow(&project);
    add_moved(&project, "{ from: flows.loans, to: flows.credits }");
    project.expect(&["validate"], 0);
    let plan = project.expect(&["plan", "--detailed-exitcode"], 2);
    let moved = "~ flows.credits  renamed from flows.loans: 4 recorded contracts keep their keys";
    assert!(plan.stdout.contains(moved), "{}", plan.stdout);
    assert!(!plan.stdout.contains("to send"), "{}", plan.stdout);
    // The plan records nothing.
    project.expect(&["plan", "--detailed-exitcode"], 2);
    protect(&project);
    project.expect(&CONFIRMED, 0);
    project.expect(&["plan", "--detailed-exitcode"], 0);
    let listed = project.expect(&["state", "list", "--target", "flows.credits"], 0);
    assert_eq!(listed.stdout.lines().count(), 4, "{}", listed.stdout);
    // The entry has done its work.
    let text = project.read("treaty.yaml");
    let (text, _) = text.split_once("moved:").expect("the entry");
    project.write("treaty.yaml", text);
    project.expect(&["plan", "--detailed-exitcode"], 0);
    let row = "HT-9,C9,沈晨怡,33019919860724191X,13500000001,1.00,4.35,36,2026/11/4,6955,已批准";
    let sheet = project.read("loans.csv");
    project.write("loans.csv", format!("{}\n{row}\n", sheet.trim_end()));
    let run = project.expect(&CONFIRMED, 0);
    assert!(
        run.stdout.contains("flows.credits  1 sent"),
        "{}",
        run.stdout
    );
}

#[test]
fn renamed_accounts_seals_and_templates_change_no_contract() {
    let project = applied();
    for (file, from, to) in [
        ("manifests/lender.yaml", "  acme:\n", "  company:\n"),
        ("manifests/lender.yaml", "account: acme", "account: company"),
        ("manifests/lender.yaml", "contract-seal:", "seal:"),
        (LOANS, "initiator: acme", "initiator: company"),
        (LOANS, "seal: contract-seal", "seal: seal"),
        (LOANS, "  loan: {", "  contract: {"),
        (LOANS, "template: loan", "template: contract"),
    ] {
        project.replace(file, from, to);
    }
    let plan = project.expect(&["plan"], 0);
    assert!(plan.stdout.contains("4 blocked"), "{}", plan.stdout);
    add_moved(
        &project,
        "{ from: accounts.acme, to: accounts.company }, { from: seals.contract-seal, to: seals.seal }, \
         { from: templates.loan, to: templates.contract }",
    );
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn state_mv_records_another_name() {
    let project = applied();
    rename_flow(&project);
    for (from, to, told) in [
        ("flows.loan", "flows.credits", "did you mean flows.loans?"),
        ("flows.loans", "flows.loans", "has this name already"),
        (
            "accounts.acme",
            "accounts.company",
            "accounts.acme cannot be moved",
        ),
    ] {
        let run = project.expect(&["state", "mv", from, to, "--yes"], 64);
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
    }
    let run = project.expect(&["state", "mv", "flows.loans", "flows.credits", "--yes"], 0);
    let told = "flows.loans is recorded as flows.credits";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn a_protected_environment_needs_a_confirmed_new_flow() {
    let project = applied();
    protect(&project);
    rename_flow(&project);
    let run = project.expect(&CONFIRMED, 64);
    for text in [
        "flows.credits is new, and flows.loans is no longer declared",
        "--new-flow credits",
    ] {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
    // The first new flow may be another one than the renamed flow.
    let manifest = project.read(LOANS);
    let flow = manifest.find("  credits:").expect("the renamed flow");
    let other = manifest[flow..].replace("  credits:", "  archive:");
    project.write("manifests/archive.yaml", format!("flows:\n{other}"));
    let archive = [&CONFIRMED[..], &["--new-flow", "archive"]].concat();
    let run = project.expect(&archive, 64);
    assert!(run.stderr.contains("--new-flow credits"), "{}", run.stderr);
    std::fs::remove_file(project.path("manifests/archive.yaml")).expect("removed");
    let args = [&CONFIRMED[..], &["--new-flow", "credits"]].concat();
    let run = project.expect(&args, 0);
    assert!(
        run.stdout.contains("flows.credits  4 sent"),
        "{}",
        run.stdout
    );
    // Now both are recorded.
    add_moved(&project, "{ from: flows.loans, to: flows.credits }");
    let run = project.expect(&["plan"], 65);
    let told = "flows.loans cannot be moved to flows.credits: the ledger records contracts of both";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn refuses_moves_that_lead_nowhere() {
    for (moved, told) in [
        (
            "{ from: flows.old, to: flows.loan }",
            "did you mean flows.loans?",
        ),
        (
            "{ from: flows.loans, to: flows.loans }",
            "flows.loans is moved, but still declared",
        ),
        (
            "{ from: flows.a, to: flows.b }, { from: flows.b, to: flows.a }",
            "is moved in a circle",
        ),
        (
            "{ from: accounts.a, to: flows.loans }",
            "accounts.a cannot be moved to flows.loans",
        ),
        (
            "{ from: flows.a, to: flows.loans }, { from: flows.b, to: flows.loans }",
            "flows.loans exists already: another entry moves to it",
        ),
        (
            "{ from: loan, to: flows.loans }",
            "loan is not the address of a declaration",
        ),
        ("{ from: seals.a, to: seals.b }", "seals.b is not declared"),
    ] {
        let project = Project::base();
        add_moved(&project, moved);
        let run = project.expect(&["validate"], 65);
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
    }
}

/// A flow without rows, which asks one person to sign.
const OFFER: &str = r#"
templates:
  loan: { file: ../templates/loan.pdf, templateName: 借款合同 }
flows:
  offer:
    accounts:
      borrower: { person: { thirdId: C1, name: 沈晨怡, idType: resident-id, idNo: "33019919860724191X", mobile: "13500000001" } }
    documents:
      contract: { template: loan, name: "借款合同-{{ key }}", simpleFormFields: { contractNo: "{{ key }}" } }
    process: { businessScene: 借款合同签署, initiator: acme, noticeType: [sms] }
    signers:
      borrower: { person: { account: borrower, sealType: [handdrawn], positions: [{ keyword: 乙方签字, posX: 60 }] } }
"#;

fn applied_offer() -> Project {
    let project = Project::base();
    project.write(LOANS, OFFER);
    project.expect(&["apply", "--yes"], 0);
    project
}

#[test]
fn a_renamed_flow_without_rows_keeps_its_contract_when_the_entry_is_gone() {
    let project = applied_offer();
    project.replace(LOANS, "  offer:", "  offers:");
    let declared = project.read("treaty.yaml");
    add_moved(&project, "{ from: flows.offer, to: flows.offers }");
    project.expect(&["apply", "--yes"], 0);
    project.write("treaty.yaml", declared);
    project.expect(&["validate"], 0);
    project.expect(&["plan", "--detailed-exitcode"], 0);
    project.expect(&["apply", "--yes"], 0);
    let listed = project.expect(&["state", "list", "--target", "flows.offers"], 0);
    assert_eq!(listed.stdout.lines().count(), 1, "{}", listed.stdout);
}

#[test]
fn state_mv_of_a_flow_without_rows_sends_no_contract_again() {
    let project = applied_offer();
    project.replace(LOANS, "  offer:", "  offers:");
    project.expect(&["state", "mv", "flows.offer", "flows.offers", "--yes"], 0);
    project.expect(&["plan", "--detailed-exitcode"], 0);
    let target = "flows.offers[\"offer\"]";
    project.expect(&["plan", "--target", target, "--detailed-exitcode"], 0);
}
