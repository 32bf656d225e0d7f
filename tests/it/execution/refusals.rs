//! Manifests and rows that are refused before any call.

use crate::support::project::{Project, root};

#[test]
fn refuses_too_many_appended_pages_before_any_call() {
    let project = Project::loans();
    let lease = root().join("examples/tenancy/templates/lease.pdf");
    std::fs::copy(lease, project.path("templates/lease.pdf")).expect("two pages");
    let chunks = |times| {
        let chunk = "          - { mimeType: application/pdf, file: ../templates/lease.pdf }\n";
        format!(
            "        chunkedFields:\n{}        simpleFormFields:",
            chunk.repeat(times)
        )
    };
    project.replace(
        "manifests/loans.yaml",
        "        simpleFormFields:",
        &chunks(5),
    );
    project.expect(&["validate"], 0);
    project.replace("manifests/loans.yaml", &chunks(5), &chunks(6));
    let refused = project.expect(&["validate"], 65).stderr;
    let message = "chunkedFields add 12 pages, at most 10 are allowed";
    assert_eq!(refused.matches(message).count(), 1, "{refused}");
    assert!(refused.contains("manifests/loans.yaml:"), "{refused}");
}

#[test]
fn refuses_an_expired_deadline_with_its_cell() {
    let project = Project::loans();
    project.replace(
        "manifests/loans.yaml",
        "{{ run.started | plus('7d') | epochMs }}",
        "{{ row.账号尾号 }}",
    );
    let refused = project.expect(&["apply", "--yes"], 65).stderr;
    assert!(
        refused.contains("signValidity is past: 1970-01-01 "),
        "{refused}"
    );
    assert!(
        refused.contains("loans.csv, row 2, column 账号尾号"),
        "{refused}"
    );
    assert!(!project.was_called());
    project.expect(&["validate"], 0);
}

#[test]
fn reports_a_manifest_error_once_for_all_rows() {
    let project = Project::loans();
    project.replace(
        "manifests/loans.yaml",
        "noticeType: [sms]",
        "noticeType: [pigeon]",
    );
    let refused = project.expect(&["validate"], 65).stderr;
    assert_eq!(
        refused.matches("noticeType cannot be pigeon").count(),
        1,
        "{refused}"
    );
    assert!(refused.contains("1 error was found"), "{refused}");
}

#[test]
fn refuses_one_account_as_two_signers() {
    let project = Project::loans();
    let twin = "    signers:\n      witness: { person: { account: borrower } }";
    project.replace("manifests/loans.yaml", "    signers:", twin);
    let refused = project.expect(&["validate"], 65).stderr;
    let message = "error: the signers witness and borrower are the same account";
    assert!(refused.contains(message), "{refused}");
}

#[test]
fn refuses_rows_in_which_two_signers_are_the_same_account() {
    let project = Project::loans();
    let manifest = project.read("manifests/loans.yaml");
    let (start, rest) = manifest.split_once("      borrower:").expect("an account");
    let (account, _) = rest.split_once("    documents:").expect("documents");
    let account = account.to_owned();
    let twin = format!("{start}      guarantor:{account}      borrower:{rest}");
    let twin = twin.replace(
        "    signers:",
        "    signers:\n      second: { person: { account: guarantor } }",
    );
    project.write("manifests/loans.yaml", twin);
    let refused = project.expect(&["validate"], 65).stderr;
    let message = "error: the signers second and borrower are the same account";
    assert!(refused.contains(message), "{refused}");
    assert!(refused.contains("loans.csv, row"), "{refused}");
}

#[test]
fn does_not_revoke_for_a_reissue_with_an_expired_deadline() {
    let project = Project::loans();
    let rows: Vec<String> = project.sheet().lines().take(3).map(str::to_owned).collect();
    let sheet = rows
        .join("\r\n")
        .replace("6955", "4102416000000")
        .replace("7719", "4102416000000");
    project.set_sheet(&sheet);
    let manifest = "manifests/loans.yaml";
    project.replace(
        manifest,
        "{{ run.started | plus('7d') | epochMs }}",
        "{{ row.账号尾号 }}",
    );
    project.replace(
        manifest,
        "    signers:",
        "    onChange: reissue\n    signers:",
    );
    project.expect(&["apply", "--yes"], 0);
    project.set_sheet(&sheet.replacen("4102416000000", "1000", 1));
    let refused = project
        .expect(&["apply", "--yes", "--max-revoke", "9"], 65)
        .stderr;
    assert!(
        refused.contains("signValidity is past: 1970-01-01 "),
        "{refused}"
    );
    project.set_sheet(&sheet);
    project.expect(&["plan", "--detailed-exitcode"], 0);
}
