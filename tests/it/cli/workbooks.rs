//! Sheets in Excel workbooks, from the manifest to the report.

use crate::cli::journeys::statuses;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

use crate::support::project::{Project, root};
use crate::support::workbook::workbook;

/// Returns `examples/loans` with the first rows of its sheet as cells, and a flow that reads a
/// workbook.
fn loans(rows: usize) -> (Project, Vec<Vec<String>>) {
    let project = Project::loans();
    let lines = project.sheet();
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    let cells = lines.lines().take(rows + 1).map(cells).collect();
    project.replace("manifests/loans.yaml", "../loans.csv", "../放款.xlsx");
    (project, cells)
}

#[test]
fn applies_a_workbook_and_names_the_cells_of_errors() {
    let (project, good) = loans(4);
    let mut rows = good.clone();
    // 备注 is no column of the flow.
    rows[0].push("备注".to_owned());
    for row in &mut rows[1..] {
        row.push(r#"<c t="e"><v>#N/A</v></c>"#.to_owned());
    }
    rows[2][5] = r#"<c t="e"><f>A1/0</f><v>#DIV/0!</v></c>"#.to_owned();
    rows[3][3] = "<c><v>330199200206264205</v></c>".to_owned();
    project.write("放款.xlsx", workbook("11月放款", &rows));
    for command in [&["validate"][..], &["apply", "--yes"]] {
        let run = project.expect(command, 65);
        for expected in [
            "放款.xlsx 11月放款!F3, column 金额",
            "放款.xlsx 11月放款!D4, column 身份证号",
            "format the column as text",
        ] {
            assert!(run.stderr.contains(expected), "{}", run.stderr);
        }
        assert!(!run.stderr.contains("备注"), "{}", run.stderr);
    }
    assert!(!project.was_called());

    // A column whose name is known only when a row is rendered is refused, too.
    rows[2..4].clone_from_slice(&good[2..4]);
    project.write("放款.xlsx", workbook("11月放款", &rows));
    let term = "term: \"{{ row.期限 }}";
    let indirect = [term, "{{ row['备' ~ '注'] }}"].concat();
    project.replace("manifests/loans.yaml", term, &indirect);
    let run = project.expect(&["validate"], 65);
    assert!(run.stderr.contains("has the error #N/A"), "{}", run.stderr);
    project.replace("manifests/loans.yaml", &indirect, term);

    project.expect(&["apply", "--yes"], 0);
    let report = project.report("loans.csv");
    assert_eq!(statuses(&report, "sent"), 4);
    for (row, sent) in report.iter().zip(&good[1..]) {
        let id_number = row["身份证号"].trim_start_matches('\'');
        assert_eq!(
            (row["合同号"].as_str(), id_number),
            (sent[0].as_str(), sent[3].as_str())
        );
    }
    // The same cells as text are the same rows.
    project.replace("manifests/loans.yaml", "../放款.xlsx", "../loans.csv");
    let lines: Vec<_> = good.iter().map(|cells| cells.join(",")).collect();
    project.set_sheet(&lines.join("\r\n"));
    project.expect(&["apply", "--yes"], 0);
    assert_eq!(statuses(&project.report("loans.csv"), "unchanged"), 4);
}

#[test]
fn an_error_in_a_cell_does_not_hide_the_key_of_its_row() {
    let (project, mut rows) = loans(3);
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    project.write("放款.xlsx", workbook("s", &rows));
    project.expect(&["apply", "--yes"], 0);
    rows[2][5] = r#"<c t="e"><v>#REF!</v></c>"#.to_owned();
    project.write("放款.xlsx", workbook("s", &rows));
    let run = project.run(&["apply", "--yes"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    let report = project.report("loans.csv");
    assert_eq!(report.len(), 3, "{report:?}");
    assert_eq!(report[1]["treaty_key"], rows[2][0]);
}

#[test]
fn a_title_above_the_header_is_one_error_with_the_row_to_set() {
    let (project, rows) = loans(3);
    let title = vec!["2026年11月放款清单".to_owned()];
    let titled: Vec<_> = std::iter::once(title).chain(rows).collect();
    project.write("放款.xlsx", workbook("s", &titled));
    let run = project.expect(&["validate"], 65);
    for expected in [
        "row 1 is not the header: row 2 has the names of the columns",
        "set rows.header: 2",
        "1 error was found",
    ] {
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
    project.replace(
        "manifests/loans.yaml",
        "../放款.xlsx",
        "../放款.xlsx\n      header: 2",
    );
    project.expect(&["validate"], 0);

    // A text file has the same field.
    let lines: Vec<_> = titled.iter().map(|cells| cells.join(",")).collect();
    project.set_sheet(&lines.join("\r\n"));
    project.replace("manifests/loans.yaml", "../放款.xlsx", "../loans.csv");
    project.expect(&["validate"], 0);
    // The title has fewer cells than the rows, and a column is missing.
    project.replace("manifests/loans.yaml", "header: 2", "# none");
    for sheet in [
        lines.join("\r\n"),
        lines.join("\r\n").replacen("期限", "月数", 1),
    ] {
        project.set_sheet(&sheet);
        let run = project.expect(&["validate"], 65);
        for expected in [
            "set rows.header: 2; row 1 looks like a title",
            "1 error was found",
        ] {
            assert!(run.stderr.contains(expected), "{}", run.stderr);
        }
    }
    project.set_sheet(&lines.join("\r\n"));
    project.replace("manifests/loans.yaml", "# none", "header: 2");
    project.replace("manifests/loans.yaml", "header: 2", "header: 0");
    let run = project.expect(&["validate"], 65);
    assert!(run.stderr.contains("such as 2"), "{}", run.stderr);
}

#[test]
fn names_the_fields_and_files_that_do_not_fit_together() {
    let (project, rows) = loans(1);
    project.write("放款.xlsx", workbook("s", &rows));
    project.write("~$放款.xlsx", "x");
    for (from, to, expected) in [
        ("../放款.xlsx", "../放款.xls", "save the sheet as .xlsx"),
        (
            "../放款.xlsx",
            "../放款.xlsx\n      encoding: gb18030",
            "belong to text files",
        ),
        (
            "../放款.xlsx",
            "../loans.csv\n      sheet: s",
            "a text file has no sheets",
        ),
        ("../放款.xlsx", "../~$放款.xlsx", "use 放款.xlsx"),
    ] {
        project.replace("manifests/loans.yaml", from, to);
        let run = project.expect(&["validate"], 65);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        project.replace("manifests/loans.yaml", to, from);
    }
}

/// Returns the rows of `examples/loans` as a spreadsheet has them: amounts are numbers, dates are dates.
fn example_workbook(project: &Project) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let [text, amount, date] =
        ["@", "#,##0.00", "yyyy-mm-dd"].map(|format| Format::new().set_num_format(format));
    let lines = project.sheet();
    for (line, row) in lines.lines().zip(0..) {
        for (cell, column) in line.split(',').zip(0..) {
            let is_value = row > 0;
            let number = cell.parse().ok().filter(|_: &f64| is_value && column == 5);
            let day: Vec<u16> = cell
                .split('/')
                .filter_map(|part| part.parse().ok())
                .collect();
            let written = match (number, day.as_slice()) {
                (Some(number), _) => sheet.write_number_with_format(row, column, number, &amount),
                (_, [year, month, day]) => {
                    let [month, day] =
                        [*month, *day].map(|part| u8::try_from(part).expect("a day"));
                    let day = ExcelDateTime::from_ymd(*year, month, day).expect("a date");
                    sheet.write_datetime_with_format(row, column, &day, &date)
                }
                _ => sheet.write_string_with_format(row, column, cell, &text),
            };
            written.expect("a cell");
        }
    }
    for (width, column) in [14, 10, 10, 22, 14, 14, 8, 8, 14, 10, 10]
        .into_iter()
        .zip(0..)
    {
        sheet.set_column_width(column, width).expect("a width");
    }
    sheet.set_freeze_panes(1, 0).expect("a header");
    workbook.save_to_buffer().expect("a workbook")
}

/// `UPDATE=1` writes the workbook of the example.
#[test]
fn the_workbook_of_the_example_has_the_rows_of_its_sheet() {
    let project = Project::loans();
    if std::env::var_os("UPDATE").is_some() {
        let path = root().join("examples/loans/loans.xlsx");
        std::fs::write(&path, example_workbook(&project)).expect("written");
        std::fs::copy(path, project.path("loans.xlsx")).expect("copied");
    }
    project.expect(&["apply", "--yes"], 0);
    project.replace("manifests/loans.yaml", "../loans.csv", "../loans.xlsx");
    let run = project.expect(&["plan", "--detailed-exitcode"], 0);
    assert!(run.stdout.contains("= 200 unchanged"), "{}", run.stdout);
}
