//! Writes an empty workbook: a header with notes, and the formats and checks of the cells below it.

use std::path::Path;

use rust_xlsxwriter::{
    Color, DataValidation, DataValidationRule, ExcelDateTime, Format, FormatAlign, FormatBorder,
    Formula, Note, Workbook, Worksheet, XlsxError, utility::column_number_to_name,
};

use super::columns::{Column, Entry};
use super::words;
use crate::manifest::{Flow, Named, Rows};
use crate::util::atomic_file::AtomicFile;

/// The index of the last row of a worksheet.
const LAST_ROW: u32 = 1_048_575;

/// The most characters of a worksheet's name.
const MAX_SHEET_NAME: usize = 31;

/// Writes the workbook. The header is in the row, and the worksheet has the name, that the flow reads.
pub(super) fn write(
    path: &Path,
    flow: &Named<Flow>,
    rows: &Rows,
    columns: &[Column],
) -> anyhow::Result<()> {
    let mut workbook = Workbook::new();
    let name = rows
        .sheet
        .as_ref()
        .map_or(flow.name.as_str(), |sheet| &sheet.text);
    let header = u32::try_from(rows.header.map_or(1, |row| row.0))?.saturating_sub(1);
    let sheet = workbook.add_worksheet();
    sheet.set_name(sheet_name(name))?;
    if header > 0 {
        sheet.write_string_with_format(0, 0, &flow.name, &Format::new().set_bold())?;
    }
    sheet.set_freeze_panes(header + 1, 0)?;
    sheet.set_row_height(header, 24)?;
    for (column, at) in columns.iter().zip(0..) {
        write_column(sheet, header, at, column)?;
    }
    let mut file = AtomicFile::create(path)?;
    workbook.save_to_writer(&mut file)?;
    file.finish()?;
    Ok(())
}

fn write_column(
    sheet: &mut Worksheet,
    header: u32,
    at: u16,
    column: &Column,
) -> Result<(), XlsxError> {
    sheet.set_column_width(at, width(column))?;
    sheet.set_column_format(at, &cell_format(&column.entry))?;
    sheet.write_string_with_format(header, at, &column.name, &header_format(column.is_required))?;
    let text = words::note(column);
    let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
    let note = Note::new(text)
        .add_author_prefix(false)
        .set_author("treaty");
    let note = note
        .set_font_size(10)
        .set_width(300)
        .set_height(lines.saturating_mul(22) + 14);
    sheet.insert_note(header, at, &note)?;
    if let Some(check) = check(&column.entry, header + 1, at)? {
        sheet.add_data_validation(header + 1, at, LAST_ROW, at, &check)?;
    }
    Ok(())
}

/// The format of the header: white on blue for a column that must be filled in, else dark on grey.
fn header_format(is_required: bool) -> Format {
    let (ink, paper) = if is_required {
        (0xFF_FFFF, 0x1F_4E79)
    } else {
        (0x40_4040, 0xE7_E6E6)
    };
    Format::new()
        .set_bold()
        .set_font_color(Color::RGB(ink))
        .set_background_color(Color::RGB(paper))
        .set_align(FormatAlign::VerticalCenter)
        .set_border(FormatBorder::Thin)
        .set_border_color(Color::RGB(0xBF_BFBF))
        .set_num_format("@")
}

/// The format of the cells. Text keeps every digit of a long number.
fn cell_format(entry: &Entry) -> Format {
    Format::new().set_num_format(match entry {
        Entry::Date => "yyyy-mm-dd",
        Entry::Amount => "#,##0.00",
        _ => "@",
    })
}

/// Returns the check of the cells of a column; `first` is the index of the first row.
fn check(entry: &Entry, first: u32, at: u16) -> Result<Option<DataValidation>, XlsxError> {
    let check = DataValidation::new();
    let check = match entry {
        Entry::Text(None) => return Ok(None),
        Entry::Text(Some(limit)) => {
            let limit = u32::try_from(*limit).unwrap_or(u32::MAX);
            check.allow_text_length(DataValidationRule::LessThanOrEqualTo(limit))
        }
        Entry::ResidentId => check.allow_text_length(DataValidationRule::EqualTo(18)),
        Entry::Mobile => check.allow_text_length(DataValidationRule::EqualTo(11)),
        Entry::Date => {
            let first_day = ExcelDateTime::from_ymd(1900, 1, 1)?;
            check.allow_date(DataValidationRule::GreaterThanOrEqualTo(first_day))
        }
        Entry::Amount => {
            let cell = format!("{}{}", column_number_to_name(at), first + 1);
            let formula = format!("=AND(ISNUMBER({cell}),{cell}>=0,ROUND({cell},2)={cell})");
            check.allow_custom(Formula::new(formula))
        }
        // Another text is no mistake: it leaves the row out.
        Entry::Selection(values) => check.allow_list_strings(values)?.show_error_message(false),
        Entry::Choice(values) => check.allow_list_strings(values)?,
    };
    let (title, text) = words::refusal(entry);
    Ok(Some(check.set_error_title(title)?.set_error_message(text)?))
}

/// Returns the width of a column in characters: that of its name and its longest value.
fn width(column: &Column) -> f64 {
    // A Chinese character has the width of two others.
    let wide = |text: &str| {
        text.chars()
            .map(|c| if c.is_ascii() { 1 } else { 2 })
            .sum::<u32>()
    };
    let value = match &column.entry {
        Entry::Choice(values) | Entry::Selection(values) => {
            values.iter().map(|value| wide(value)).max().unwrap_or(0)
        }
        _ => column.example.as_deref().map_or(0, wide),
    };
    f64::from(wide(&column.name).max(value).clamp(8, 40) + 4)
}

/// Returns the name as a worksheet can have it.
fn sheet_name(name: &str) -> String {
    let is_refused = |c: char| "[]:*?/\\'".contains(c);
    let name: String = name
        .chars()
        .filter(|c| !is_refused(*c))
        .take(MAX_SHEET_NAME)
        .collect();
    if name.is_empty() {
        "Sheet1".to_owned()
    } else {
        name
    }
}
