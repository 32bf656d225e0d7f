//! What is recorded and no longer declared: in the plan, and with `prune`.

use crate::support::project::{Project, root};

const LENDER: &str = "manifests/lender.yaml";
const GRANT: &str = "accounts[\"acme\"]  no longer declared: its grant of silent signing stays in force until 2027-12-31 23:59:59";

/// Creates a project with a clerk, an organization with a grant, and its seal, and applies it.
fn applied(prune: &str) -> Project {
    let project = Project::copy_of(&root().join("tests/cases/base"));
    std::fs::remove_file(project.path("manifests/loans.yaml")).expect("removed");
    let text = project.read("treaty.yaml");
    project.write("treaty.yaml", format!("{text}\nprune: {prune}\n"));
    project.expect(&["apply", "--yes"], 0);
    project
}

/// Removes the organization and its seal from the manifests.
fn remove_organization(project: &Project) {
    let text = project.read(LENDER);
    let (people, _) = text.split_once("  acme:").expect("the organization");
    project.write(LENDER, people);
}

#[test]
fn the_plan_lists_what_is_no_longer_declared() {
    let project = applied("false");
    project.expect(&["plan", "--detailed-exitcode"], 0);
    remove_organization(&project);
    let plan = project.expect(&["plan", "--detailed-exitcode"], 0);
    for text in [
        &format!("! {GRANT}"),
        "declare the account again without silentSign, or set prune: { grants: true }",
        "! seals[\"acme\"][\"合同专用章\"]  no longer declared: the seal stays at the service",
    ] {
        assert!(plan.stdout.contains(text), "{text}: {}", plan.stdout);
    }
    let json = project.expect(&["plan", "--format", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["undeclared"][0]["address"], "accounts[\"acme\"]");
    let markdown = project.expect(&["plan", "--format", "markdown"], 0);
    assert!(
        markdown.stdout.contains("no longer declared"),
        "{}",
        markdown.stdout
    );
    let excluded = project.expect(&["plan", "--exclude", "accounts[\"acme\"]"], 0);
    assert!(
        !excluded.stdout.contains("accounts[\"acme\"]"),
        "{}",
        excluded.stdout
    );
}

#[test]
fn prune_revokes_grants_and_keeps_accounts() {
    let project = applied("{ grants: true }");
    remove_organization(&project);
    let plan = project.expect(&["plan", "--detailed-exitcode"], 2);
    let told = "- accounts[\"acme\"]  no longer declared: revoke silent signing";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);
    project.expect(&["apply", "--yes"], 0);
    let plan = project.expect(&["plan", "--detailed-exitcode"], 0);
    let told = "! accounts[\"acme\"]  no longer declared: the account stays at the service";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);
}

#[test]
fn prune_deletes_own_accounts_that_nobody_protects() {
    let project = applied("true");
    remove_organization(&project);
    let plan = project.expect(&["plan"], 0);
    let told =
        "- accounts[\"acme\"]  no longer declared: revoke silent signing and delete the account";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);
    assert!(!plan.stdout.contains("seals"), "{}", plan.stdout);
    project.expect(&["apply", "--yes"], 0);
    let plan = project.expect(&["plan", "--detailed-exitcode"], 0);
    assert!(
        !plan.stdout.contains("no longer declared"),
        "{}",
        plan.stdout
    );
}

#[test]
fn prune_never_deletes_protected_accounts() {
    let project = applied("true");
    project.replace(
        LENDER,
        "    silentSign: {",
        "    protect: true\n    silentSign: {",
    );
    project.expect(&["apply", "--yes"], 0);
    remove_organization(&project);
    project.expect(&["apply", "--yes"], 0);
    let plan = project.expect(&["plan"], 0);
    let told = "no longer declared";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);
    assert!(
        !plan.stdout.contains("delete the account"),
        "{}",
        plan.stdout
    );
}

