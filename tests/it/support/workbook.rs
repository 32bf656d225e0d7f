//! Workbooks of text cells, and the workbooks of reports.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use treaty::sheet::{Format, Sheet, SheetFile};

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// Returns an .xlsx file with one sheet. A cell is text; one that starts with `<` is XML, in which `@`
/// is the name of the cell.
pub(crate) fn workbook(sheet: &str, rows: &[Vec<String>]) -> Vec<u8> {
    let mut data = String::new();
    for (number, row) in (1..).zip(rows) {
        data += "<row>";
        for (column, cell) in ('A'..='Z').zip(row) {
            let name = format!("{column}{number}");
            if cell.starts_with('<') {
                data += &cell.replace('@', &name);
            } else {
                data.extend([
                    r#"<c r=""#,
                    &name,
                    r#"" t="inlineStr"><is><t>"#,
                    cell,
                    "</t></is></c>",
                ]);
            }
        }
        data += "</row>";
    }
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
                r#"<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="{sheet}" sheetId="1" r:id="r1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData></worksheet>"#),
        ),
    ])
}

/// Returns an archive with these parts.
pub(crate) fn archive(parts: &[(&str, String)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(*name, options).expect("a part");
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.finish().expect("a workbook").into_inner()
}

/// Returns the rows of a sheet of a workbook, each as a map, as treaty reads them. Without a name,
/// the sheet that treaty chooses.
pub(crate) fn read(path: &Path, sheet: Option<&str>) -> Vec<BTreeMap<String, String>> {
    let file = SheetFile {
        path: path.to_owned(),
        format: Format::Workbook {
            sheet: sheet.map(Into::into),
        },
        ..SheetFile::default()
    };
    let sheet = Sheet::open(&file).expect("a sheet");
    let columns = sheet.header().columns().to_vec();
    let rows = sheet.rows().expect("rows").map(|row| {
        let row = row.expect("a row");
        let cells = columns.iter().zip(row.texts());
        cells
            .map(|(name, text)| (name.to_string(), text.to_owned()))
            .collect()
    });
    rows.collect()
}

/// Returns the parts of a workbook by name.
pub(crate) fn parts(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let parts = (0..archive.len()).map(|at| {
        let mut part = archive.by_index(at).expect("a part");
        let mut text = String::new();
        part.read_to_string(&mut text).expect("UTF-8");
        (part.name().expect("a name").to_string(), text)
    });
    parts.collect()
}

/// Returns a workbook with a text of its parts replaced, which must exist.
pub(crate) fn edited(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let parts = parts(bytes);
    assert!(parts.values().any(|text| text.contains(from)), "{from}");
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(name, options).expect("a part");
        let text = text.replace(from, to);
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.finish().expect("a workbook").into_inner()
}
