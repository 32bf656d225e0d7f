//! The correction loop: `<flow>.failed.csv` is opened in a spreadsheet, corrected, saved and given back.

use crate::support::project::Project;
use crate::support::workbook::workbook;

/// Returns a project whose second row has failed, with its table of failed rows. The row has an account
/// number with a leading zero, a term like a number in scientific notation, and a wrong mobile.
fn failed() -> (Project, String) {
    let project = Project::loans();
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    let sheet = project.sheet();
    let lines: Vec<&str> = sheet.lines().take(4).collect();
    let bad = lines[2]
        .replace("13500000002", "135")
        .replace(",12,", ",12E5,")
        .replace(",7719,", ",0701,");
    project.set_sheet(&[lines[0], lines[1], &bad, lines[3]].join("\r\n"));
    project.expect(&["apply", "--yes"], 3);
    let table = project.read("reports/latest/loans.failed.csv");
    (project, table.replace(",135,", ",13500000002,"))
}

#[test]
fn a_corrected_table_of_failed_rows_is_sent_with_its_numbers() {
    let (project, corrected) = failed();
    for number in ["'330199198308223359", "'0701", "'12E5"] {
        assert!(corrected.contains(number), "{corrected}");
    }
    project.write("loans.csv", corrected);
    project.expect(&["apply", "--yes"], 0);
    let row = &project.report("loans.csv")[0];
    assert_eq!(row["身份证号"], "'330199198308223359");
    assert_eq!((&*row["账号尾号"], &*row["期限"]), ("'0701", "'12E5"));
}

#[test]
fn a_number_that_a_spreadsheet_changed_is_an_error_at_its_cell() {
    for (written, returned, column) in [
        ("'0701", "701", "账号尾号"),
        ("'12E5", "1200000", "期限"),
        ("'12E5", "1.20E+06", "期限"),
        ("'330199198308223359", "3.30199E+17", "身份证号"),
        ("'330199198308223359", "330199198308223000", "身份证号"),
    ] {
        let (project, corrected) = failed();
        assert!(corrected.contains(written), "{corrected}");
        project.write("loans.csv", corrected.replace(written, returned));
        project.replace("treaty.yaml", "invalidRows: skip", "invalidRows: refuse");
        let run = project.expect(&["apply", "--yes"], 65);
        let place = format!("loans.csv, row 2, column {column}");
        assert!(run.stderr.contains(&place), "{}", run.stderr);
        assert!(run.stderr.contains("a spreadsheet"), "{}", run.stderr);
    }
}

#[test]
fn a_changed_number_stays_an_error_in_the_next_table() {
    let (project, corrected) = failed();
    project.write("loans.csv", corrected.replace("'0701", "701"));
    project.expect(&["apply", "--yes"], 3);
    let again = project.read("reports/latest/loans.failed.csv");
    project.write("loans.csv", &again);
    project.expect(&["apply", "--yes"], 3);
    project.write("loans.csv", again.replace(",701,", ",0701,"));
    project.expect(&["apply", "--yes"], 0);
}

#[test]
fn a_number_that_was_right_is_accepted_without_its_check_values() {
    let (project, corrected) = failed();
    let lines: Vec<String> = corrected
        .replace("'0701", "701")
        .lines()
        .map(|line| match line.rsplit_once(',') {
            Some((rest, check)) if check.starts_with(['k', 'n']) => format!("{rest},"),
            _ => line.to_owned(),
        })
        .collect();
    project.write("loans.csv", lines.join("\r\n"));
    project.expect(&["apply", "--yes"], 0);
}

/// A report has no cells of a row that differs from what was sent. Given back as the sheet, such a line
/// must not count as left out.
#[test]
fn a_line_of_a_report_without_cells_is_an_error() {
    let project = crate::cli::state::few(3);
    project.expect(&["apply", "--yes"], 0);
    let sheet = project.sheet();
    let line = sheet.lines().nth(2).expect("a row").to_owned();
    let cells: Vec<&str> = line.split(',').collect();
    project.set_sheet(&sheet.replacen(cells[5], "1.00", 1));
    project.expect(&["apply", "--yes"], 3);
    let report = project.read("reports/latest/loans.csv");
    project.write("loans.csv", report);
    let run = project.expect(&["apply", "--yes"], 65);
    let message = "the report has no cells of the row with the key HT-2026-0002";
    assert!(run.stderr.contains(message), "{}", run.stderr);
}

