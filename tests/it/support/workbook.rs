//! Workbooks of text cells.

use std::io::Write;

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
