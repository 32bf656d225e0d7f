//! Projects from a PDF and a sheet (`treaty init --template --sheet`), and empty workbooks of flows
//! (`treaty sheet`).

use std::io::{Cursor, Read as _, Write as _};

use calamine::{Reader as _, Xlsx};

use crate::support::project::{Project, root};
use crate::support::workbook::workbook;

/// Returns an empty folder with the template of `examples/loans` and its sheet in both formats.
fn folder(rows: usize) -> Project {
    let project = Project::empty();
    let loans = root().join("examples/loans");
    for (from, to) in [
        ("templates/loan.pdf", "借款合同.pdf"),
        ("loans.csv", "loans.csv"),
    ] {
        let bytes = std::fs::read(loans.join(from)).expect("an example");
        project.write(to, bytes);
    }
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    let cells: Vec<Vec<String>> = project.sheet().lines().take(rows + 1).map(cells).collect();
    project.write("放款.xlsx", workbook("11月", &cells));
    project
}

const INIT: [&str; 4] = ["init", "--template", "借款合同.pdf", "--sheet"];

fn init<'a>(sheet: &'a str, others: &[&'a str]) -> Vec<&'a str> {
    [&INIT[..], &[sheet], others].concat()
}

#[test]
fn a_pdf_and_a_sheet_become_a_project() {
    let project = folder(12);
    for (sheet, flow) in [("loans.csv", "loans"), ("放款.xlsx", "放款")] {
        let run = project.expect(&init(sheet, &[flow]), 0);
        for expected in [
            "9 of 9 form fields filled",
            "\n  manifests/flow.yaml:",
            "还款账号: is it 账号尾号?",
            "lender.yaml:2",
        ] {
            assert!(run.stdout.contains(expected), "{}", run.stdout);
        }
        let manifest = project.read(&format!("{flow}/manifests/flow.yaml"));
        for expected in [
            &*format!("  {flow}:\n    rows:\n      file: \"../{sheet}\"\n"),
            "key: \"{{ row.合同号 }}\"\n",
            "where: \"{{ row.状态 == '已批准' }}\" # check: ",
            "thirdId: \"{{ row.客户号 }}\"\n",
            "mobile: \"{{ row.手机号 }}\"\n",
            "contractNo: \"{{ key }}\"\n",
            "borrower: \"{{ row.姓名 }}\"\n",
            "amount: \"{{ row.金额 | money }}\"\n",
            "amountUpper: \"{{ row.金额 | rmb }}\"\n",
            "startDate: \"{{ row.起息日 | date('%Y年%m月%d日') }}\"\n",
            "positions: [{ keyword: 甲方盖章, posX: 100 }]\n",
            "positions: [{ keyword: 乙方签字, posX: 100 }]\n",
        ] {
            assert!(manifest.contains(expected), "{expected}\n{manifest}");
        }
        let run = project.expect(&["-p", flow, "validate"], 0);
        assert!(
            run.stdout.ends_with("0 warnings\n"),
            "{}\n{}",
            run.stdout,
            run.stderr
        );
        project.expect(&["-p", flow, "plan", "--detailed-exitcode"], 2);
        assert!(
            project
                .path(flow)
                .join(".treaty/schema/manifest.json")
                .is_file()
        );
        let original = std::fs::read(project.path(sheet)).expect("a sheet");
        assert_eq!(
            std::fs::read(project.path(flow).join(sheet)).expect("its copy"),
            original
        );
        let run = project.expect(&init(sheet, &[flow]), 64);
        assert!(run.stderr.contains("is not empty"), "{}", run.stderr);
    }
    project.expect(&["-p", "放款", "apply", "--yes"], 0);
    project.expect(&["-p", "放款", "plan", "--detailed-exitcode"], 0);
}

#[test]
fn a_single_argument_is_the_folder_and_gives_the_project_its_name() {
    let project = Project::empty();
    for (args, folder, name) in [
        (&["init", "my-loans"][..], "my-loans", "my-loans"),
        (&["init", "放款"], "放款", "放款"),
        (
            &["init", "loan", "2026: 放款 #1"],
            "2026: 放款 #1",
            "2026: 放款 #1",
        ),
        (&["init", "organization", "公司"], "公司", "公司"),
    ] {
        project.expect(args, 0);
        let status = project.expect(&["-p", folder, "status", "--format", "json"], 0);
        let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
        assert_eq!(status["project"], name);
        project.expect(&["-p", folder, "validate"], 0);
        let ignored = project.read(&format!("{folder}/.gitignore"));
        for pattern in [".treaty/", "reports/", "signed/", "*.xlsx", "*.csv"] {
            assert!(ignored.lines().any(|line| line == pattern), "{pattern}");
        }
    }
    let sheet = std::fs::read(project.path("my-loans/loans.csv")).expect("a sheet");
    assert!(sheet.starts_with("\u{feff}合同号".as_bytes()));
    project.write("full/notes.txt", "");
    project.write("cloned/.git/HEAD", "");
    project.expect(&["init", "cloned"], 0);
    for folder in ["full", "my-loans"] {
        let run = project.expect(&["init", folder], 64);
        let expected = format!("the folder {folder} is not empty");
        assert!(run.stderr.contains(&expected), "{}", run.stderr);
        assert!(
            run.stderr.contains("help: name a new folder"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn reads_a_sheet_with_a_title_odd_names_and_values() {
    let project = folder(0);
    let rows = [
        vec!["2026年11月 放款清单"],
        vec![
            "借款合同 编号",
            "客户\n姓名",
            "\"证件\"",
            "联系电话",
            "放款 金额（元）",
            "放款日期",
            "备注",
        ],
        vec![
            "HT-1",
            "沈晨怡",
            "11010519491231002x",
            "135 0000 0001",
            "5,000.00",
            "2026.11.4",
            "a",
        ],
        vec![
            "HT-2",
            "郭丽",
            "371500198101175693",
            "+86 13500000002",
            "",
            "",
            "b",
        ],
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|cells| cells.iter().map(|cell| (*cell).to_owned()).collect())
        .collect();
    project.write("x.xlsx", workbook("s", &rows));
    let run = project.expect(&init("x.xlsx", &["new"]), 0);
    for expected in [
        "idNo: is it \"证件\"?",
        "the form field annualRate",
        "not used: 备注",
    ] {
        assert!(run.stdout.contains(expected), "{}", run.stdout);
    }
    let manifest = project.read("new/manifests/flow.yaml");
    for expected in [
        "header: 2 #",
        r#"key: "{{ row['借款合同 编号'] }}""#,
        r#"name: "{{ row['客户\n姓名'] }}""#,
        r#"idNo: "{{ row['\"证件\"'] | upper }}" # check: "#,
        r#"mobile: "{{ (row.联系电话 | digits)[-11:] }}" # check: "#,
        r#"amount: "{{ row['放款 金额（元）'] | money if row['放款 金额（元）'] else '' }}""#,
        "thirdId: \"{{ key }}\" # check: ",
        "# check: no column for this form field: annualRate: ",
    ] {
        assert!(manifest.contains(expected), "{expected}\n{manifest}");
    }
    project.expect(&["-p", "new", "validate"], 0);
}

#[test]
fn names_the_input_that_cannot_become_a_project() {
    let project = folder(1);
    for (from, to) in [
        ("examples/tenancy/annexes/rules.pdf", "plain.pdf"),
        ("tests/data/locked.pdf", "locked.pdf"),
    ] {
        project.write(to, std::fs::read(root().join(from)).expect("a PDF"));
    }
    let rows = project.sheet();
    let (_, rows) = rows.split_once('\n').expect("rows");
    project.write("no-header.csv", rows);
    project.write("empty.csv", "");
    project.write("old.xls", "x");
    project.write("people.csv", "合同号,金额\nHT-1,5\n");
    project.write("full/x", "");
    for (args, code, expected) in [
        (
            ["plain.pdf", "loans.csv", "new"],
            65,
            "plain.pdf has no form fields",
        ),
        (
            ["locked.pdf", "loans.csv", "new"],
            65,
            "the PDF is encrypted",
        ),
        (["loans.csv", "loans.csv", "new"], 65, "not a readable PDF"),
        (
            ["nosuch.pdf", "loans.csv", "new"],
            65,
            "cannot read nosuch.pdf",
        ),
        (
            ["借款合同.pdf", "nosuch.csv", "new"],
            65,
            "there is no such file",
        ),
        (
            ["借款合同.pdf", "no-header.csv", "new"],
            65,
            "row 1 of the sheet has values",
        ),
        (
            ["借款合同.pdf", "empty.csv", "new"],
            65,
            "the sheet is empty",
        ),
        (
            ["借款合同.pdf", "old.xls", "new"],
            65,
            "save the sheet as .xlsx",
        ),
        (
            ["借款合同.pdf", "people.csv", "new"],
            65,
            "no column was found with the name of the person",
        ),
        (
            ["借款合同.pdf", "loans.csv", "full"],
            64,
            "the folder full is not empty",
        ),
        (
            ["借款合同.pdf", "loans.csv", "loans.csv"],
            64,
            "cannot be used as a folder",
        ),
    ] {
        let [template, sheet, folder] = args;
        let run = project.expect(
            &["init", "--template", template, "--sheet", sheet, folder],
            code,
        );
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
        assert!(
            run.stderr.contains("help: ") || run.stderr.contains("no such file"),
            "{}",
            run.stderr
        );
        assert!(!project.path("new").exists(), "{args:?}");
    }
    let run = project.expect(&init("loans.csv", &["loan", "new"]), 64);
    assert!(
        run.stderr.contains("a starter cannot be combined"),
        "{}",
        run.stderr
    );
    let run = project.expect(&init("放款.xlsx", &["new", "--sheet-name", "12月"]), 65);
    assert!(
        run.stderr.contains("the workbook has no sheet 12月"),
        "{}",
        run.stderr
    );
    project.expect(&init("放款.xlsx", &["new", "--sheet-name", "11月"]), 0);
    assert!(
        project
            .read("new/manifests/flow.yaml")
            .contains("sheet: \"11月\"\n")
    );
    project.expect(&["-p", "new", "validate"], 0);
}

/// Returns a part of a workbook.
fn part(workbook: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).expect("a workbook");
    let mut text = String::new();
    let part = archive.by_name(name);
    part.expect(name).read_to_string(&mut text).expect("UTF-8");
    text
}

/// Returns a workbook with rows of text below its header.
fn filled(workbook: &[u8], rows: &[Vec<&str>]) -> Vec<u8> {
    let row = |(cells, row): (&Vec<&str>, u32)| {
        let cells = cells.iter();
        let cells: Vec<String> = cells
            .map(|cell| format!("<c t=\"inlineStr\"><is><t>{cell}</t></is></c>"))
            .collect();
        format!("<row r=\"{row}\">{}</row>", cells.concat())
    };
    let data: Vec<String> = rows.iter().zip(2..).map(row).collect();
    let data = data.concat();
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).expect("a workbook");
    let mut copy = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).expect("a part");
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).expect("read");
        let name = part.name().expect("a name").into_owned();
        if name == "xl/worksheets/sheet1.xml" {
            let text = String::from_utf8(bytes).expect("UTF-8");
            bytes = text
                .replace("</sheetData>", &(data.clone() + "</sheetData>"))
                .into_bytes();
        }
        let options = zip::write::SimpleFileOptions::default();
        copy.start_file(name, options).expect("a part");
        copy.write_all(&bytes).expect("written");
    }
    copy.finish().expect("a workbook").into_inner()
}