/// The manifest describes the original sheet. A report that is given back has its header in row 1, and
/// another encoding, delimiter and name of the sheet.
#[test]
fn a_returned_report_is_read_as_what_it_is() {
    let project = Project::loans();
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    project.replace(
        "treaty.yaml",
        "project:",
        "reports: { formats: [csv, xlsx] }\nproject:",
    );
    let sheet = project.sheet();
    let lines: Vec<&str> = sheet.lines().take(4).collect();
    let bad = lines[2].replace("13500000002", "135");
    let rows = ["11月 放款清单", lines[0], lines[1], &bad, lines[3]];
    let file = "file: ../loans.csv";
    let original =
        "file: ../loans.csv\n      header: 2\n      encoding: gb18030\n      delimiter: \";\"";
    project.replace("manifests/loans.yaml", file, original);
    project.set_sheet(&rows.join("\r\n").replace(',', ";"));
    project.expect(&["apply", "--yes"], 3);
    let corrected = |name: &str| {
        let table = project.read(&format!("reports/latest/{name}"));
        table.replace(",135,", ",13500000002,")
    };
    project.write("loans.csv", corrected("loans.failed.csv"));
    let run = project.expect(&["validate"], 0);
    let note = "a report of treaty: header, delimiter, encoding of the manifest is not used";
    assert_eq!(run.stderr.matches(note).count(), 1, "{}", run.stderr);
    project.expect(&["apply", "--yes"], 0);
    assert_eq!(project.report("loans.csv")[0]["treaty_status"], "sent");
    // The report in the other format is given back.
    let other = original.replace("loans.csv", "更正.xlsx");
    project.replace("manifests/loans.yaml", original, &other);
    let report = project.path("reports/latest/loans.xlsx");
    std::fs::copy(report, project.path("更正.xlsx")).expect("copied");
    let run = project.expect(&["validate"], 0);
    let note = "a report of treaty: encoding, delimiter, header of the manifest is not used";
    assert_eq!(run.stderr.matches(note).count(), 1, "{}", run.stderr);
    project.replace("manifests/loans.yaml", &other, original);

    let cells = |line: &&str| line.split(',').map(str::to_owned).collect();
    let rows = ["11月 放款清单", lines[0], lines[1], lines[2], lines[3]];
    let own: Vec<Vec<String>> = rows.iter().map(cells).collect();
    project.write("loans.xlsx", workbook("11月", &own));
    let named = "file: ../loans.xlsx\n      header: 2\n      sheet: 11月";
    project.replace("manifests/loans.yaml", original, named);
    project.expect(&["validate"], 0);
    let report = project.path("reports/latest/loans.xlsx");
    std::fs::copy(report, project.path("loans.xlsx")).expect("copied");
    let run = project.expect(&["validate"], 0);
    let note = "a report of treaty: header, sheet of the manifest is not used";
    assert_eq!(run.stderr.matches(note).count(), 1, "{}", run.stderr);
}

#[test]
fn a_key_that_a_spreadsheet_changed_is_an_error() {
    for (key, written, changed) in [
        ("3-12", "'3-12", "3月12日"),
        ("1.10", "1.10", "1.1"),
        ("0005", "'0005", "5"),
    ] {
        let project = Project::loans();
        project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
        let sheet = project.sheet();
        let lines: Vec<&str> = sheet.lines().take(2).collect();
        let own = lines[1].replacen("HT-2026-0001", key, 1);
        project.set_sheet(&[lines[0], &own].join("\r\n"));
        project.expect(&["apply", "--yes"], 0);
        let report = project.read("reports/latest/loans.csv");
        project.write("loans.csv", &report);
        project.expect(&["plan", "--detailed-exitcode"], 0);
        let saved = report.replace(&format!("\n{written},"), &format!("\n{changed},"));
        let saved = saved.replace(&format!(",{written},sent,"), &format!(",{changed},sent,"));
        assert_eq!(saved.matches(&format!(",{changed},sent,")).count(), 1);
        project.write("loans.csv", saved);
        let run = project.expect(&["apply", "--yes"], 3);
        // A key of digits is found as a changed number.
        let message = "a spreadsheet has changed th";
        assert!(run.stderr.contains(message), "{}", run.stderr);
        assert!(run.stdout.contains("1 failed"), "{}", run.stdout);
    }
}