#[test]
fn prune_is_limited() {
    let project = applied("true");
    let account = "accounts:\n  other:\n    person: { thirdId: other, name: 陈晓静, idType: resident-id, idNo: \"330199199910145052\" }\n";
    project.write(LENDER, account);
    let run = project.expect(&["plan"], 65);
    let told =
        "prune would remove 2 accounts and grants that are no longer declared; the limit is 1";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    // A share is of the two recorded accounts of manifests, not of those to remove.
    project.expect(&["plan", "--max-delete", "50%"], 65);
    project.expect(&["apply", "--yes", "--max-delete", "2"], 0);
}

#[test]
fn the_share_of_removals_is_of_the_recorded_accounts() {
    let project = applied("true");
    let text = project.read(LENDER);
    let person = |name: &str, id: &str| {
        format!(
            "  {name}:\n    person: {{ thirdId: {name}, name: 陈晓静, idType: resident-id, idNo: \"{id}\" }}\n"
        )
    };
    let all = person("one", "330199199910145052") + &person("two", "33019919860724191X");
    project.write(
        LENDER,
        text.replacen("accounts:\n", &format!("accounts:\n{all}"), 1),
    );
    project.expect(&["apply", "--yes"], 0);
    project.write(LENDER, text);
    // Two of four accounts.
    project.expect(&["plan", "--max-delete", "49%"], 65);
    project.expect(&["plan", "--max-delete", "50%"], 0);
}

const LOANS: &str = "manifests/loans.yaml";
const VIP: &str = "accounts:\n  vip:\n    person: { thirdId: C100001, name: 沈晨怡, idType: resident-id, idNo: \"33019919860724191X\", mobile: \"13500000001\" }\n    silentSign: { until: 2027-12-31 }\n";

/// Creates a project with contracts that prunes. The account `C100001` of the first row was declared before.
fn with_former_vip() -> Project {
    let project = Project::base();
    let text = project.read("treaty.yaml");
    let settings = "prune: true\nfailures: { invalidRows: skip }";
    project.write("treaty.yaml", format!("{text}\n{settings}\n"));
    let flows = project.read(LOANS);
    project.write(LOANS, VIP);
    project.expect(&["apply", "--yes"], 0);
    project.write(LOANS, flows);
    project
}

fn expect_kept(project: &Project, reason: &str) {
    let plan = project.expect(&["plan"], 0);
    let told = format!(
        "! accounts[\"C100001\"]  no longer declared: its grant of silent signing stays in force until 2027-12-31 23:59:59; {reason}"
    );
    assert!(plan.stdout.contains(&told), "{told}: {}", plan.stdout);
}

#[test]
fn prune_keeps_accounts_that_rows_declare_or_may_declare() {
    let project = with_former_vip();
    expect_kept(&project, "a row declares the account");
    let sheet = project.read("loans.csv");
    let (header, rows) = sheet.split_once('\n').expect("rows");
    let (first, rest) = rows.split_once('\n').expect("a row");
    let left_out = first.replace("已批准", "待审批");
    project.write("loans.csv", format!("{header}\n{left_out}\n{rest}"));
    expect_kept(&project, "a row declares the account");
    let invalid = first.replace("33019919860724191X", "330199198607241911");
    project.write("loans.csv", format!("{header}\n{invalid}\n{rest}"));
    expect_kept(
        &project,
        "a row of flows.loans is invalid and may declare the account",
    );
    project.write("loans.csv", format!("{header}\n{rest}"));
    let plan = project.expect(&["plan"], 0);
    let told =
        "- accounts[\"C100001\"]  no longer declared: revoke silent signing and delete the account";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);
}

#[test]
fn prune_keeps_accounts_of_contracts_under_way() {
    let project = with_former_vip();
    project.expect(&["apply", "--yes"], 0);
    let sheet = project.read("loans.csv");
    let without = sheet.lines().filter(|line| !line.contains(",C100001,"));
    let without: Vec<&str> = without.collect();
    project.write("loans.csv", without.join("\n"));
    expect_kept(&project, "a contract under way names the account");
    // The contract of another person names it nowhere, but may have it as initiator.
    let first = "flows.loans[\"HT-2026-0001\"]";
    project.expect(&["revoke", "--target", first, "--yes"], 0);
    let plan = project.expect(&["plan"], 0);
    let told = "- accounts[\"C100001\"]  no longer declared: revoke silent signing; accounts are not deleted while contracts are under way";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);
}
