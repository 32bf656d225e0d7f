//! Workbooks that are built in the test.

#![allow(clippy::format_push_string, clippy::format_collect)] // the texts are short

use std::io::Write;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::sheet::{Format, Row, Sheet, SheetFile};

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// The formats of styles 1 to 4: a date, four digits, two decimals, a percentage.
const STYLES: &str = r#"<numFmts count="1"><numFmt numFmtId="164" formatCode="0000"/></numFmts>
<cellXfs count="5"><xf numFmtId="0"/><xf numFmtId="31"/><xf numFmtId="164"/><xf numFmtId="4"/><xf numFmtId="10"/></cellXfs>"#;

/// A workbook in a file.
struct Workbook {
    file: tempfile::NamedTempFile,
    name: Option<&'static str>,
    header_row: Option<u64>,
}

/// Writes a workbook. A sheet is its name, its attributes, and the XML of its contents.
fn workbook(sheets: &[(&str, &str, &str)]) -> Workbook {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut zip = zip::ZipWriter::new(file.reopen().expect("the file"));
    let mut part = |name: &str, text: &str| {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(name, options).expect("a part");
        zip.write_all(text.as_bytes()).expect("written");
    };
    let (mut entries, mut targets) = (String::new(), String::new());
    for (at, (name, attributes, contents)) in sheets.iter().enumerate() {
        entries += &format!(r#"<sheet name="{name}" sheetId="{at}" r:id="r{at}" {attributes}/>"#);
        targets += &format!(
            r#"<Relationship Id="r{at}" Type="{OFFICE}/worksheet" Target="worksheets/s{at}.xml"/>"#
        );
        let sheet = format!(r#"<worksheet xmlns="{MAIN}">{contents}</worksheet>"#);
        part(&format!("xl/worksheets/s{at}.xml"), &sheet);
    }
    let root = format!(
        r#"<Relationships xmlns="{PACKAGE}"><Relationship Id="r0" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
    );
    part("_rels/.rels", &root);
    let book = format!(
        r#"<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{entries}</sheets></workbook>"#
    );
    part("xl/workbook.xml", &book);
    let relationships = format!(
        r#"<Relationships xmlns="{PACKAGE}">{targets}<Relationship Id="styles" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>"#
    );
    part("xl/_rels/workbook.xml.rels", &relationships);
    let styles = format!(r#"<styleSheet xmlns="{MAIN}">{STYLES}</styleSheet>"#);
    part("xl/styles.xml", &styles);
    zip.finish().expect("a workbook");
    Workbook {
        file,
        name: None,
        header_row: None,
    }
}

/// Returns the contents of a sheet from the XML of the cells of each row.
fn rows(rows: &[&str]) -> String {
    let rows = rows.iter().enumerate();
    let rows: String = rows
        .map(|(at, cells)| format!(r#"<row r="{}">{cells}</row>"#, at + 1))
        .collect();
    format!("<sheetData>{rows}</sheetData>")
}

/// Returns the XML of text cells.
fn texts(texts: &[&str]) -> String {
    let cells = texts.iter();
    cells
        .map(|text| format!(r#"<c t="inlineStr"><is><t>{text}</t></is></c>"#))
        .collect()
}

impl Workbook {
    fn open(&self) -> Result<Sheet, Vec<Diagnostic>> {
        Sheet::open(&SheetFile {
            path: self.file.path().to_owned(),
            shown: Arc::from("放款.xlsx"),
            header_row: self.header_row,
            format: Format::Workbook {
                sheet: self.name.map(Arc::from),
            },
            foreign_settings: Vec::new(),
        })
    }

    fn sheet(&self) -> Sheet {
        self.open().expect("a sheet")
    }

    /// Returns the message, the location and the hint of the only error.
    fn refused(&self) -> [String; 3] {
        let errors = self.open().expect_err("refused");
        assert_eq!(errors.len(), 1, "{errors:?}");
        shown(&errors[0])
    }
}

fn shown(diagnostic: &Diagnostic) -> [String; 3] {
    [
        diagnostic.message.clone(),
        diagnostic.place.as_ref().expect("a place").to_string(),
        diagnostic.hint.clone().unwrap_or_default(),
    ]
}

fn read(sheet: &Sheet) -> Vec<Row> {
    let rows = sheet.rows().expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

#[test]
fn cells_are_text_with_the_number_of_their_row() {
    let contents = rows(&[
        &texts(&["合同号", "日期", "尾号", "金额", "利率", "公式"]),
        r#"<c t="inlineStr"><is><t>HT-1</t></is></c><c s="1"><v>46332</v></c><c s="2"><v>701</v></c><c s="3"><v>50000.5</v></c><c s="4"><v>0.0435</v></c><c t="str"><f>1</f><v>甲</v></c>"#,
        r#"<c s="1"/>"#,
        r#"<c r="A4" t="inlineStr"><is><t xml:space="preserve"> HT-2</t></is></c><c r="F4" t="b"><v>1</v></c>"#,
        r#"<c t="inlineStr"><is><r><t>富</t></r><r><t>文本</t></r></is></c>"#,
        r#"<c s="2"/>"#,
    ]);
    let workbook = workbook(&[("11月放款", "", &contents)]);
    let sheet = workbook.sheet();
    let found: Vec<_> = read(&sheet)
        .iter()
        .map(|row| (row.number, row.texts().collect::<Vec<_>>().join("|")))
        .collect();
    let expected = [
        (2, "HT-1|2026-11-06|0701|50000.50|4.35%|甲"),
        (4, " HT-2|||||TRUE"),
        (5, "富文本|||||"),
    ];
    assert_eq!(found, expected.map(|(row, text)| (row, text.to_owned())));
    assert!(sheet.warnings().is_empty() && sheet.column_errors().is_empty());
    let mut streamed = sheet.rows().expect("rows");
    assert!(streamed.skip_row());
    assert_eq!(streamed.next().expect("a row").expect("read").number, 4);
}

#[test]
fn a_cell_whose_text_is_not_its_value_is_a_problem() {
    let contents = rows(&[
        &texts(&["a", "b", "c"]),
        r#"<c><v>330199198607241910</v></c><c t="e"><f>1/0</f><v>#N/A</v></c><c s="1"><v>-5</v></c>"#,
        &texts(&["1", "2", "3"]),
    ]);
    let workbook = workbook(&[("s", "", &contents)]);
    let found = read(&workbook.sheet());
    let problems: Vec<_> = found[0]
        .problems
        .iter()
        .map(|problem| shown(&problem.diagnostic))
        .collect();
    let places: Vec<_> = problems.iter().map(|[_, place, _]| &**place).collect();
    assert_eq!(
        places,
        [
            "放款.xlsx s!A2, column a",
            "放款.xlsx s!B2, column b",
            "放款.xlsx s!C2, column c"
        ]
    );
    for (problem, expected) in problems
        .iter()
        .zip(["more than 15 digits", "#N/A", "before 1900"])
    {
        assert!(problem[0].contains(expected), "{problem:?}");
        assert!(!problem[2].is_empty(), "{problem:?}");
    }
    assert!(found[0].is_problem("b") && found[1].problems.is_empty());
}

#[test]
fn formulas_without_a_value_are_counted_and_their_cells_are_problems() {
    let contents = rows(&[
        &texts(&["a", "b"]),
        "<c><v>1</v></c><c><f>A2*2</f></c>",
        r#"<c><v>2</v></c><c t="str"><f>""</f><v></v></c>"#,
        "<c><v>3</v></c><c><f>A4*2</f><v></v></c>",
        "<c><v>4</v></c><c><f>A5*2</f><v>8</v></c>",
    ]);
    let workbook = workbook(&[("s", "", &contents)]);
    let sheet = workbook.sheet();
    let [(1, error)] = sheet.column_errors() else {
        panic!("{:?}", sheet.column_errors());
    };
    let [message, place, hint] = shown(error);
    assert_eq!(
        message,
        "the column has 2 formulas that were never computed"
    );
    assert_eq!(place, "放款.xlsx s!B2, column b");
    assert!(hint.contains("save it"), "{hint}");
    let found = read(&sheet);
    assert!(found[0].is_problem("b") && found[2].is_problem("b"));
    assert!(found[3].problems.is_empty() && found[3].get("b") == Some("8"));
}

#[test]
fn hidden_and_merged_cells_are_read_and_mentioned_once() {
    let contents = format!(
        r#"<cols><col min="2" max="3" hidden="1"/></cols>{}<autoFilter ref="A2:C4"/><mergeCells><mergeCell ref="A1:C1"/><mergeCell ref="A3:A4"/></mergeCells>"#,
        rows(&[
            &texts(&["标题"]),
            &texts(&["a", "b", "c"]),
            &texts(&["1", "2", "3"]),
            &texts(&["4"])
        ])
        .replace(r#"<row r="3">"#, r#"<row r="3" hidden="1">"#)
    );
    let mut workbook = workbook(&[("s", "", &contents)]);
    workbook.header_row = Some(2);
    let sheet = workbook.sheet();
    let warnings: Vec<_> = sheet
        .warnings()
        .iter()
        .map(|warning| warning.message.as_str())
        .collect();
    let expected = [
        "the sheet s has 1 hidden row, 2 hidden columns and a filter",
        "the sheet s has 1 merged range of cells, such as A3:A4",
    ];
    assert_eq!(warnings, expected);
    let numbers: Vec<_> = read(&sheet).iter().map(|row| row.number).collect();
    assert_eq!(numbers, [3, 4]);
}

#[test]
fn the_only_visible_sheet_is_read_if_none_is_named() {
    let contents = rows(&[&texts(&["a"]), &texts(&["1"])]);
    let other = rows(&[&texts(&["b"]), &texts(&["2"])]);
    let hidden = workbook(&[("甲", r#"state="hidden""#, &contents), ("乙", "", &other)]);
    assert_eq!(read(&hidden.sheet())[0].get("b"), Some("2"));

    let mut several = workbook(&[("11月放款", "", &contents), ("12月放款", "", &other)]);
    let [message, place, hint] = several.refused();
    assert_eq!(message, "the workbook has several sheets");
    assert_eq!(place, "放款.xlsx");
    assert_eq!(hint, "name one with rows.sheet: 11月放款, 12月放款");
    several.name = Some("12月放款");
    assert_eq!(read(&several.sheet())[0].get("b"), Some("2"));
    several.name = Some("10月放款");
    let [message, _, hint] = several.refused();
    assert_eq!(message, "the workbook has no sheet 10月放款");
    assert!(hint.starts_with("did you mean"), "{hint}");
}

#[test]
fn refuses_headers_that_cannot_be_used() {
    let twice = workbook(&[("s", "", &rows(&[&texts(&["a", "b", "a"])]))]);
    let [message, place, _] = twice.refused();
    assert_eq!(message, "the header contains the column a twice");
    assert!(place.contains("s!"), "{place}");

    let mut beyond = workbook(&[("s", "", &rows(&[&texts(&["a"]), &texts(&["1"])]))]);
    beyond.header_row = Some(9);
    assert_eq!(
        beyond.refused()[0],
        "rows.header is 9, but the last row of the sheet is 2"
    );
    let empty = workbook(&[("s", "", &rows(&[]))]);
    assert_eq!(empty.refused()[0], "the sheet is empty");

    let far = rows(&[r#"<c r="A1"><v>1</v></c><c r="ZZZZZZ1"><v>1</v></c>"#]);
    workbook(&[("s", "", &far)]).refused();
    let far = rows(&[&texts(&["a"]), r#"<c r="CRXPNLSKVLJFHG2"><v>1</v></c>"#]);
    workbook(&[("s", "", &far)]).refused();
}

#[test]
fn a_damaged_sheet_ends_with_an_error() {
    let mut contents = rows(&[&texts(&["a"]), &texts(&["1"]), &texts(&["2"])]);
    contents.truncate(contents.len() - "</t></is></c></row></sheetData>".len());
    let damaged = workbook(&[("s", "", &contents)]);
    let read: Vec<_> = match damaged.open() {
        Err(_) => return,
        Ok(sheet) => sheet.rows().expect("rows").collect(),
    };
    assert!(read.last().expect("an end").is_err(), "{read:?}");
}

#[test]
fn a_file_that_is_no_workbook_is_named_as_what_it_is() {
    let compound = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest";
    for (bytes, expected) in [
        (&b""[..], "the file is empty"),
        (b"a,b\n1,2\n", "the file is not a workbook"),
        (compound, "the file is not an .xlsx workbook"),
        (b"PK\x03\x04cut off", "the workbook is incomplete"),
    ] {
        let workbook = workbook(&[("s", "", "")]);
        std::fs::write(workbook.file.path(), bytes).expect("written");
        let [message, place, hint] = workbook.refused();
        assert!(message.starts_with(expected), "{message}");
        assert!(place == "放款.xlsx" && !hint.is_empty(), "{place} {hint}");
    }
}

#[test]
fn reads_the_results_of_a_report() {
    let report = rows(&[&texts(&["合同号", "treaty_key"]), &texts(&["''0701", "'x"])]);
    let other = rows(&[&texts(&["status"]), &texts(&["done"])]);
    let book = workbook(&[("results", "", &report), ("summary", "", &other)]);
    let read = read(&book.sheet());
    assert_eq!(read.len(), 1);
    // A CSV report that was saved as a workbook has apostrophes before numbers, too.
    assert_eq!(read[0].texts().collect::<Vec<_>>(), ["'0701", "'x"]);

    let book = workbook(&[("results", "", &other), ("summary", "", &report)]);
    let [message, ..] = book.refused();
    assert_eq!(message, "the workbook has several sheets");
}
