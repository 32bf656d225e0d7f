//! `treaty preview`: PDFs, marks, the page, and the check of all rows.

use std::path::Path;

use treaty::pdf;

use crate::support::project::{Project, root};

/// Returns the page of a preview in the default folder.
fn page(project: &Project) -> String {
    project.read("reports/preview/index.html")
}

/// Returns the pages on which a PDF shows a text.
fn pages_with(path: &Path, text: &str) -> Vec<u32> {
    let bytes = std::fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let spots = pdf::find(&bytes, text).expect("a PDF");
    spots.iter().map(|spot| spot.page).collect()
}

fn files(project: &Project, flow: &str) -> Vec<String> {
    let folder = project.path(&format!("reports/preview/{flow}"));
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
}

const FIRST: &str = "row-2-HT-2026-0001-contract";

#[test]
fn shows_filled_contracts_with_the_places_of_seals() {
    let project = Project::loans();
    let sheet = project.sheet();
    // The widest texts are in row 5; row 3 is not shown.
    project.set_sheet(&sheet.replace(
        ",24,2026/11/9,0241,",
        ",贰拾肆个月，到期一次还本,2026/11/9,0241,",
    ));
    // A real environment without credentials.
    let run = project.expect(&["-e", "test", "preview", "--png"], 0);
    assert!(
        run.stdout.contains("row 2  HT-2026-0001  first row"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("row 5  HT-2026-0004  longest texts"),
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains("personal data"), "{}", run.stderr);
    let other = "row-5-HT-2026-0004-contract";
    let expected: Vec<String> = [FIRST, other]
        .iter()
        .flat_map(|stem| {
            [
                format!("{stem}-p1.png"),
                format!("{stem}-p2.png"),
                format!("{stem}.pdf"),
            ]
        })
        .collect();
    assert_eq!(files(&project, "loans"), expected);
    let path = project.path(&format!("reports/preview/loans/{FIRST}.pdf"));
    for text in ["33019919860724191X", "51,010.10", "伍万壹仟零壹拾元壹角"] {
        assert_eq!(pages_with(&path, text), [1], "{text}");
    }
    // The name is also beside the place of the signature.
    for text in ["沈晨怡", "预览PREVIEW"] {
        assert_eq!(pages_with(&path, text), [1, 2], "{text}");
    }
    let bytes = std::fs::read(&path).expect("a PDF");
    for (keyword, label) in [("甲方盖章", "1lender"), ("乙方签字", "2borrower")] {
        let near = &pdf::find(&bytes, keyword).expect("a PDF")[0];
        let box_label = pdf::find(&bytes, label).expect("a PDF");
        assert_eq!(box_label.len(), 1, "{label}");
        assert!(
            (box_label[0].y - near.y).abs() < 80.0,
            "{label} is at {keyword}"
        );
    }
    assert_eq!(pages_with(&path, "合同专用章"), [2]);
    // Nothing else was written.
    assert!(!project.path(".treaty").exists() && !project.path("reports/latest").exists());
    let page = page(&project);
    for part in [
        "HT-2026-0001",
        "沈晨怡",
        ">C2<",
        "{{ row.姓名 }}",
        "天谷小额贷款有限公司",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(
        page.matches("data:image&#x2f;png").count() + page.matches("data:image/png").count(),
        4
    );
    assert_eq!(
        page.matches("is-overflow\">\n<td").count(),
        1,
        "the long term does not fit"
    );
    // A second preview replaces the first.
    project.expect(&["preview", "flows.loans[\"HT-2026-0002\"]"], 0);
    assert_eq!(
        files(&project, "loans"),
        ["row-3-HT-2026-0002-contract.pdf"]
    );
}

#[test]
#[cfg(unix)]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::MetadataExt as _;
    let project = Project::loans();
    project.expect(&["preview", "--png", "-o", "shown"], 0);
    for name in [
        "index.html",
        &format!("loans/{FIRST}.pdf"),
        &format!("loans/{FIRST}-p1.png"),
    ] {
        let path = project.path("shown").join(name);
        let mode = std::fs::metadata(path).expect("a file").mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn finds_texts_that_do_not_fit_in_all_rows() {
    let project = Project::loans();
    let long = "三十六个月自放款之日起算".repeat(4);
    let sheet = project.sheet();
    project.set_sheet(&sheet.replace(",2026/12/19,6866,", &format!("{long},2026/12/19,6866,")));
    let run = project.expect(&["preview"], 0);
    assert!(
        run.stdout.contains("row 4  HT-2026-0003  longest texts"),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr.contains("warning: term is wider than"),
        "{}",
        run.stderr
    );
    let page = page(&project);
    assert!(page.contains("is-overflow\">\n<td"), "the field is red");
    assert!(page.contains("loans.csv, row 4, column 期限 (H)"));
    // Only the named row is shown, and all rows are measured.
    let args = [
        "preview",
        "flows.loans[\"HT-2026-0001\"]",
        "--fail-on-overflow",
    ];
    let run = project.expect(&args, 65);
    assert!(
        run.stderr.contains("loans.csv, row 4, column 期限 (H)"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("texts that do not fit into their form fields: 1, in 1 row"),
        "{}",
        run.stderr
    );
    assert_eq!(files(&project, "loans"), [format!("{FIRST}.pdf")]);
    project.set_sheet(&sheet);
    project.expect(&["preview", "--fail-on-overflow"], 0);
}

#[test]
fn shows_the_errors_of_invalid_rows() {
    let project = Project::loans();
    let sheet = project.sheet();
    project.set_sheet(&sheet.replace("33019919860724191X", "330199198607241911"));
    let run = project.expect(&["preview"], 65);
    assert!(
        run.stderr.contains("idNo has a wrong check digit"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("1 row is invalid"), "{}", run.stderr);
    assert!(page(&project).contains("idNo has a wrong check digit"));
    let shown = files(&project, "loans");
    assert!(
        shown.len() == 1 && !shown[0].starts_with("row-2-"),
        "{shown:?}"
    );
    project.expect(&["preview", "flows.loans[\"HT-2026-0002\"]"], 0);
    project.expect(
        &[
            "preview",
            "flows.loans[\"HT-2026-0002\"]",
            "--fail-on-overflow",
        ],
        65,
    );
}

#[test]
fn suggests_similar_addresses() {
    let project = Project::loans();
    for (address, message, hint) in [
        ("flows.loan", "there is no flow loan", "flows.loans"),
        ("flows.leases", "there is no flow leases", "flows.loans"),
        (
            "flows.loans[\"HT-2026-001\"]",
            "flows.loans[\"HT-2026-001\"] matches no row",
            "flows.loans[\"HT-2026-0001\"]",
        ),
        (
            "accounts.acme",
            "is neither a flow nor an item",
            "flows.loans",
        ),
    ] {
        let run = project.expect(&["preview", address], 64);
        assert!(run.stderr.contains(message), "{}", run.stderr);
        let (_, help) = run.stderr.split_once("help:").expect("a hint");
        assert!(
            help.contains(hint) || help.contains("loans"),
            "{}",
            run.stderr
        );
    }
    assert!(!project.path("reports").exists(), "nothing was written");
    project.expect(&["preview", "--rows", "0"], 64);
}

#[test]
fn names_what_cannot_be_shown_or_placed() {
    let project = Project::loans();
    project.replace(
        "manifests/loans.yaml",
        "keyword: 甲方盖章",
        "keyword: \"{{ row.姓名 }}盖章\"",
    );
    project.replace(
        "manifests/loans.yaml",
        ", positions: [{ keyword: 乙方签字, posX: 100 }]",
        "",
    );
    let run = project.expect(&["preview"], 0);
    assert!(
        run.stderr
            .contains("signer lender: the document does not contain the text 沈晨怡盖章"),
        "{}",
        run.stderr
    );
    let path = project.path(&format!("reports/preview/loans/{FIRST}.pdf"));
    assert_eq!(pages_with(&path, "2borrower(沈晨怡):freeposition"), [2]);
    assert!(page(&project).contains("free position: the signer chooses it"));

    project.replace(
        "manifests/loans.yaml",
        "{ file: ../templates/loan.pdf, templateName: 借款合同 }",
        "{ templateId: \"0123456789abcdef\" }",
    );
    let run = project.expect(&["preview"], 0);
    assert!(
        run.stderr
            .contains("the template loan exists only at the service"),
        "{}",
        run.stderr
    );
    let page = page(&project);
    assert!(page.contains("exists only at the service") && page.contains("伍万壹仟"));
    assert!(!project.path("reports/preview/loans").exists());
}

#[test]
fn shows_all_documents_and_signers_of_a_contract() {
    let project = Project::copy_of(&root().join("examples/tenancy"));
    project.expect(&["preview", "--rows", "2"], 0);
    let first = "reports/preview/leases/row-2-ZL-2026-001";
    let lease = project.path(&format!("{first}-lease.pdf"));
    let rules = project.path(&format!("{first}-rules.pdf"));
    assert!(pages_with(&lease, "洗衣机").len() == 1, "the appended page");
    assert_eq!(pages_with(&lease, "2agent").len(), 1);
    // At the keyword and on both pages of the seam.
    assert_eq!(pages_with(&lease, "3landlord").len(), 3);
    assert_eq!(pages_with(&rules, "1tenant").len(), 1);
    assert_eq!(pages_with(&rules, "2agent").len(), 0);
    assert!(!pages_with(&rules, "预览PREVIEW").is_empty());
}
