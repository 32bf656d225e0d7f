//! Opens a workbook and reads the header of its sheet.

use std::borrow::Cow;
use std::io::BufReader;
use std::sync::Arc;

use calamine::{Reader as _, SheetType, SheetVisible, Xlsx, XlsxError};

use super::archive::{self, ArchiveError};
use super::layout::Layout;
use super::rows::{RowReader, Source, WorkbookRows, each_row, never_computed};
use crate::diagnostic::{Cell, Diagnostic, did_you_mean};
use crate::sheet::file::{SheetFile, Start};
use crate::sheet::report_columns::RESULTS_SHEETS;
use crate::sheet::row::{Header, MAX_COLUMNS};
use crate::util::input_file;

/// An open workbook: its sheet is known, its layout is checked, and its header has been read.
#[derive(Debug)]
pub(in crate::sheet) struct Workbook {
    file: SheetFile,
    sheet: Arc<str>,
    header: Arc<Header>,
    layout: Arc<Layout>,
    warnings: Vec<Diagnostic>,
    column_errors: Vec<(usize, Diagnostic)>,
}

impl Workbook {
    /// Finds the sheet, checks its layout and reads the header. Without a name, the workbook must
    /// have one visible sheet, or be a report.
    pub(in crate::sheet) fn open(
        file: &SheetFile,
        sheet: Option<&str>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut workbook = source(file).map_err(|error| vec![error])?;
        let Chosen {
            name: sheet,
            unless_report,
        } = chosen(file, &workbook, sheet).map_err(|error| vec![error])?;
        let layout = layout(file, &sheet).map_err(|error| vec![unreadable(file, &error)])?;
        let header = header(file, &mut workbook, &sheet, &layout)?;
        if let Some(error) = unless_report.filter(|_| !header.is_report()) {
            return Err(vec![error]);
        }
        Ok(Self {
            file: file.clone(),
            warnings: warnings(file, &sheet, &layout),
            column_errors: uncomputed(&layout, &header),
            layout: Arc::new(layout),
            sheet,
            header: Arc::new(header),
        })
    }

    /// Returns the header.
    pub(in crate::sheet) fn header(&self) -> &Arc<Header> {
        &self.header
    }

    /// Returns an upper bound of the number of rows, with the header.
    pub(in crate::sheet) fn max_rows(&self) -> u64 {
        self.layout.last_row
    }

    /// Returns what the sheet hides.
    pub(in crate::sheet) fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Returns the columns with formulas that were never computed.
    pub(in crate::sheet) fn column_errors(&self) -> &[(usize, Diagnostic)] {
        &self.column_errors
    }

    /// Streams the rows after the header. Fails if the columns changed since the sheet was opened.
    pub(in crate::sheet) fn rows(&self) -> std::io::Result<WorkbookRows> {
        let changed = |error: &str| std::io::Error::other(error.to_owned());
        let mut workbook = source(&self.file).map_err(|error| changed(&error.message))?;
        let columns = self.header.columns().len();
        let now = header(&self.file, &mut workbook, &self.sheet, &self.layout);
        let now = now.map_err(|_| changed(&t!("its header cannot be read any more")))?;
        if now.columns() != self.header.columns() {
            return Err(changed(&t!(
                "the columns changed since the sheet was opened"
            )));
        }
        let uncomputed = self.column_errors.iter().map(|(column, _)| *column);
        let uncomputed = uncomputed.filter(|column| *column < columns).collect();
        Ok(WorkbookRows::start(RowReader {
            workbook,
            sheet: self.sheet.clone(),
            header: self.header.clone(),
            layout: self.layout.clone(),
            uncomputed,
        }))
    }
}

fn unreadable(file: &SheetFile, error: &ArchiveError) -> Diagnostic {
    let error = file.unreadable(error);
    error.hint(t!(
        "open the workbook in a spreadsheet program and save it again as .xlsx"
    ))
}

