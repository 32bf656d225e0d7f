//! Workbooks that are written and read again.

use std::path::Path;

use super::table::CellNote;
use super::{Column, Kind, Table, WorkbookFile};
use crate::sheet::{Format, Row, Sheet, SheetFile, workbook_cell};

/// Cells that spreadsheets, XML or a report could change.
const ODD: [&str; 30] = [
    "330199198607241000",
    "0701",
    "12E5",
    "1.0",
    "-12.50",
    "+8613516134875",
    " leading",
    "trailing ",
    "\t",
    "\n",
    " ",
    "　全角　",
    "＝1+1",
    "a\nb",
    "a\r\nb",
    "\rx",
    "=1+1",
    "'=1",
    "''=1",
    "'0701",
    "@SUM(A1)",
    "2026/11/4",
    "TRUE",
    "#N/A",
    "👍𠮷\u{e0100}",
    "_x0041_",
    "_x005F_",
    "<&>\"]]>",
    "\u{1}\u{1f}\u{7f}\u{85}\u{2028}\u{fffe}",
    "\u{feff}x",
];

fn columns() -> Vec<Column> {
    vec![
        Column::new("合同号", Kind::Own),
        Column::new("备注", Kind::Own),
        Column::new("treaty_key", Kind::Treaty),
    ]
}

/// Writes a table with three columns and reads its first worksheet.
fn written(path: &Path, rows: &[&str], max_rows: u32, notes: &[CellNote]) {
    let mut file = WorkbookFile::create(path).expect("created");
    let filled = file.edit(|book| {
        let mut table = Table::begin(book, "results", columns(), max_rows)?;
        for (at, cell) in rows.iter().enumerate() {
            let key = format!("HT-{at}");
            let cells = vec![&*key, &*workbook_cell(cell), "k"].into();
            table.push(book, &cells, notes)?;
        }
        table.finish(book)
    });
    filled.expect("filled");
    file.save().expect("saved");
}

fn sheet(path: &Path, sheet: Option<&str>) -> Sheet {
    let file = SheetFile {
        path: path.to_owned(),
        format: Format::Workbook {
            sheet: sheet.map(Into::into),
        },
        ..SheetFile::default()
    };
    Sheet::open(&file).expect("a sheet")
}

fn rows(sheet: &Sheet) -> Vec<Row> {
    let rows = sheet.rows().expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

#[test]
fn every_cell_is_read_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("loans.xlsx");
    written(&path, &ODD, 100, &[]);
    let read = rows(&sheet(&path, None));
    assert_eq!(read.len(), ODD.len());
    for (row, cell) in read.iter().zip(ODD) {
        assert_eq!(row.get("备注"), Some(cell));
        assert!(row.problems.is_empty());
    }
    let files = std::fs::read_dir(folder.path()).expect("a folder");
    assert_eq!(files.count(), 1, "no temporary file is left");
}

#[test]
fn a_table_continues_in_the_next_worksheet() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("loans.xlsx");
    written(&path, &["a", "b", "c", "d", "e"], 3, &[]);
    let cells = |name: &str| {
        let rows = rows(&sheet(&path, Some(name))).into_iter();
        let cells = rows.map(|row| row.get("备注").unwrap_or_default().to_owned());
        cells.collect::<Vec<_>>()
    };
    assert_eq!(cells("results"), ["a", "b"]);
    assert_eq!(cells("results 2"), ["c", "d"]);
    assert_eq!(cells("results 3"), ["e"]);
    // Reading only the first worksheet would lose rows.
    let file = SheetFile {
        path,
        format: Format::Workbook { sheet: None },
        ..SheetFile::default()
    };
    let errors = Sheet::open(&file).expect_err("several sheets");
    let message = &errors[0].message;
    assert!(
        message.contains("continue in the sheet results 2"),
        "{message}"
    );
}

#[test]
fn a_cell_that_is_too_long_is_a_problem_when_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("loans.xlsx");
    written(&path, &[&"合".repeat(40_000), "short"], 100, &[]);
    let read = rows(&sheet(&path, None));
    let problem = read[0].problem("备注").expect("a problem");
    assert!(problem.diagnostic.message.contains("has cut this cell"));
    assert!(!read[1].is_problem("备注"));
}

#[test]
fn notes_are_limited_and_empty_cells_can_have_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("loans.xlsx");
    let note = CellNote {
        column: 1,
        text: "the name is empty\nenter the name".repeat(100),
    };
    written(&path, &vec![""; 1100], 2000, &[note]);
    let file = std::fs::File::open(&path).expect("a file");
    let mut archive = zip::ZipArchive::new(file).expect("an archive");
    let part = archive.by_name("xl/comments1.xml").expect("notes");
    let notes = std::io::read_to_string(part).expect("text");
    assert_eq!(notes.matches("<comment ").count(), 1000);
    assert_eq!(rows(&sheet(&path, None))[0].get("备注"), Some(""));
}

#[test]
fn a_panic_of_the_library_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = WorkbookFile::create(&folder.path().join("loans.xlsx")).expect("created");
    let error = file.edit::<()>(|_| std::panic::panic_any("no space"));
    let error = error.expect_err("an error").to_string();
    assert!(error.contains("the disk may be full"), "{error}");
    drop(file);
    let files = std::fs::read_dir(folder.path()).expect("a folder");
    assert_eq!(files.count(), 0);
}
