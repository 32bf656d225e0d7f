//! Errors and warnings, each with a location and a hint.
//!
//! Modules that read user input report through [`Findings`]. Nothing here prints.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A text file with its content, so that a diagnostic can show its lines.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as shown to the user: relative to the project folder.
    pub path: String,
    /// The content.
    pub text: String,
}

/// A range in a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte range in the content.
    pub bytes: std::ops::Range<usize>,
}

/// The location of a row or a cell of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The path of the sheet, relative to the project folder.
    pub file: Arc<str>,
    /// The name of the sheet, if the file is a workbook.
    pub sheet: Option<Arc<str>>,
    /// Row number as a spreadsheet shows it.
    pub row: u64,
    /// Name and index (from 0) of the column; `None` for the whole row.
    pub column: Option<(Arc<str>, usize)>,
}

impl Cell {
    /// Returns the coordinates as a spreadsheet shows them, such as `C2`; `None` for a whole row.
    pub fn coordinates(&self) -> Option<String> {
        let (_, index) = self.column.as_ref()?;
        Some(format!("{}{}", letters(*index), self.row))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file, row, column, ..
        } = self;
        let text = match (&self.sheet, column) {
            (Some(sheet), Some((name, index))) => {
                let cell = format!("{}{row}", letters(*index));
                match &**name {
                    "" => return write!(f, "{file} {sheet}!{cell}"),
                    name => t!(
                        "%{file} %{sheet}!%{cell}, column %{column}",
                        file = file,
                        sheet = sheet,
                        cell = cell,
                        column = name
                    ),
                }
            }
            (Some(sheet), None) => t!(
                "%{file} %{sheet}, row %{row}",
                file = file,
                sheet = sheet,
                row = row
            ),
            (None, Some((name, index))) => t!(
                "%{file}, row %{row}, column %{column} (%{letters})",
                file = file,
                row = row,
                column = name,
                letters = letters(*index)
            ),
            (None, None) => t!("%{file}, row %{row}", file = file, row = row),
        };
        f.write_str(&text)
    }
}

/// The source location of a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a text file.
    Span(Span),
    /// In a sheet.
    Cell(Cell),
    /// A whole file.
    File(PathBuf),
}

impl Place {
    /// Returns the row number, if the location is in a sheet.
    pub fn row(&self) -> Option<u64> {
        match self {
            Self::Cell(cell) => Some(cell.row),
            _ => None,
        }
    }
}

impl Place {
    /// Returns the file, the line or row, and the column in characters.
    pub fn position(&self) -> (Option<String>, Option<u64>, Option<u64>) {
        match self {
            Self::Span(span) => (
                Some(span.file.path.clone()),
                Some(span.line as u64),
                Some(span.column as u64),
            ),
            Self::Cell(cell) => (Some(cell.file.to_string()), Some(cell.row), None),
            Self::File(path) => (Some(path.display().to_string()), None, None),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span(span) => write!(f, "{}:{}:{}", span.file.path, span.line, span.column),
            Self::Cell(cell) => cell.fmt(f),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Returns the letters of a column as a spreadsheet shows them: 0 is A, 26 is AA.
fn letters(mut index: usize) -> String {
    let mut text = Vec::new();
    loop {
        text.push(b'A' + u8::try_from(index % 26).unwrap_or(0));
        if index < 26 {
            break;
        }
        index = index / 26 - 1;
    }
    text.iter()
        .rev()
        .map(|&letter| char::from(letter))
        .collect()
}

/// The severity of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Prevents every API call.
    Error,
    /// Does not prevent API calls.
    Warning,
}

/// An error or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The severity.
    pub severity: Severity,
    /// The problem, in one sentence without a final period.
    pub message: String,
    /// The location.
    pub place: Option<Place>,
    /// The key of the item of the row, if known.
    pub key: Option<String>,
    /// The recommended action.
    pub hint: Option<String>,
    /// Other locations, each with the reason why it is related.
    pub related: Vec<(Place, String)>,
}

impl Diagnostic {
    /// Creates an error.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            key: None,
            hint: None,
            related: Vec::new(),
        }
    }

    /// Creates a warning.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// Sets the location.
    #[must_use]
    pub fn at(mut self, place: impl Into<Place>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Sets the key of the item.
    #[must_use]
    pub fn of_item(mut self, key: Option<&str>) -> Self {
        self.key = key.map(str::to_owned);
        self
    }

    /// Sets the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a related location and the reason.
    #[must_use]
    pub fn related(mut self, place: impl Into<Place>, why: impl Into<String>) -> Self {
        self.related.push((place.into(), why.into()));
        self
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self::Span(span)
    }
}

impl From<&Span> for Place {
    fn from(span: &Span) -> Self {
        Self::Span(span.clone())
    }
}

impl From<Cell> for Place {
    fn from(cell: Cell) -> Self {
        Self::Cell(cell)
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// The number of diagnostics that are stored. Further ones are only counted, so that the memory
/// does not grow with the number of bad rows.
const MAX_STORED: usize = 1000;

/// Receives every diagnostic, stored or only counted.
pub type DiagnosticListener = Arc<dyn Fn(&Diagnostic) + Send + Sync>;

/// Collects diagnostics in the order of their detection.
#[derive(Default)]
pub struct Findings {
    kept: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    listener: Option<DiagnosticListener>,
}

impl Findings {
    /// Sets the listener. It receives the stored diagnostics at once, and all later ones.
    pub fn set_listener(&mut self, listener: DiagnosticListener) {
        self.kept.iter().for_each(|diagnostic| listener(diagnostic));
        self.listener = Some(listener);
    }

    /// Returns an empty collection with the same listener.
    #[must_use]
    pub fn new_with_listener(&self) -> Self {
        Self {
            listener: self.listener.clone(),
            ..Self::default()
        }
    }

    /// Adds a diagnostic.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if let Some(listener) = &self.listener {
            listener(&diagnostic);
        }
        match diagnostic.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.kept.len() < MAX_STORED {
            self.kept.push(diagnostic);
        }
    }

    /// Adds diagnostics.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }

    /// Returns the number of errors, stored or not.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Returns the number of warnings, stored or not.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Returns the stored diagnostics.
    pub fn kept(&self) -> &[Diagnostic] {
        &self.kept
    }
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Findings")
            .field("kept", &self.kept)
            .field("errors", &self.errors)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Returns the known name that is most similar to the given one, if one is similar enough.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&given.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_columns_as_spreadsheet_letters() {
        for (index, expected) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (51, "AZ"),
            (52, "BA"),
            (701, "ZZ"),
            (702, "AAA"),
        ] {
            assert_eq!(letters(index), expected);
        }
    }

    #[test]
    fn suggests_only_similar_names() {
        let known = ["simpleFormFields", "template", "name"];
        assert_eq!(
            did_you_mean("simpleFormField", known),
            Some("simpleFormFields")
        );
        assert_eq!(did_you_mean("Template", known), Some("template"));
        assert_eq!(did_you_mean("positions", known), None);
    }
}
