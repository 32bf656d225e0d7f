//! Reads the PDF template and the sheet of a new project.

use std::path::{Path, PathBuf};

use super::column::{Column, Kind};
use crate::cli::exit::{CliError, Exit};
use crate::diagnostic::Diagnostic;
use crate::pdf::{self, FieldKind, PdfError};
use crate::sheet::{Format, REPORT_PREFIX, Sheet, SheetFile};
use crate::util::input_file;

/// The PDF template of a new project.
pub(super) struct Template {
    /// The file's name in the project.
    pub(super) file_name: String,
    pub(super) bytes: Vec<u8>,
    /// The names of the text fields, in form order.
    pub(super) fields: Vec<String>,
    /// The names and kinds of fields that cannot be filled.
    pub(super) other: Vec<(String, FieldKind)>,
    pub(super) pages: usize,
}

/// The sheet of a new project.
pub(super) struct SheetInput {
    /// The file's name in the project.
    pub(super) file_name: String,
    pub(super) path: PathBuf,
    /// The number of the row with the column names, if it is not the first.
    pub(super) header_row: Option<u64>,
    pub(super) columns: Vec<Column>,
}

/// The rows that are read to guess the kinds of the columns.
const SAMPLE_ROWS: usize = 1000;

/// The rows below a title in which the header is looked for.
const TITLE_ROWS: u64 = 5;

pub(super) fn read_template(path: &Path) -> Result<Template, CliError> {
    let invalid = |message: String, hint: &str| CliError::new(Exit::Invalid, message, hint);
    let shown = path.display();
    let bytes = input_file::read(path, input_file::MAX_DOCUMENT).map_err(|error| {
        let hint = error.hint(t!("check the path of --template"));
        let message = t!("cannot read %{file}: %{error}", file = shown, error = error);
        invalid(message.into_owned(), &hint)
    })?;
    let form = pdf::form(&bytes).map_err(|error| {
        let hint = match (&error, error.hint()) {
            (_, Some(hint)) => hint,
            (PdfError::Encrypted, _) => {
                t!("save it without a password and without restrictions: the service rejects encrypted templates")
            }
            _ => t!("--template is the contract as a PDF; export it again if it is one"),
        };
        invalid(format!("{shown}: {error}"), &hint)
    })?;
    let mut fields: Vec<String> = form.text.into_iter().map(|(name, _)| name).collect();
    let mut seen = std::collections::BTreeSet::new();
    fields.retain(|name| seen.insert(name.clone()));
    if fields.is_empty() {
        let message = if form.other.is_empty() {
            t!(
                "%{file} has no form fields, so there is nothing to fill in",
                file = shown
            )
        } else {
            t!(
                "%{file} has no text fields; only text fields can be filled",
                file = shown
            )
        };
        return Err(invalid(
            message.into_owned(),
            &t!(
                "add a text field for each value of the contract with a PDF editor (Prepare Form), or in LibreOffice \
                Writer (Form > Text Box, then export as PDF with \"Create PDF form\"), and name each field like its column"
            ),
        ));
    }
    let pages = pdf::page_sizes(&bytes).map_or(1, |sizes| sizes.len());
    Ok(Template {
        file_name: safe_name(path),
        bytes,
        fields,
        other: form.other,
        pages,
    })
}

