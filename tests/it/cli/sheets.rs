//! Rows of a sheet: invalid, changed, and in other formats.

use crate::cli::journeys::statuses;
use crate::support::project::Project;
use crate::support::workbook::read;

/// Returns the sheet with three invalid rows: a mistyped id, an empty name, an invalid amount.
fn spoilt(sheet: &str) -> String {
    let rows = sheet.lines().enumerate().map(|(at, line)| {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        match at {
            10 => {
                let other = if cells[3].as_bytes()[16] == b'1' {
                    "2"
                } else {
                    "1"
                };
                cells[3].replace_range(16..17, other);
            }
            20 => cells[2].clear(),
            30 => "十二万".clone_into(&mut cells[5]),
            _ => {}
        }
        cells.join(",")
    });
    rows.collect::<Vec<_>>().join("\r\n")
}

#[test]
fn refuses_or_skips_invalid_rows_and_reports_them() {
    let project = Project::loans();
    let good = project.sheet();
    project.set_sheet(&spoilt(&good));
    let run = project.expect(&["apply", "--yes"], 65);
    for place in [
        "row 11, column 身份证号",
        "row 21, column 姓名",
        "row 31, column 金额",
    ] {
        assert!(run.stderr.contains(place), "{}", run.stderr);
    }
    assert!(!project.was_called());

    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    project.expect(&["apply", "--yes"], 3);
    let report = project.report("loans.csv");
    assert_eq!(
        (statuses(&report, "sent"), statuses(&report, "failed")),
        (197, 3)
    );
    assert!(
        report[9]["treaty_error"].contains("check digit") && !report[9]["treaty_hint"].is_empty()
    );
    let sent: Vec<String> = report
        .iter()
        .map(|row| row["treaty_flow_id"].clone())
        .filter(|id| !id.is_empty())
        .collect();

    // The corrected file of failed rows becomes the sheet.
    let failed = project.report("loans.failed.csv");
    assert_eq!(failed.len(), 3);
    // A long number has an apostrophe in a report.
    let failed = project.read("reports/latest/loans.failed.csv");
    assert_eq!(failed.matches(",'").count(), 3);
    let mut corrected = failed.replace(",'", ",");
    let (bad, right): (Vec<String>, Vec<&str>) = (
        spoilt(&good).lines().map(str::to_owned).collect(),
        good.lines().collect(),
    );
    for at in [10, 20, 30] {
        assert!(corrected.contains(&bad[at]), "{corrected}");
        corrected = corrected.replace(&bad[at], right[at]);
    }
    project.write("loans.csv", corrected);
    project.expect(&["apply", "--yes"], 0);
    let report = project.report("loans.csv");
    assert_eq!((report.len(), statuses(&report, "sent")), (3, 3));
    assert!(
        report
            .iter()
            .all(|row| !sent.contains(&row["treaty_flow_id"]))
    );
    let calls = project.summary()["calls"].clone();
    assert_eq!(
        calls["sign/contract/handPersonSignTask"]["attempts"], 3,
        "the 197 are not touched"
    );

    // The complete sheet again: nothing is left to do.
    project.set_sheet(&good);
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn writes_all_errors_to_a_file_when_there_are_many() {
    let project = Project::loans();
    let sheet = project.sheet();
    // Each row has a different error, because equal errors are grouped into one block.
    let bad = sheet.lines().enumerate().map(|(at, line)| {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if at > 0 {
            cells[3] = format!("{}.{:02}E+17", 1 + at / 100, at % 100);
        }
        cells.join(",")
    });
    project.set_sheet(&bad.collect::<Vec<_>>().join("\n"));
    let run = project.expect(&["validate"], 65);
    assert_eq!(run.stderr.matches("loans.csv, row").count(), 100);
    assert!(
        run.stderr.contains(
            "… and 100 more; all findings are in reports/errors.csv and reports/errors.xlsx"
        ),
        "{}",
        run.stderr
    );
    let text = project.read("reports/errors.csv");
    let mut table = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let rows: Vec<csv::StringRecord> = table.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 200);
    let cells: Vec<&str> = (0..4).map(|at| &rows[199][at]).collect();
    assert_eq!(cells, ["error", "201", "HT-2026-0200", "身份证号"]);
    let workbook = read(&project.path("reports/errors.xlsx"), None);
    assert_eq!(workbook.len(), 200);
    assert_eq!(workbook[199]["message"], &rows[199][4]);
    let json = project.expect(&["validate", "--log-format", "json"], 65);
    assert!(json.stderr.contains(r#""count":200"#), "{}", json.stderr);
    // The file of old errors is removed once the sheet is valid.
    project.set_sheet(&sheet);
    project.expect(&["validate"], 0);
    for name in ["reports/errors.csv", "reports/errors.xlsx"] {
        assert!(!project.path(name).exists());
    }
}

#[test]
fn writes_a_single_error_to_a_file_and_no_folder_without_errors() {
    let project = Project::loans();
    let good = project.sheet();
    project.expect(&["validate"], 0);
    assert!(!project.path("reports").exists() && !project.path(".treaty").exists());
    project.set_sheet(&spoilt(&good));
    let run = project.expect(&["validate"], 65);
    assert_eq!(
        run.stderr.matches("errors.csv").count(),
        1,
        "{}",
        run.stderr
    );
    let errors = read(&project.path("reports/errors.xlsx"), None);
    let cells = |at: usize| ["row", "key", "column"].map(|name| errors[at][name].as_str());
    assert_eq!(errors.len(), 4);
    assert_eq!(cells(0), ["11", "HT-2026-0010", "身份证号"]);
    assert_eq!(cells(3), ["31", "HT-2026-0030", "金额"]);
    assert!(errors[0]["message"].contains("check digit") && !errors[0]["hint"].is_empty());
}

#[test]
fn refuses_oversized_sheets_with_the_location() {
    let project = Project::loans();
    let sheet = project.sheet();
    let (head, rows) = sheet.split_once('\n').expect("a header");
    let name = rows.split(',').nth(2).expect("a name");
    let long = rows.replacen(name, &"沈".repeat(3_500_000), 1);
    project.set_sheet(&format!("{head}\n{long}"));
    let run = project.expect(&["validate"], 65);
    let place = "loans.csv, row 2, column 3 (C)";
    assert!(
        run.stderr.contains("32,767") && run.stderr.contains(place),
        "{}",
        run.stderr
    );
    let wide = format!("{},{}", head.trim_end(), ",".repeat(16_384));
    project.set_sheet(&format!("{wide}\r\n{rows}"));
    let run = project.expect(&["validate"], 65);
    let place = "loans.csv, row 1, column 1025 (AMK)";
    assert!(
        run.stderr.contains("1024 columns") && run.stderr.contains(place),
        "{}",
        run.stderr
    );
}

#[test]
fn reads_the_same_rows_with_a_bom_or_tabs() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    let sheet = project.sheet();
    for bytes in [
        sheet.clone().into_bytes(),
        format!("\u{feff}{sheet}").into_bytes(),
    ] {
        project.write("loans.csv", bytes);
        project.expect(&["plan", "--detailed-exitcode"], 0);
    }
    let tabs = sheet.replace(',', "\t");
    project.write("loans.tsv", tabs);
    project.replace("manifests/loans.yaml", "../loans.csv", "../loans.tsv");
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn blocks_or_keeps_a_row_changed_after_sending() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    let changed = project.sheet().replacen("4.35", "9.99", 1);
    project.set_sheet(&changed);
    let run = project.expect(&["plan"], 0);
    assert!(
        run.stdout
            .contains("! 1 blocked: the row differs from what was sent"),
        "{}",
        run.stdout
    );
    project.expect(&["apply", "--yes"], 3);
    let report = project.report("loans.csv");
    assert_eq!(
        (statuses(&report, "failed"), statuses(&report, "unchanged")),
        (0, 200)
    );
    let flow = project.read("manifests/loans.yaml") + "    onChange: keep\n";
    project.write("manifests/loans.yaml", flow);
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn refuses_an_account_that_differs_between_two_flows() {
    let project = Project::loans();
    let manifest = project.read("manifests/loans.yaml");
    let other = manifest[manifest.find("flows:").expect("flows")..]
        .replace("  loans:", "  renewals:")
        .replace("loans.csv", "more.csv");
    project.write("manifests/renewals.yaml", other);
    let row = project
        .sheet()
        .lines()
        .take(2)
        .collect::<Vec<_>>()
        .join("\n")
        .replace("13500000001", "13500007777");
    project.write("more.csv", row);
    let run = project.expect(&["validate"], 65);
    assert!(
        run.stderr
            .contains("has different fields in row 2 of flows.loans"),
        "{}",
        run.stderr
    );
}

#[test]
fn escapes_formulas_in_reports_and_reads_them_back() {
    for (cell, column) in [
        ("=1+1", "状态"),
        ("＝1+1", "状态"),
        ("＠SUM(A1)", "状态"),
        ("\n=1+1", "状态"),
        ("\u{feff}-1", "状态"),
    ] {
        let project = Project::loans();
        let sheet: Vec<String> = project.sheet().lines().take(3).map(str::to_owned).collect();
        let sheet = sheet
            .join("\r\n")
            .replace(",已批准", &format!(",\"{cell}\""));
        project.write("loans.csv", sheet.replacen("状态", column, 1));
        let filter = format!("row['{column}'] == '{}'", cell.replace('\n', "\\\\n"));
        project.replace("manifests/loans.yaml", "row.状态 == '已批准'", &filter);
        project.expect(&["apply", "--yes"], 0);
        let written = match column {
            "状态" => column.to_owned(),
            column => format!("'{column}"),
        };
        assert_eq!(project.report("loans.csv")[0][&written], format!("'{cell}"));
        let report = project.read("reports/latest/loans.csv");
        project.write("loans.csv", report);
        project.expect(&["plan", "--detailed-exitcode"], 0);
    }
}