#[test]
fn writes_an_empty_workbook_that_can_be_filled_in() {
    let project = Project::loans();
    project.replace(
        "manifests/loans.yaml",
        "{{ row.年利率 }}",
        "{{ row.年利率 or '' }}",
    );
    let run = project.expect(&["sheet", "-o", "新.xlsx"], 0);
    for expected in [
        "新.xlsx: 11 columns, 10 of them required",
        "rows.file instead of loans.csv (manifests/loans.yaml:9)",
    ] {
        assert!(run.stdout.contains(expected), "{}", run.stdout);
    }
    assert!(!project.path(".treaty").exists(), "no ledger is written");
    let bytes = std::fs::read(project.path("新.xlsx")).expect("a workbook");
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(&bytes[..])).expect("a workbook");
    assert_eq!(workbook.sheet_names(), ["loans"]);
    let range = workbook.worksheet_range("loans").expect("a sheet");
    let header: Vec<String> = range
        .rows()
        .next()
        .expect("a header")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        header.join(","),
        "合同号,客户号,姓名,身份证号,手机号,金额,年利率,期限,起息日,账号尾号,状态"
    );
    assert_eq!(range.height(), 1, "no example can be sent");
    let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
    for expected in [
        "state=\"frozen\"",
        "type=\"textLength\" operator=\"equal\"",
        "<formula1>18</formula1>",
        "<formula1>11</formula1>",
        "type=\"custom\"",
        "type=\"date\"",
        "type=\"list\"",
        "\"已批准\"",
    ] {
        assert!(sheet.contains(expected), "{expected}: {sheet}");
    }
    let notes = part(&bytes, "xl/comments1.xml");
    for expected in [
        "必填 Required",
        "可留空 Optional",
        "11010519491231002X",
        "form field annualRate",
    ] {
        assert!(notes.contains(expected), "{expected}: {notes}");
    }

    // The sheet of the example fits into the workbook.
    let text = project.sheet();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let names = rows.headers().expect("a header").clone();
    let records: Vec<_> = rows.records().map(|row| row.expect("a row")).collect();
    let position = |name: &String| {
        names
            .iter()
            .position(|other| other == name)
            .expect("a column")
    };
    let cells = |record: &csv::StringRecord| {
        header
            .iter()
            .map(|name| record[position(name)].to_owned())
            .collect()
    };
    let cells: Vec<Vec<String>> = records.iter().map(cells).collect();
    let cells: Vec<Vec<&str>> = cells
        .iter()
        .map(|row| row.iter().map(String::as_str).collect())
        .collect();
    project.write("新.xlsx", filled(&bytes, &cells));
    project.replace("manifests/loans.yaml", "../loans.csv", "../新.xlsx");
    let run = project.expect(&["validate"], 0);
    assert!(
        run.stdout.contains("1 flow with 200 rows; 0 warnings"),
        "{}",
        run.stdout
    );

    // The filled sheet is never replaced.
    for force in [&[][..], &["--force"]] {
        let run = project.expect(&[&["sheet", "-o", "新.xlsx"], force].concat(), 64);
        let why = "新.xlsx is the sheet of the flow";
        assert!(run.stderr.contains(why), "{}", run.stderr);
    }
    project.write("other.xlsx", "");
    let run = project.expect(&["sheet", "flows.loans", "-o", "other.xlsx"], 64);
    let why = "other.xlsx exists already";
    assert!(run.stderr.contains(why), "{}", run.stderr);
    project.expect(&["sheet", "-o", "other.xlsx", "--force"], 0);
    std::fs::remove_file(project.path("新.xlsx")).expect("removed");
    let run = project.expect(&["sheet", "-o", "新.xlsx"], 0);
    assert!(
        run.stdout
            .contains("next: fill it in, then run treaty validate"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_workbook_has_the_sheet_the_header_and_the_lists_of_its_flow() {
    let project = Project::loans();
    std::fs::remove_file(project.path("loans.xlsx")).expect("removed");
    for (from, to) in [
        (
            "file: ../loans.csv",
            "file: ../放款.xlsx\n      sheet: 12月\n      header: 3",
        ),
        ("idType: resident-id", "idType: \"{{ row.证件类型 }}\""),
        (
            "term: \"{{ row.期限 }}\"",
            "term: \"{{ {'12': '一年', '36': '三年'}[row.期限] }}\"",
        ),
    ] {
        project.replace("manifests/loans.yaml", from, to);
    }
    let run = project.expect(&["sheet"], 0);
    assert!(
        run.stdout
            .contains("save it as 放款.xlsx (manifests/loans.yaml:9)"),
        "{}",
        run.stdout
    );
    let bytes = std::fs::read(project.path("loans.xlsx")).expect("a workbook");
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(&bytes[..])).expect("a workbook");
    let range = workbook.worksheet_range("12月").expect("a sheet");
    assert_eq!(
        range.get_value((2, 0)).map(ToString::to_string),
        Some("合同号".to_owned())
    );
    let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
    assert!(
        sheet.contains("passport,military-id") && sheet.contains("\"12,36\""),
        "{sheet}"
    );
    assert!(
        !sheet.contains("<formula1>18</formula1>"),
        "a passport has another length"
    );

    for (args, expected) in [
        (&["sheet", "laons"][..], "did you mean loans?"),
        (&["sheet", "-o", "x.csv"], "let the name end with .xlsx"),
    ] {
        let run = project.expect(args, 64);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
    let run = Project::copy_of(&root().join("examples/onboarding")).expect(&["sheet"], 64);
    assert!(
        run.stderr.contains("the project declares no flow"),
        "{}",
        run.stderr
    );
}