#[test]
fn a_text_that_a_spreadsheet_reads_as_a_date_is_protected() {
    let project = Project::loans();
    let sheet = project.sheet();
    let lines: Vec<&str> = sheet.lines().take(2).collect();
    let own = lines[1].replacen(",36,", ",3-12,", 1);
    project.set_sheet(&[lines[0], &own].join("\r\n"));
    project.expect(&["apply", "--yes"], 0);
    let report = project.read("reports/latest/loans.csv");
    assert!(report.contains(",'3-12,"), "{report}");
    project.write("loans.csv", &report);
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn failed_rows_stay_in_the_reports_without_the_sheet() {
    let (project, _) = failed();
    let table = project.read("reports/latest/loans.failed.csv");
    std::fs::remove_file(project.path("loans.csv")).expect("removed");
    project.expect(&["report"], 0);
    assert_eq!(project.read("reports/latest/loans.failed.csv"), table);
    let rows = project.summary()["failedRows"].clone();
    assert_eq!(rows[0]["key"], "HT-2026-0002", "{rows}");
}

#[test]
fn a_changed_key_in_a_report_is_an_error() {
    let (project, corrected) = failed();
    let (key, other) = ("HT-2026-0002", "HT-2026-0999");
    assert_eq!(corrected.matches(key).count(), 2, "{corrected}");
    let changed = corrected.replacen(key, other, 1);
    project.write("loans.csv", &changed);
    project.replace("treaty.yaml", "invalidRows: skip", "invalidRows: refuse");
    let run = project.expect(&["apply", "--yes"], 65);
    let message = format!("the key is {other}, but treaty wrote this row for the key {key}");
    assert!(run.stderr.contains(&message), "{}", run.stderr);
    assert!(
        run.stderr.contains("loans.csv, row 2, column 合同号"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("clear treaty_key in this row"),
        "{}",
        run.stderr
    );
    let (head, rest) = changed.split_at(changed.rfind(key).expect("the key"));
    project.write("loans.csv", [head, &rest[key.len()..]].concat());
    project.expect(&["apply", "--yes"], 0);
    assert_eq!(project.report("loans.csv")[0]["treaty_key"], other);
}

/// The rows were corrected in the table of failed rows and sent. The original sheet is still wrong: its row
/// is not used, and its contract is not taken for unsent.
#[test]
fn a_contract_sent_from_a_corrected_table_is_not_failed_in_the_original_sheet() {
    let (project, corrected) = failed();
    let original = project.sheet();
    project.write("loans.csv", corrected);
    project.expect(&["apply", "--yes"], 0);
    project.set_sheet(&original);
    project.expect(&["apply", "--yes"], 3);
    let table = project.report("loans.csv");
    let statuses: Vec<&str> = table.iter().map(|row| &*row["treaty_status"]).collect();
    assert_eq!(statuses, ["unchanged"; 3]);
    assert!(!table[1]["treaty_error"].is_empty(), "{table:?}");
    let summary = project.summary();
    assert_eq!(
        (&summary["unusedRows"], &summary["exitCode"]),
        (&1.into(), &3.into())
    );
    // The row stays in the table of failed rows: it is to be corrected there, too.
    assert_eq!(project.report("loans.failed.csv").len(), 1);
    let page = project.read("reports/latest/report.html");
    assert!(
        page.contains("3 contracts sent. 1 row was not used as it is now."),
        "{page}"
    );
    for again in [false, true] {
        if again {
            project.expect(&["report"], 0);
        }
        assert_eq!(project.report("loans.failed.csv").len(), 1, "{again}");
        assert_eq!(project.summary()["unusedRows"], 1, "{again}");
        let failures = project.expect(&["status", "--failed"], 0).stdout;
        assert!(failures.contains("HT-2026-0002"), "{again}: {failures}");
    }
}

/// A person corrects the table of failed rows while treaty waits for signatures, or before a report is
/// written again.
#[test]
fn a_corrected_table_is_not_written_again() {
    let (project, corrected) = failed();
    let table = "reports/latest/loans.failed.csv";
    let written = project.read(table);
    let report = project.expect(&["report"], 0);
    assert!(
        !report.stderr.contains("is left as it is"),
        "{}",
        report.stderr
    );
    assert_eq!(project.read(table), written);
    project.write(table, &corrected);
    let report = project.expect(&["report"], 0);
    let message = "loans.failed.csv was changed after it was written, and is left as it is";
    assert!(report.stderr.contains(message), "{}", report.stderr);
    assert_eq!(project.read(table), corrected);
    std::fs::remove_file(project.path(table)).expect("removed");
    project.expect(&["report"], 0);
    assert_eq!(project.read(table), written);
}
