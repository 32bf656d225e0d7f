//! The messages of `validate` for single errors in the project of `tests/cases/base`.

use crate::support::project::{Project, Run};

/// Creates the base project with one text of a file replaced.
fn with(file: &str, from: &str, to: &str) -> Project {
    let project = Project::base();
    project.replace(file, from, to);
    project
}

fn refused(project: &Project, told: &[&str]) -> Run {
    let run = project.expect(&["validate"], 65);
    for text in told {
        assert!(
            run.stderr.contains(text),
            "{text} is not in\n{}",
            run.stderr
        );
    }
    run
}

const LOANS: &str = "manifests/loans.yaml";
const LENDER: &str = "manifests/lender.yaml";
const APPROVED: &str = "row.状态 == '已批准'";

#[test]
fn refuses_to_compare_a_cell_with_a_number() {
    let project = with(LOANS, APPROVED, "row.期限 == 36");
    let told = [
        "manifests/loans.yaml:10:14",
        "row.期限 is compared with a number, 36",
        "a cell is text; convert it: `{{ row.期限 | float == 36 }}`",
    ];
    refused(&project, &told);
    let project = with(
        LOANS,
        "借款合同-{{ key }}",
        "{{ '大' if row.金额 > 5 }}-{{ key }}",
    );
    refused(&project, &["`{{ row.金额 | float > 5 }}`"]);
    let project = with(LOANS, APPROVED, "row.期限 | float == 36");
    project.expect(&["validate"], 0);
}

