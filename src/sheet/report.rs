//! Reports that are given back as the sheet. The manifest may describe the original file: the row of
//! its header, its encoding, its delimiter, or the name of its sheet.

use std::io::Read as _;

use super::file::{Format, SheetFile};
use super::open::Sheet;
use super::report_columns::REPORT_PREFIX;
use crate::diagnostic::Diagnostic;
use crate::util::input_file;

/// The bytes at the beginning of a text file in which the header of a report is looked for.
const HEADER_BYTES: u64 = 256 * 1024;

impl Sheet {
    /// Checks the structure and reads the header.
    pub fn open(file: &SheetFile) -> Result<Self, Vec<Diagnostic>> {
        match report(file) {
            Some(report) => Ok(report),
            None => Self::open_as_configured(file),
        }
    }
}

impl SheetFile {
    /// Returns whether the file is a report whose settings belong to the original sheet.
    pub fn is_returned_report(&self) -> bool {
        report(self).is_some()
    }
}

/// Opens a report of treaty as what it is, if the manifest has settings that need not fit it. Warns
/// of the settings that are not used. Returns `None` for other files.
fn report(file: &SheetFile) -> Option<Sheet> {
    let mut ignored = file.foreign_settings.clone();
    if file.header_row.is_some_and(|row| row != 1) {
        ignored.push("header");
    }
    let mut sheet = match &file.format {
        Format::Text {
            encoding,
            delimiter,
            ..
        } => {
            if *delimiter != b',' {
                ignored.push("delimiter");
            }
            if ignored.is_empty() && encoding.is_none() || !mentions_report(file) {
                return None;
            }
            let sheet = open_as_written(file, Format::default()).ok()?;
            if encoding.is_some() && sheet.encoding() != *encoding {
                ignored.push("encoding");
            }
            sheet
        }
        Format::Workbook { sheet } => {
            if ignored.is_empty() && sheet.is_none() {
                return None;
            }
            match open_as_written(file, file.format.clone()) {
                Ok(sheet) => sheet,
                Err(_) if sheet.is_none() => return None,
                Err(_) => {
                    ignored.push("sheet");
                    open_as_written(file, Format::Workbook { sheet: None }).ok()?
                }
            }
        }
    };
    if !sheet.header().is_report() || sheet.header().row() != 1 {
        return None;
    }
    if !ignored.is_empty() {
        let message = t!(
            "the sheet is a report of treaty: %{settings} of the manifest is not used for it",
            settings = ignored.join(&t!(", "))
        );
        let hint = t!("nothing has to be changed; other sheets are read with these settings");
        let warning = Diagnostic::warning(message).at(file.path_shown());
        sheet.warn(warning.hint(hint));
    }
    Some(sheet)
}

/// Opens a sheet as treaty writes it: the header is the first row.
fn open_as_written(file: &SheetFile, format: Format) -> Result<Sheet, Vec<Diagnostic>> {
    Sheet::open_as_configured(&SheetFile {
        header_row: None,
        format,
        ..file.clone()
    })
}

/// Returns whether the beginning of a text file contains the prefix of the columns of reports, which
/// is the same in every language and encoding.
fn mentions_report(file: &SheetFile) -> bool {
    let mut start = Vec::new();
    let read = input_file::open(&file.path)
        .ok()
        .and_then(|opened| opened.take(HEADER_BYTES).read_to_end(&mut start).ok());
    let name = REPORT_PREFIX.as_bytes();
    read.is_some() && start.windows(name.len()).any(|bytes| bytes == name)
}