/// Opens the sheet and reads its header and its first rows.
///
/// # Errors
/// Diagnostics of the sheet. Their hints name the options of the command.
pub(super) fn read_sheet(
    path: &Path,
    sheet: Option<&str>,
    header_row: Option<u64>,
) -> Result<SheetInput, Vec<Diagnostic>> {
    let mut file = SheetFile {
        path: path.to_owned(),
        shown: path.display().to_string().into(),
        header_row,
        format: format(path, sheet).map_err(|error| vec![error])?,
        foreign_settings: Vec::new(),
    };
    let mut opened = open(&file)?;
    if header_row.is_none() && named_columns(&opened).count() < 2 {
        // A title above the header.
        let title = opened.header().row();
        for row in title + 1..=title + TITLE_ROWS {
            file.header_row = Some(row);
            if let Ok(below) = Sheet::open(&file)
                && named_columns(&below).count() > 1
            {
                opened = below;
                break;
            }
        }
        if opened.header().row() == title {
            file.header_row = None;
        }
    }
    let columns = columns(&opened).map_err(|error| vec![error])?;
    let is_value = |column: &Column| {
        let name = Column {
            name: String::new(),
            values: vec![column.name.clone()],
        };
        matches!(name.kind(), Kind::ResidentId | Kind::Mobile | Kind::Date)
    };
    if let Some(value) = columns.iter().find(|column| is_value(column)) {
        let row = opened.header().row();
        let error = Diagnostic::error(t!(
            "row %{row} of the sheet has values, not the names of columns",
            row = row
        ));
        return Err(vec![
            error
                .at(opened.header().cell(row, Some(&value.name)))
                .hint(t!("insert a row with the names of the columns above it, or name the row with --header")),
        ]);
    }
    if columns.is_empty() {
        let error = Diagnostic::error(t!("the header of the sheet has no names that can be used"));
        let place = opened.header().cell(opened.header().row(), None);
        return Err(vec![
            error
                .at(place)
                .hint(t!("name the row with the column names with --header")),
        ]);
    }
    Ok(SheetInput {
        file_name: safe_name(path),
        path: path.to_owned(),
        header_row: file.header_row,
        columns,
    })
}

fn open(file: &SheetFile) -> Result<Sheet, Vec<Diagnostic>> {
    // The reader knows the fields of the manifest, which does not exist yet.
    let with_options = |mut error: Diagnostic| {
        let hint = error.hint.take();
        error.hint = hint.map(|hint| {
            hint.replace("rows.sheet:", "--sheet-name, one of:")
                .replace("rows.sheet", "--sheet-name")
                .replace("rows.header", "--header")
        });
        error
    };
    Sheet::open(file).map_err(|errors| errors.into_iter().map(with_options).collect())
}

fn format(path: &Path, sheet: Option<&str>) -> Result<Format, Diagnostic> {
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let refuse = |message, hint| Err(Diagnostic::error(message).at(path.to_owned()).hint(hint));
    match (ending.as_str(), sheet) {
        ("xlsx" | "xlsm", sheet) => Ok(Format::Workbook {
            sheet: sheet.map(Into::into),
        }),
        ("xls" | "xlsb" | "ods" | "et", _) => refuse(
            t!("workbooks of this format are not read"),
            t!("save the sheet as .xlsx"),
        ),
        ("csv" | "tsv" | "txt", Some(_)) => {
            refuse(t!("a text file has no sheets"), t!("remove --sheet-name"))
        }
        ("csv" | "tsv" | "txt", None) => Ok(Format::Text {
            encoding: None,
            delimiter: if ending == "tsv" { b'\t' } else { b',' },
            delimiter_span: None,
        }),
        _ => refuse(
            t!("the file is no sheet"),
            t!("--sheet is an .xlsx, .xlsm, .csv or .tsv file"),
        ),
    }
}

/// Returns the names of the columns that expressions can name.
fn named_columns(sheet: &Sheet) -> impl Iterator<Item = (usize, &str)> {
    let names = sheet
        .header()
        .columns()
        .iter()
        .map(|name| &**name)
        .enumerate();
    names.filter(|(_, name)| {
        let is_named = !name.trim().is_empty() && !name.starts_with(REPORT_PREFIX);
        is_named && !name.contains('\\') && !(name.contains('"') && name.contains('\''))
    })
}

fn columns(sheet: &Sheet) -> Result<Vec<Column>, Diagnostic> {
    let named: Vec<(usize, &str)> = named_columns(sheet).collect();
    let mut columns: Vec<Column> = named
        .iter()
        .map(|(_, name)| Column {
            name: (*name).to_owned(),
            values: Vec::new(),
        })
        .collect();
    let rows = sheet.rows().map_err(|error| {
        let place = sheet.header().cell(sheet.header().row(), None);
        Diagnostic::error(t!("the sheet cannot be read: %{error}", error = error)).at(place)
    })?;
    // A row that cannot be read is an error of validate.
    for row in rows.take(SAMPLE_ROWS).flatten() {
        for (column, (at, _)) in columns.iter_mut().zip(&named) {
            column
                .values
                .push(row.at(*at).unwrap_or_default().to_owned());
        }
    }
    Ok(columns)
}

/// Returns the name of a file without characters that need care in manifests and shells.
fn safe_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "._-+ ()（）".contains(c);
    let name: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => name,
    }
}
