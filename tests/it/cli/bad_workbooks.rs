//! Files that are no workbook, or one that cannot be used: each has its own message and hint.

use crate::support::project::{Project, root};
use crate::support::workbook::{archive, workbook};

const LOANS: &str = "manifests/loans.yaml";

/// Returns a project whose flow reads this file.
fn with_file(name: &str, bytes: &[u8]) -> Project {
    let project = Project::loans();
    project.write(name, bytes);
    project.replace(LOANS, "../loans.csv", &format!("../{name}"));
    project
}

/// Returns the header and the first rows of the example.
fn cells() -> Vec<Vec<String>> {
    let sheet = Project::loans().sheet();
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    sheet.lines().take(4).map(cells).collect()
}

/// Checks that `validate` finds one error, and says all of these texts.
fn refused(project: &Project, told: &[&str]) {
    let run = project.expect(&["validate"], 65);
    for text in told.iter().chain(&["error: 1 error was found", "help: "]) {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
}

#[test]
fn names_files_that_are_no_workbook() {
    let data = |name: &str| std::fs::read(root().join("tests/data").join(name)).expect("a file");
    let good = workbook("s", &cells());
    let half = &good[..good.len() / 2];
    let unfinished = &good[..good.len() - 10];
    let zeros = [half, &vec![0; good.len() - half.len()]].concat();
    let document = archive(&[("content.xml", "<document/>".to_owned())]);
    for (name, bytes, told) in [
        (
            "放款.xlsx",
            &*data("password.xlsx"),
            ["protected by a password", "save it without"],
        ),
        (
            "放款.xlsx",
            &*data("old.xls"),
            ["of an older format, such as .xls", "save it as .xlsx"],
        ),
        (
            "放款.csv",
            &*data("old.xls"),
            ["(.xls, or one with a password)", "as CSV UTF-8"],
        ),
        (
            "放款.csv",
            &good,
            ["is an Excel workbook", "ends with .xlsx"],
        ),
        (
            "放款.xlsx",
            b"a,b\r\n1,2\r\n",
            ["not a workbook, although", "ends with .csv"],
        ),
        (
            "放款.xlsx",
            &document,
            ["an archive, but not an .xlsx workbook", "save it as .xlsx"],
        ),
        (
            "放款.xlsx",
            half,
            ["incomplete: its end is missing", "wait until"],
        ),
        (
            "放款.xlsx",
            unfinished,
            ["incomplete: its end is missing", "download it again"],
        ),
        (
            "放款.xlsx",
            &zeros,
            ["incomplete: its end is missing", "wait until"],
        ),
        (
            "放款.xlsx",
            b"",
            ["the file is empty", "may not have ended"],
        ),
        (
            "~$放款.xlsx",
            b"x",
            ["the lock file of a spreadsheet program", "use 放款.xlsx"],
        ),
    ] {
        refused(&with_file(name, bytes), &told);
    }
}

/// Returns a workbook with properties and the XML of its rows. Style 1 is that of a date.
fn book(properties: &str, rows: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    archive(&[
        (
            "_rels/.rels",
            format!(
                r#"<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr {properties}/><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                r#"<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>"#),
        ),
    ])
}

#[test]
fn refuses_archives_that_fill_the_memory() {
    let rows = |row: &str, count: usize| book("", &row.repeat(count));
    let bomb = rows("<row></row>", 8_000_000);
    assert!(bomb.len() < 600_000);
    refused(
        &with_file("放款.xlsx", &bomb),
        &["its unpacked size is more than 64 MiB"],
    );
    let far = rows(r#"<row r="1048577"></row>"#, 1);
    refused(&with_file("放款.xlsx", &far), &["more than 1,048,576 rows"]);
}

#[test]
fn any_error_of_a_formula_is_an_error_at_its_cell() {
    let mut rows = cells();
    for (row, error) in [(1, "#SPILL!"), (2, "#GETTING_DATA"), (3, "#N/A")] {
        rows[row][5] = format!(r#"<c r="@" t="e"><v>{error}</v></c>"#);
    }
    // A column that the flow does not use.
    rows[0].push("备注".to_owned());
    rows[1].push(r#"<c r="@" t="e"><v>#CALC!</v></c>"#.to_owned());
    rows[2].push("x".to_owned());
    let project = with_file("放款.xlsx", &workbook("s", &rows));
    let run = project.expect(&["validate"], 65);
    for (cell, error) in [("F2", "#SPILL!"), ("F3", "#GETTING_DATA"), ("F4", "#N/A")] {
        let message = format!("the formula of this cell has the error {error}");
        let place = format!("放款.xlsx s!{cell}, column 金额");
        assert!(run.stderr.contains(&message), "{}", run.stderr);
        assert!(run.stderr.contains(&place), "{}", run.stderr);
    }
    assert!(run.stderr.contains("error: 3 errors"), "{}", run.stderr);
}

#[test]
fn names_the_sheet_and_the_row_that_have_no_header() {
    let good = workbook("11月放款", &cells());
    for (bytes, field, told) in [
        (
            &good,
            "sheet: 11月放宽",
            ["has no sheet 11月放宽", "did you mean 11月放款?"],
        ),
        (
            &good,
            "header: 99",
            [
                "rows.header is 99, but the last row of the sheet is 4",
                "放款.xlsx 11月放款, row 99",
            ],
        ),
        (
            &workbook("s", &[]),
            "header: 1",
            [
                "rows.header is 1, but the last row of the sheet is 0",
                "放款.xlsx s, row 1",
            ],
        ),
        (
            &workbook("s", &[]),
            "# none",
            ["the sheet is empty", "放款.xlsx s, row 1"],
        ),
    ] {
        let project = with_file("放款.xlsx", bytes);
        project.replace(LOANS, "放款.xlsx\n", &format!("放款.xlsx\n      {field}\n"));
        refused(&project, &told);
    }
    let project = Project::loans();
    project.replace(LOANS, "loans.csv\n", "loans.csv\n      header: 999\n");
    refused(
        &project,
        &["rows.header is 999, but the last row of the sheet is 201"],
    );
    let mut twice = cells();
    twice[0][10] = twice[0][0].clone();
    let project = with_file("放款.xlsx", &workbook("s", &twice));
    refused(
        &project,
        &["contains the column 合同号 twice", "放款.xlsx s!K1"],
    );
}

#[test]
fn reads_dates_of_both_calendars_and_refuses_those_that_do_not_exist() {
    let dated = |properties: &str, day: &str| {
        let rows = cells()
            .into_iter()
            .take(2)
            .enumerate()
            .map(|(number, row)| {
                let row = row
                    .iter()
                    .enumerate()
                    .map(|(column, text)| match (number, column) {
                        (1, 8) => format!(r#"<c s="1"><v>{day}</v></c>"#),
                        _ => format!(r#"<c t="inlineStr"><is><t>{text}</t></is></c>"#),
                    });
                format!("<row>{}</row>", row.collect::<String>())
            });
        let project = with_file("放款.xlsx", &book(properties, &rows.collect::<String>()));
        project.replace(LOANS, "{{ row.合同号 }}", "{{ row.起息日 }}");
        project
    };
    for (properties, day, date) in [
        ("", "46332", "2026-11-06"),
        (r#"date1904="1""#, "44870", "2026-11-06"),
        ("", "59", "1900-02-28"),
        ("", "61", "1900-03-01"),
    ] {
        let run = dated(properties, day).expect(&["plan"], 0);
        assert!(run.stdout.contains(date), "{day}: {}", run.stdout);
    }
    for (day, told) in [
        ("60", "1900-02-29 is not a date"),
        ("-5", "the date of this cell is before 1900"),
        ("2958466", "the date of this cell is after 9999"),
    ] {
        refused(&dated("", day), &[told, "s!I2, column 起息日"]);
    }
}

#[test]
fn a_formula_that_was_never_computed_is_an_error_at_its_cell() {
    let mut rows = cells();
    rows[1][8] = r#"<c r="@"><f>TODAY()</f></c>"#.to_owned();
    let project = with_file("放款.xlsx", &workbook("s", &rows));
    refused(
        &project,
        &["a formula that was never computed", "s!I2, column 起息日"],
    );
}
