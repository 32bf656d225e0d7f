//! Reports that are opened and saved by `LibreOffice` Calc, and used as the sheet again. It must be
//! installed.

#[allow(dead_code)]
#[path = "../it/support/project.rs"]
mod project;
#[allow(dead_code)]
#[path = "../it/support/workbook.rs"]
mod workbook;

use std::path::{Path, PathBuf};
use std::process::Command;

use project::Project;
use workbook::{edited, read};

/// Cells of columns that no expression uses. A spreadsheet would change them if they were not text.
const ODD: [(&str, &str); 25] = [
    ("long", "330199198607241000"),
    ("zero", "0701"),
    ("scientific", "12E5"),
    ("decimal", "1.0"),
    ("negative", "-12.50"),
    ("plus", "+8613516134875"),
    ("leading", " leading"),
    ("trailing", "trailing "),
    ("space", " "),
    ("wide", "　全角　ＡＢＣ１２３"),
    ("wide formula", "＝1+1"),
    ("break", "第一行\n第二行"),
    ("last break", "第一行\n"),
    ("tab", "a\tb"),
    ("formula", "=1+1"),
    ("quoted formula", "'=1"),
    ("quoted number", "'0701"),
    ("at", "@SUM(A1)"),
    ("date", "2026/11/4"),
    ("percent", "5%"),
    ("truth", "TRUE"),
    ("error", "#N/A"),
    ("emoji", "👍𠮷"),
    ("escape", "_x0041_ <&>"),
    ("empty", ""),
];

/// Opens a workbook in `LibreOffice` and saves it again.
fn saved_again(workbook: &Path) -> PathBuf {
    let folder = workbook.with_extension("saved");
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new("soffice")
        .arg(format!(
            "-env:UserInstallation=file://{}",
            profile.path().display()
        ))
        .args([
            "--headless",
            "--convert-to",
            "xlsx:Calc MS Excel 2007 XML",
            "--outdir",
        ])
        .args([&folder, workbook])
        .output()
        .expect("LibreOffice runs");
    let saved = folder.join(workbook.file_name().expect("a name"));
    assert!(saved.exists(), "{output:?}");
    saved
}

/// Returns a project whose sheet has 4 rows with odd cells, and the wrong and the right id of the
/// second row.
fn loans() -> (Project, String, String) {
    let project = Project::loans();
    let lines = project.sheet();
    let mut rows: Vec<Vec<String>> = lines
        .lines()
        .take(5)
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    rows[0].extend(ODD.map(|(name, _)| name.to_owned()));
    for row in &mut rows[1..] {
        row.extend(ODD.map(|(_, cell)| cell.to_owned()));
    }
    let good = rows[2][3].clone();
    let last = if good.ends_with('X') { "1" } else { "X" };
    rows[2][3].replace_range(17.., last);
    let mut sheet = csv::Writer::from_writer(Vec::new());
    for row in &rows {
        sheet.write_record(row).expect("written");
    }
    project.write("loans.csv", sheet.into_inner().expect("a sheet"));
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    let settings = project.read("treaty.yaml");
    let settings = [&*settings, "reports: { formats: [csv, xlsx] }\n"].concat();
    project.write("treaty.yaml", settings);
    project.expect(&["apply", "--yes"], 3);
    (project, rows[2][3].clone(), good)
}

/// Asserts that all odd cells of a workbook are as they were.
fn is_unchanged(workbook: &Path, rows: usize) {
    let read = read(workbook, None);
    assert_eq!(read.len(), rows);
    for row in read {
        for (name, cell) in ODD {
            assert_eq!(row[name], cell, "{name}");
        }
    }
}

#[test]
fn a_workbook_of_all_rows_is_a_sheet_after_it_was_saved() {
    let (project, wrong, good) = loans();
    let report = project.path("reports/latest/loans.xlsx");
    let saved = saved_again(&report);
    is_unchanged(&saved, 4);
    assert_eq!(read(&saved, None), read(&report, None));

    let bytes = std::fs::read(&report).expect("a workbook");
    project.write("更正.xlsx", edited(&bytes, &wrong, &good));
    let saved = saved_again(&project.path("更正.xlsx"));
    is_unchanged(&saved, 4);
    project.write("更正.xlsx", std::fs::read(saved).expect("a workbook"));
    project.replace("manifests/loans.yaml", "../loans.csv", "../更正.xlsx");
    let run = project.expect(&["apply", "--yes"], 0);
    assert!(
        run.stdout.contains("3 unchanged") && run.stdout.contains("1 sent"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_corrected_workbook_of_failed_rows_is_a_sheet_after_it_was_saved() {
    let (project, wrong, good) = loans();
    let report = project.path("reports/latest/loans.failed.xlsx");
    let saved = saved_again(&report);
    is_unchanged(&saved, 1);
    assert_eq!(read(&saved, None), read(&report, None));

    let bytes = std::fs::read(&report).expect("a workbook");
    project.write("更正.xlsx", edited(&bytes, &wrong, &good));
    let saved = saved_again(&project.path("更正.xlsx"));
    is_unchanged(&saved, 1);
    project.write("更正.xlsx", std::fs::read(saved).expect("a workbook"));
    project.replace("manifests/loans.yaml", "../loans.csv", "../更正.xlsx");
    let run = project.expect(&["apply", "--yes"], 0);
    assert!(run.stdout.contains("1 sent"), "{}", run.stdout);

    // The corrected sheet has the same cells, so nothing is left to send.
    let sheet = project.read("loans.csv").replace(&wrong, &good);
    project.write("loans.csv", sheet);
    project.replace("manifests/loans.yaml", "../更正.xlsx", "../loans.csv");
    project.expect(&["plan", "--detailed-exitcode"], 0);
}