/// Opens the workbook. Checks the sizes of its parts before they are read.
fn source(file: &SheetFile) -> Result<Source, Diagnostic> {
    let opened = || {
        let opened = input_file::open(&file.path).map_err(std::io::Error::from);
        opened.map_err(|error| file.unreadable(&error))
    };
    match archive::open(opened()?) {
        // A compound file is not an archive. The reader below tells a password from another format.
        Ok(_) | Err(ArchiveError::NoArchive(_)) => {}
        Err(error) => return Err(unreadable(file, &error)),
    }
    Xlsx::new(BufReader::new(opened()?)).map_err(|error| match error {
        XlsxError::Password => file
            .error(t!("the workbook is protected by a password"))
            .hint(t!(
                "save it without a password (文件 > 信息 > 保护工作簿), and keep the file private"
            )),
        XlsxError::Zip(_) if is_compound(file) => file
            .error(t!(
                "the file is not an .xlsx workbook, but of an older format, such as .xls"
            ))
            .hint(t!("open it in a spreadsheet program and save it as .xlsx")),
        XlsxError::Zip(_) => file
            .error(t!(
                "the workbook is incomplete: its end is missing or damaged"
            ))
            .hint(t!(
                "wait until it has been saved, or copy or download it again"
            )),
        XlsxError::FileNotFound(_) => file
            .error(t!("the file is an archive, but not an .xlsx workbook"))
            .hint(t!("open it in a spreadsheet program and save it as .xlsx")),
        error => unreadable_workbook(file, &error),
    })
}

/// Returns whether the file begins as one of an older format.
fn is_compound(file: &SheetFile) -> bool {
    let start = Start::of(file);
    start.is_ok_and(|start| matches!(start, Start::Compound))
}

fn unreadable_workbook(file: &SheetFile, error: &XlsxError) -> Diagnostic {
    let error = file.unreadable(error);
    error.hint(t!(
        "open the workbook in a spreadsheet program and save it again as .xlsx"
    ))
}

/// The sheet to read.
struct Chosen {
    name: Arc<str>,
    /// The error if the sheet is not that of a report.
    unless_report: Option<Diagnostic>,
}

impl Chosen {
    fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            unless_report: None,
        }
    }
}

/// Returns the sheet to read.
fn chosen(file: &SheetFile, workbook: &Source, wanted: Option<&str>) -> Result<Chosen, Diagnostic> {
    let sheets = workbook.sheets_metadata().iter();
    let sheets: Vec<_> = sheets
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .collect();
    let names = || sheets.iter().map(|sheet| &*sheet.name);
    let listed = || names().collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        if let Some(found) = names().find(|name| *name == wanted) {
            return Ok(Chosen::named(found));
        }
        if let Some(other) = workbook.sheets_metadata().iter().find(|s| s.name == wanted) {
            return Err(file
                .error(t!(
                    "%{sheet} is not a worksheet, but a chart or macros",
                    sheet = other.name
                ))
                .hint(t!("the worksheets are %{sheets}", sheets = listed())));
        }
        let hint = match did_you_mean(wanted, names()) {
            Some(near) => t!("did you mean %{near}?", near = near),
            None => t!("the sheets are %{sheets}", sheets = listed()),
        };
        return Err(file
            .error(t!("the workbook has no sheet %{wanted}", wanted = wanted))
            .hint(hint));
    }
    let visible_names = || {
        let sheets = sheets.iter();
        let visible = sheets.filter(|sheet| sheet.visible == SheetVisible::Visible);
        visible.map(|sheet| &*sheet.name)
    };
    let mut visible = visible_names();
    match (visible.next(), visible.next()) {
        (Some(only), None) => Ok(Chosen::named(only)),
        (None, _) => Err(file
            .error(t!("the workbook has no visible sheet"))
            .hint(t!("name one with rows.sheet: %{sheets}", sheets = listed()))),
        (Some(_), Some(_)) => {
            let several = file
                .error(t!("the workbook has several sheets"))
                .hint(t!("name one with rows.sheet: %{sheets}", sheets = listed()));
            let results = visible_names().find(|name| RESULTS_SHEETS.contains(name));
            let Some(results) = results else {
                return Err(several);
            };
            // Rows of the other sheets would be missing.
            let next = format!("{results} 2");
            if visible_names().any(|name| name == next) {
                return Err(file
                    .error(t!(
                        "the rows of the workbook continue in the sheet %{next}",
                        next = next
                    ))
                    .hint(t!(
                        "use the CSV report as the sheet, or correct the workbook of failed rows"
                    )));
            }
            Ok(Chosen {
                name: results.into(),
                unless_report: Some(several),
            })
        }
    }
}