/// One wrong field does not hide the errors of the other fields and sections.
#[test]
fn reports_all_errors_in_one_pass() {
    type Change = (&'static str, &'static str, &'static str);
    let cases: [(&[Change], &[&str]); 4] = [
        (
            &[
                (LOANS, "account: borrower", "account: nobody"),
                (
                    LOANS,
                    "businessScene:",
                    "noticeUrl: \"{{ row.nope }}\"\n      businessScene:",
                ),
                (LOANS, "    process:", "    onChange: resend\n    process:"),
            ],
            &[
                "onChange cannot be resend",
                "there is no account nobody",
                "the sheet has no column nope",
            ],
        ),
        (
            &[
                (
                    "treaty.yaml",
                    "version: 1",
                    "limits: { rate: 10 }\nversion: 1",
                ),
                (LOANS, "template: loan", "template: lone"),
            ],
            &["rate cannot be 10", "there is no template lone"],
        ),
        (
            &[
                (LENDER, "idType: resident-id", "idType: [resident-id]"),
                (LENDER, "creator: clerk", "creator: clerc"),
            ],
            &["idType must be a text", "there is no account clerc"],
        ),
        (
            &[
                (LOANS, "signPlatform: [h5]", "signPlatform: h5"),
                (LOANS, "account: borrower", "account: nobody"),
            ],
            &["signPlatform must be a list", "there is no account nobody"],
        ),
    ];
    for (changes, expected) in cases {
        let project = Project::base();
        for (file, from, to) in changes {
            project.replace(file, from, to);
        }
        let run = refused(&project, expected);
        let count = format!("{} errors were found", expected.len());
        assert!(run.stderr.contains(&count), "{}", run.stderr);
    }
}

/// An error is reported without the errors that follow from it.
#[test]
fn reports_an_error_once() {
    for (file, from, to, expected) in [
        (
            LOANS,
            "甲方盖章, posX: 60",
            "甲方盖章, posX: [6]",
            "posX must be a text",
        ),
        (
            "treaty.yaml",
            "version: 1",
            "version: 1\nreports: { directory: \"{{ var.nope }}\" }",
            "there is no variable nope",
        ),
        (
            "treaty.yaml",
            "version: 1",
            "version: ''",
            "version  of the manifest language",
        ),
        (
            LENDER,
            "account: acme",
            "account: [acme]",
            "account must be a text",
        ),
    ] {
        let run = refused(&with(file, from, to), &[expected]);
        assert!(
            run.stderr.contains("1 error was found"),
            "{to}\n{}",
            run.stderr
        );
    }
    let project = with(
        "treaty.yaml",
        "environments:",
        "environments:\n  production: { env: [NOT_SET], endpoint: https://o.tsign.cn/x, ledger: \"{{ env.NOT_SET }}/p.db\" }",
    );
    project.expect(&["validate"], 0);
}

#[test]
fn masks_id_numbers_in_excerpts() {
    let project = with(LENDER, "330199199910145052", "330199199910145053");
    let run = refused(&project, &["idNo: \"330***********5053\"\n"]);
    assert!(!run.stderr.contains("330199199910145053"), "{}", run.stderr);
    let mark = run.stderr.lines().find(|line| line.contains('━'));
    let marked = mark.map_or(0, |mark| mark.matches('━').count());
    assert_eq!(
        marked, 20,
        "the mark is as long as the number: {}",
        run.stderr
    );
}

#[test]
fn validates_the_rules_of_the_service_without_a_call() {
    const VALIDITY: &str = "{{ run.started | plus('7d') | epochMs }}";
    for (from, to, told) in [
        (VALIDITY, "1795000000", "signValidity looks like seconds"),
        (
            "addSignTime: true",
            "noticeUrl: acme.example/cb",
            "noticeUrl is not a URL",
        ),
        (
            "addSignTime: true",
            "addSignTime: yes",
            "help: write true or false",
        ),
        (
            "甲方盖章, posX: 60",
            "甲方盖章, posX: 60, scale: 0",
            "scale must be greater than 0",
        ),
        (
            "addSignTime: true",
            "attachments: [{ file: ../empty.pdf, name: 说明 }]",
            "../empty.pdf is empty",
        ),
    ] {
        let project = Project::base();
        project.write("empty.pdf", "");
        project.replace(LOANS, from, to);
        let run = refused(&project, &[told, "manifests/loans.yaml:"]);
        assert_eq!(run.stderr.matches(told).count(), 1, "once: {}", run.stderr);
    }
    for size in ["0", "-1", "1.5"] {
        let project = with(LENDER, "width: 159", &format!("width: {size}"));
        refused(
            &project,
            &[&format!("width cannot be {size}"), "lender.yaml:28:12"],
        );
    }
}

#[test]
fn warns_about_dates_in_the_past() {
    let project = with(LENDER, "2027-12-31", "2026-01-31");
    project.replace(
        LOANS,
        "{{ run.started | plus('7d') | epochMs }}",
        "1767225600000",
    );
    let warned = project.expect(&["validate"], 0).stderr;
    for told in [
        "warning: until is in the past: 2026-01-31 23:59:59",
        "warning: signValidity is in the past: 2026-01-01 08:00:00",
    ] {
        assert!(warned.contains(told), "{warned}");
    }
}

#[test]
fn validates_environments_that_are_not_selected() {
    let sandbox = "  sandbox: { endpoint: sandbox }";
    let beside = |other: &str| with("treaty.yaml", sandbox, &format!("{sandbox}\n  p: {other}"));
    for (other, told) in [
        (
            "{ endpoint: \"https://a.example\", appSecret: Kx8 }",
            "environments.p has no field appSecret",
        ),
        (
            "{ endpoint: \"http://a.example\" }",
            "is not safe for credentials",
        ),
        (
            "{ endpoint: \"https://u:Kx8@a.example\" }",
            "the endpoint contains a user name or password",
        ),
        (
            "{ endpoint: \"https://a.example?b\" }",
            "the endpoint has a query or a fragment",
        ),
        (
            "{ endpoint: sandbox, limits: { rate: fast } }",
            "rate cannot be fast",
        ),
        (
            "{ endpoint: sandbox, ledger: ../p.db }",
            "use a file inside the project's folder",
        ),
        ("{ protected: true }", "environments.p needs endpoint"),
        (
            "{ endpoint: sandbox, variables: { a: [b] } }",
            "a must be a text",
        ),
    ] {
        let run = refused(&beside(other), &[told, "treaty.yaml:"]);
        assert!(run.stderr.contains("1 error was found"), "{}", run.stderr);
        assert!(!run.stderr.contains("Kx8"), "{}", run.stderr);
    }
    // Unset environment variables are ignored in environments that are not selected.
    let name = "\"{{ env.NOT_HERE }}\"";
    let project = beside(&format!(
        "{{ endpoint: {name}, env: [NOT_HERE], variables: {{ lender: {name} }} }}"
    ));
    project.expect(&["validate"], 0);
    let run = project.expect(&["-e", "p", "validate"], 65);
    assert!(run.stderr.contains("NOT_HERE is not set"), "{}", run.stderr);
}

#[test]
fn groups_the_same_error_of_many_rows() {
    let project = Project::base();
    let sheet = project.read("loans.csv");
    let (header, row) = sheet.split_once('\n').expect("a header");
    let row = row.lines().next().expect("a row");
    let mut rows = vec![header.to_owned()];
    rows.extend((0..150).map(|at| {
        let key = format!("HT-{at}");
        let row = row.replace("HT-2026-0001", &key).replace("C100001", &key);
        row.replace("沈晨怡", "")
    }));
    project.write("loans.csv", rows.join("\n"));
    let run = refused(
        &project,
        &["loans.csv, row 2, column 姓名 (C)", "150 errors were found"],
    );
    assert_eq!(
        run.stderr.matches("name is empty").count(),
        1,
        "{}",
        run.stderr
    );
    let more = "and 149 more rows: 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 …";
    assert!(run.stderr.contains(more), "{}", run.stderr);
    assert!(
        run.stderr.contains("\nall findings are in "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.lines().count() < 20, "{}", run.stderr);
    let json = project
        .expect(&["validate", "--log-format", "json"], 65)
        .stderr;
    assert_eq!(json.matches("name is empty").count(), 100, "a line each");
}

#[test]
fn warns_about_a_where_that_excludes_all_rows() {
    let project = with(LOANS, "已批准", "已批淮");
    let run = project.expect(&["validate"], 0);
    let told = "warning: where excludes all rows of the sheet: 4 rows";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let counted = "1 seal, 1 template, 1 flow with 4 rows; 1 warning\n";
    assert!(run.stdout.ends_with(counted), "{}", run.stdout);
}

#[test]
fn reports_a_folder_without_a_project() {
    let project = Project::base();
    for (folder, told) in [
        ("treaty.yaml", "treaty.yaml is a file, not a folder"),
        ("no such", "there is no folder no such"),
        ("manifests", "there is no such file"),
    ] {
        let run = project.expect(&["-p", folder, "validate"], 65);
        assert!(run.stderr.contains(told), "{}", run.stderr);
    }
    let run = project.expect(&["init", "loan", "it's a b"], 0);
    let next = r"next: treaty -p 'it'\''s a b' plan";
    assert!(run.stdout.contains(next), "{}", run.stdout);
}

/// Creates the base project with the first occurrence of a cell in the sheet replaced.
fn cell(from: &str, to: &str) -> Project {
    let project = Project::base();
    let sheet = project.read("loans.csv");
    let (header, rows) = sheet.split_once('\n').expect("a header");
    assert!(rows.contains(from), "{from}");
    project.write(
        "loans.csv",
        format!("{header}\n{}", rows.replacen(from, to, 1)),
    );
    project
}

#[test]
fn reports_invalid_cells_with_accepted_formats() {
    for (from, to, told, hint) in [
        (
            "51010.10",
            "5万",
            "money needs an amount such as 120000.50, but got 5万",
            "help: write the amount as 120000.5 or 120,000.50",
        ),
        (
            "2026/11/4",
            "下周一",
            "date needs a date such as 2026-11-23 or 2026-11-23 18:30:00, but got 下周一",
            "help: accepted are 2026-01-05",
        ),
        (
            "33019919860724191X",
            "'33019919860724191X",
            "idNo begins with an apostrophe",
            "replace",
        ),
        (
            "33019919860724191X",
            "33019919860724191X ",
            "idNo contains a blank",
            "| trim",
        ),
        (
            "13500000001",
            "+86 13500000001",
            "mobile is not a mobile number",
            "in the manifest: `{{ (row.手机号 | digits)[-11:] }}`",
        ),
        (
            "13500000001",
            "1.35E+10",
            "mobile is 1.35E+10: a spreadsheet",
            "as text",
        ),
    ] {
        refused(&cell(from, to), &[told, hint, "loans.csv, row 2"]);
    }
}

#[test]
fn warns_about_suspicious_values() {
    for (from, to, told) in [
        (
            "HT-2026-0001",
            "HT-2026-0001\u{200b}",
            "warning: the key contains an invisible character (U+200B)",
        ),
        (
            "6955",
            "69\u{a0}55",
            "warning: 还款账号 contains a no-break space (U+00A0)\n",
        ),
    ] {
        let run = cell(from, to).expect(&["validate"], 0);
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
        assert!(
            run.stderr.contains("loans.csv, row 2, column "),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn reports_unexpected_headers_formats_and_delimiters() {
    let project = Project::base();
    let sheet = project.read("loans.csv");
    project.write("loans.csv", format!("2026年贷款清单,,,,,,,,,,\n{sheet}"));
    refused(
        &project,
        &[
            "row 1 is not the header: row 2 has the names of the columns",
            "help: set rows.header: 2",
        ],
    );
    project.write("loans.csv", format!("2026年贷款清单\n{sheet}"));
    refused(
        &project,
        &["row 1 is not the header: row 2 has the names of the columns"],
    );
    project.write("loans.csv", b"PK\x03\x04\x14\0\x06\0");
    refused(
        &project,
        &["the file is an Excel workbook", "save it as CSV UTF-8"],
    );
    let delimiter = "loans.csv\n      delimiter: ':'\n";
    let project = with(LOANS, "loans.csv\n", delimiter);
    refused(
        &project,
        &[
            "delimiter cannot be :",
            "help: it is \",\", \";\", \"|\" or tab",
        ],
    );
}

#[test]
fn reports_circular_after_dependencies() {
    let waits = |lender: &str, borrower: &str| {
        let project = Project::base();
        for (word, other) in [("甲方盖章", lender), ("乙方签字", borrower)] {
            let text = project.read(LOANS);
            let line = text.lines().find(|line| line.contains(word));
            let line = line.expect("a signer");
            project.replace(LOANS, line, &format!("{line}\n        after: [{other}]"));
        }
        project
    };
    let run = refused(
        &waits("borrower", "lender"),
        &["error: lender waits for borrower, which waits for lender\n"],
    );
    assert!(run.stderr.contains("1 error was found"), "{}", run.stderr);
    let run = refused(
        &waits("lender", "lender"),
        &["error: the signer lender waits for itself\n"],
    );
    assert!(run.stderr.contains("1 error was found"), "{}", run.stderr);
}

#[test]
fn an_automatic_concurrency_is_refused_with_a_hint() {
    let project = Project::loans();
    project.replace("treaty.yaml", "concurrency: 16", "concurrency: auto");
    let refused = project.expect(&["validate"], 65).stderr;
    for part in [
        "concurrency cannot be auto",
        "treaty.yaml:",
        "auto is no longer supported: set the maximum number of requests in flight",
    ] {
        assert!(refused.contains(part), "{part}\n{refused}");
    }
}
