//! What is wrong, where, and what to do about it.
//!
//! Every layer that reads something people wrote reports through [`Findings`]; nothing here prints.
//! A [`Place`] is an origin: a span of a file, or a cell of a sheet.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A text file that was read, kept so that an error can show its lines.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as people know it: relative to the project's folder.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A stretch of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte range in the file's text.
    pub bytes: std::ops::Range<usize>,
}

/// A row of a sheet, or one cell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The sheet's file, relative to the project's folder.
    pub file: Arc<str>,
    /// Row as a spreadsheet counts it: the header is row 1.
    pub row: u64,
    /// The column's name and its index from 0; none when the whole row is meant.
    pub column: Option<(Arc<str>, usize)>,
}

/// Where something came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a text file.
    Span(Span),
    /// In a sheet.
    Cell(Cell),
    /// A file as a whole.
    File(PathBuf),
}

impl Place {
    /// The sheet's row, when the place is in a sheet.
    pub fn row(&self) -> Option<u64> {
        match self {
            Self::Cell(cell) => Some(cell.row),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span(span) => write!(f, "{}:{}:{}", span.file.path, span.line, span.column),
            Self::Cell(cell) => {
                write!(f, "{}, row {}", cell.file, cell.row)?;
                match &cell.column {
                    Some((name, index)) => write!(f, ", column {name} ({})", letters(*index)),
                    None => Ok(()),
                }
            }
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A column's letters as a spreadsheet shows them: 0 is A, 26 is AA.
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

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing may be called while it stands.
    Error,
    /// Worth a look.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// What to do.
    pub hint: Option<String>,
    /// Other places that belong to it, each with a word on why.
    pub related: Vec<(Place, String)>,
}

impl Diagnostic {
    /// An error.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            hint: None,
            related: Vec::new(),
        }
    }

    /// A warning.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: impl Into<Place>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names another place.
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

/// How many diagnostics are kept whole; past it they are only counted, so that a sheet of a million bad rows
/// costs no more memory than a small one.
const KEPT: usize = 1000;

/// Hears of every finding, also of those that are only counted.
pub type Hears = Arc<dyn Fn(&Diagnostic) + Send + Sync>;

/// All that was found, in the order it was found.
#[derive(Default)]
pub struct Findings {
    kept: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    hears: Option<Hears>,
}

impl Findings {
    /// From now on somebody hears of all, those before included.
    pub fn tell(&mut self, hears: Hears) {
        self.kept.iter().for_each(|diagnostic| hears(diagnostic));
        self.hears = Some(hears);
    }

    /// Nothing found yet, of which the same one hears.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            hears: self.hears.clone(),
            ..Self::default()
        }
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if let Some(hears) = &self.hears {
            hears(&diagnostic);
        }
        match diagnostic.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.kept.len() < KEPT {
            self.kept.push(diagnostic);
        }
    }

    /// Adds many.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }

    /// How many errors were found, kept or not.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings were found, kept or not.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// The ones that were kept.
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

/// The name that was probably meant, as the end of a hint.
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
    fn columns_have_a_spreadsheets_letters() {
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
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["simpleFormFields", "template", "name"];
        assert_eq!(
            did_you_mean("simpleFormField", known),
            Some("simpleFormFields")
        );
        assert_eq!(did_you_mean("Template", known), Some("template"));
        assert_eq!(did_you_mean("positions", known), None);
    }
}