fn layout(file: &SheetFile, sheet: &str) -> Result<Layout, ArchiveError> {
    let opened = input_file::open(&file.path).map_err(std::io::Error::from)?;
    let mut archive = archive::open(opened)?;
    let part = archive::sheet_part(&mut archive, sheet)?;
    Layout::read(&mut archive, &part, file.header_row.unwrap_or(1))
}

/// Reads the header: the configured row, or the first row that is not empty. It is padded to all
/// columns of the sheet.
fn header(
    file: &SheetFile,
    workbook: &mut Source,
    sheet: &Arc<str>,
    layout: &Layout,
) -> Result<Header, Vec<Diagnostic>> {
    let mut found = None;
    let read = each_row(workbook, sheet, layout, |row| {
        let is_header = file.header_row.is_none_or(|wanted| row.number >= wanted);
        if is_header {
            found = Some(row);
        }
        !is_header
    });
    read.map_err(|error| vec![unreadable_workbook(file, &error)])?;
    let found = found.filter(|row| file.header_row.is_none_or(|wanted| row.number == wanted));
    let Some(row) = found else {
        return Err(vec![file.no_header(layout.last_row).at(Cell {
            file: file.shown.clone(),
            sheet: Some(sheet.clone()),
            row: file.header_row.unwrap_or(1),
            column: None,
        })]);
    };
    let mut names: Vec<Arc<str>> = row.cells.iter().map(Arc::from).collect();
    let columns = layout.columns.max(names.len());
    if columns > MAX_COLUMNS {
        return Err(vec![
            file.error(t!(
                "the sheet has more than %{max} columns",
                max = MAX_COLUMNS
            ))
            .hint(t!(
                "delete empty columns on the right, or copy the needed columns to another sheet"
            )),
        ]);
    }
    names.resize(columns, Arc::from(""));
    let header = Header::new(file.shown.clone(), Some(sheet.clone()), row.number, names);
    let errors = header.duplicates();
    if errors.is_empty() {
        Ok(header)
    } else {
        Err(errors)
    }
}

/// Describes what a person may not see in the sheet. It is read like everything else.
fn warnings(file: &SheetFile, sheet: &str, layout: &Layout) -> Vec<Diagnostic> {
    let hidden_rows = match layout.hidden_rows {
        0 => None,
        1 => Some(t!("1 hidden row")),
        count => Some(t!("%{count} hidden rows", count = count)),
    };
    let hidden_columns = match layout.hidden_columns {
        0 => None,
        1 => Some(t!("1 hidden column")),
        count => Some(t!("%{count} hidden columns", count = count)),
    };
    let hidden: Vec<_> = hidden_rows.into_iter().chain(hidden_columns).collect();
    let hidden = hidden.join(&t!(", "));
    let mut warnings = Vec::new();
    let mut warn = |message: Cow<'static, str>, hint: Cow<'static, str>| {
        let warning = Diagnostic::warning(message).at(std::path::PathBuf::from(&*file.shown));
        warnings.push(warning.hint(hint));
    };
    if !hidden.is_empty() {
        let message = if layout.is_filtered {
            t!(
                "the sheet %{sheet} has %{hidden} and a filter",
                sheet = sheet,
                hidden = hidden
            )
        } else {
            t!(
                "the sheet %{sheet} has %{hidden}",
                sheet = sheet,
                hidden = hidden
            )
        };
        warn(
            message,
            t!("hidden rows and columns are read like the others; select rows with rows.where"),
        );
    }
    if let Some((count, first)) = &layout.merged {
        let message = match count {
            1 => t!(
                "the sheet %{sheet} has 1 merged range of cells, such as %{first}",
                sheet = sheet,
                first = first
            ),
            count => t!(
                "the sheet %{sheet} has %{count} merged ranges of cells, such as %{first}",
                sheet = sheet,
                count = count,
                first = first
            ),
        };
        warn(
            message,
            t!("only the first cell of a range has the value; the others are empty"),
        );
    }
    warnings
}

/// Returns an error for each column with formulas that were never computed.
fn uncomputed(layout: &Layout, header: &Header) -> Vec<(usize, Diagnostic)> {
    let columns = layout.uncomputed.iter().map(|(column, found)| {
        let error = never_computed(found.count);
        (*column, error.at(header.cell_at(found.first_row, *column)))
    });
    columns.collect()
}
