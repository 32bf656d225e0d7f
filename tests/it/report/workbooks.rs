//! Reports as workbooks, and workbooks of reports as the sheet.

use std::collections::BTreeMap;

use crate::support::project::Project;
use crate::support::workbook::{edited, parts, read};

/// Returns `examples/loans` with 4 rows, of which one has a wrong id, and its correct id. All formats
/// of tables are written.
fn loans() -> (Project, String) {
    let project = Project::loans();
    let lines: Vec<String> = project.sheet().lines().take(5).map(str::to_owned).collect();
    let mut cells: Vec<&str> = lines[2].split(',').collect();
    let good = cells[3].to_owned();
    let last = if good.ends_with('X') { "1" } else { "X" };
    let wrong = [&good[..17], last].concat();
    cells[3] = &wrong;
    let changed = cells.join(",");
    let sheet = [&*lines[0], &*lines[1], &*changed, &*lines[3], &*lines[4]].join("\n");
    project.set_sheet(&sheet);
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    let settings = project.read("treaty.yaml");
    let settings = [&*settings, "reports: { formats: [csv, xlsx] }\n"].concat();
    project.write("treaty.yaml", settings);
    (project, good)
}

#[test]
fn workbooks_have_the_cells_of_the_csv_reports() {
    let (project, _) = loans();
    project.expect(&["apply", "--yes"], 3);
    let path = project.path("reports/latest/loans.xlsx");
    assert_eq!(
        read(&path, None),
        project.report("loans.csv").map_protected()
    );
    let failed = project.report("loans.failed.csv").map_protected();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["treaty_row"], "3");
    assert_eq!(read(&path, Some("failed")), failed);
    let failed_path = project.path("reports/latest/loans.failed.xlsx");
    assert_eq!(read(&failed_path, None), failed);
    let bytes = std::fs::read(&path).expect("a workbook");
    let all = parts(&bytes);
    for (name, text) in &all {
        assert!(
            !text.contains("<f>") && !text.contains("<hyperlink"),
            "{name}"
        );
    }
    let strings = &all["xl/sharedStrings.xml"];
    for expected in ["acme-lending", "sandbox", "Meaning"] {
        assert!(strings.contains(expected), "{expected}: {strings}");
    }
    // The wrong cell has a note with the reason.
    let bytes = std::fs::read(&failed_path).expect("a workbook");
    let notes = &parts(&bytes)["xl/comments1.xml"];
    assert!(
        notes.contains(r#"ref="D2""#) && notes.contains("check digit"),
        "{notes}"
    );
    #[cfg(unix)]
    for path in [path, failed_path] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn the_keys_of_rows_with_the_same_key_are_coloured_and_have_notes() {
    let (project, good) = loans();
    let key = "HT-2026-0004";
    let wrong = project.sheet().lines().nth(2).expect("a row").to_owned();
    let wrong = wrong.split(',').nth(3).expect("an id").to_owned();
    let sheet = project.sheet().replace(&wrong, &good);
    project.set_sheet(&sheet.replace("HT-2026-0003", key));
    project.expect(&["apply", "--yes"], 3);
    let path = project.path("reports/latest/loans.failed.xlsx");
    let bytes = std::fs::read(path).expect("a workbook");
    let notes = &parts(&bytes)["xl/comments1.xml"];
    for cell in [r#"ref="A2""#, r#"ref="A3""#, "have the same key"] {
        assert!(notes.contains(cell), "{cell}: {notes}");
    }
}

#[test]
fn a_corrected_workbook_of_failed_rows_is_a_sheet() {
    let (project, good) = loans();
    let sheet = project.sheet();
    project.expect(&["apply", "--yes"], 3);
    let row = &project.report("loans.failed.csv")[0];
    let wrong = row["身份证号"].trim_start_matches('\'').to_owned();
    let failed =
        std::fs::read(project.path("reports/latest/loans.failed.xlsx")).expect("a workbook");
    project.write("更正.xlsx", edited(&failed, &wrong, &good));
    project.replace("manifests/loans.yaml", "../loans.csv", "../更正.xlsx");
    let run = project.expect(&["apply", "--yes"], 0);
    assert!(run.stdout.contains("flows.loans  1 sent"), "{}", run.stdout);
    assert!(!project.path("reports/latest/loans.failed.xlsx").exists());
    let report = read(&project.path("reports/latest/loans.xlsx"), None);
    assert_eq!(report[0]["身份证号"], good);
    assert!(
        !report[0].contains_key("treaty_row"),
        "columns of the earlier report are left out"
    );
    // The corrected sheet has nothing left to send, nor has the workbook of all rows.
    project.replace("manifests/loans.yaml", "../更正.xlsx", "../loans.csv");
    project.set_sheet(&sheet.replace(&wrong, &good));
    project.expect(&["plan", "--detailed-exitcode"], 0);
    project.expect(&["report"], 0);
    let results = std::fs::read(project.path("reports/latest/loans.xlsx")).expect("a workbook");
    project.write("全部.xlsx", results);
    project.replace("manifests/loans.yaml", "../loans.csv", "../全部.xlsx");
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn a_chinese_report_is_a_sheet_like_an_english_one() {
    let (project, good) = loans();
    project.expect(&["apply", "--yes", "--lang", "zh"], 3);
    let failed = project.report("loans.failed.csv");
    let row = &failed[0];
    assert_eq!((&*row["treaty_状态"], &*row["treaty_行号"]), ("失败", "3"));
    assert!(!row["treaty_键"].is_empty());
    let titles = row.keys().filter(|title| title.starts_with("treaty_"));
    assert!(titles.clone().all(|title| !title.is_ascii()));
    let wrong = row["身份证号"].trim_start_matches('\'').to_owned();
    let all = project.path("reports/latest/loans.xlsx");
    let results = read(&all, Some("结果"));
    assert_eq!(results[0]["treaty_状态"], "已发送");
    assert_eq!(results[0]["treaty_borrower_状态"], "待签署");
    assert_eq!(read(&all, Some("失败")).len(), 1);
    // The workbook and the table of failed rows are sheets: one row is sent, with its correction.
    let book = std::fs::read(project.path("reports/latest/loans.failed.xlsx")).expect("a workbook");
    let results = std::fs::read(&all).expect("a workbook");
    project.write("更正.xlsx", edited(&book, &wrong, &good));
    project.replace("manifests/loans.yaml", "../loans.csv", "../更正.xlsx");
    let run = project.expect(&["apply", "--yes"], 0);
    assert!(run.stdout.contains("flows.loans  1 sent"), "{}", run.stdout);
    let report = read(&project.path("reports/latest/loans.xlsx"), None);
    assert!(report[0].keys().all(|title| title != "treaty_行号"));
    // The workbook of all rows, also if the manifest names its worksheet in the other language.
    project.write("全部.xlsx", edited(&results, &wrong, &good));
    for sheet in ["", "\n      sheet: results"] {
        let rows = format!("file: ../全部.xlsx{sheet}");
        let manifest = project.read("manifests/loans.yaml");
        project.replace("manifests/loans.yaml", "file: ../更正.xlsx", &rows);
        project.expect(&["plan", "--detailed-exitcode"], 0);
        project.write("manifests/loans.yaml", manifest);
    }
}

#[test]
fn a_changed_number_of_a_chinese_report_is_found() {
    for lang in ["en", "zh"] {
        let (project, good) = loans();
        // A wrong id number of digits only, which a spreadsheet takes for a number.
        let last = if good.ends_with('1') { "2" } else { "1" };
        let sheet = project.sheet();
        let (start, _) = good.split_at(17);
        let at = sheet.find(start).expect("the id number");
        let wrong = [&sheet[..at + 17], last, &sheet[at + 18..]].concat();
        project.set_sheet(&wrong);
        project.expect(&["apply", "--yes", "--lang", lang], 3);
        let text = std::fs::read_to_string(project.path("reports/latest/loans.failed.csv"));
        let text = text.expect("a table");
        // The spreadsheet has rounded it.
        let row = &project.report("loans.failed.csv")[0];
        let protected = &row["身份证号"];
        let digits = protected.trim_start_matches('\'');
        let rounded = format!("{}000", &digits[..15]);
        project.write("更正.csv", text.replace(protected, &rounded));
        project.replace("manifests/loans.yaml", "../loans.csv", "../更正.csv");
        let run = project.expect(&["validate"], 65);
        assert!(
            run.stderr.contains("a spreadsheet has changed this number"),
            "{lang}: {}",
            run.stderr
        );
        let column = if lang == "zh" {
            "treaty_校验"
        } else {
            "treaty_check"
        };
        let hint = format!("clear {column} in this row");
        assert!(run.stderr.contains(&hint), "{lang}: {}", run.stderr);
    }
}

#[test]
fn a_workbook_that_cannot_be_written_is_an_error() {
    let (project, _) = loans();
    project.expect(&["apply", "--yes"], 3);
    let path = project.path("reports/latest/loans.xlsx");
    std::fs::remove_file(&path).expect("removed");
    std::fs::create_dir(&path).expect("a folder");
    let run = project.expect(&["report"], 1);
    assert!(
        run.stderr.contains("loans.xlsx cannot be written"),
        "{}",
        run.stderr
    );
    let files = std::fs::read_dir(project.path("reports/latest")).expect("a folder");
    for file in files {
        let name = file.expect("a file").file_name();
        assert!(!name.to_string_lossy().ends_with(".part"), "{name:?}");
    }
}

trait Protected {
    /// Removes the apostrophes of protected cells.
    fn map_protected(self) -> Self;
}

impl Protected for Vec<BTreeMap<String, String>> {
    fn map_protected(mut self) -> Self {
        for text in self.iter_mut().flat_map(BTreeMap::values_mut) {
            if let Some(rest) = text.strip_prefix('\'') {
                *text = rest.to_owned();
            }
        }
        self
    }
}
