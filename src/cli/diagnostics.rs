//! Diagnostics on standard error: the source line, what is wrong with it, and what to do. Each is a log event, too.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::args::LogFormat;
use super::output::logging::CONSOLE;
use super::{excerpt, out, wrap};
use crate::diagnostic::{Diagnostic, Findings, Place, Severity};
use crate::manifest::Settings;
use crate::report::ErrorTable;

/// What stands before a hint beside a line's number: `1234 ╰ hint: `.
const HINT: usize = 13;

/// So many are shown; the rest is counted.
const SHOWN: usize = 100;

/// Where all are written once they are more than are shown.
pub(super) fn table(settings: &Settings) -> ErrorTable {
    ErrorTable::beyond(SHOWN, &settings.reports.directory.join("errors.csv"))
}

/// Prints findings to standard error, errors first, and tells where the others are.
pub(super) fn print(findings: &[&Findings], format: LogFormat, table: Option<&ErrorTable>) {
    let mut all: Vec<&Diagnostic> = findings
        .iter()
        .flat_map(|findings| findings.kept())
        .collect();
    all.sort_by_key(|diagnostic| match diagnostic.severity {
        Severity::Error => 0,
        Severity::Warning => 1,
    });
    for diagnostic in all.iter().take(SHOWN) {
        log(diagnostic);
    }
    let shown = match format {
        LogFormat::Text => {
            let width = wrap::width();
            let blocks = alike(&all);
            for block in blocks.iter().take(SHOWN) {
                out::note(format_args!("{}\n", render(block, width)));
            }
            let rows = blocks.iter().take(SHOWN).map(|block| 1 + block.rows.len());
            rows.sum()
        }
        LogFormat::Json => SHOWN,
    };
    let found: usize = findings
        .iter()
        .map(|findings| findings.errors() + findings.warnings())
        .sum();
    let written = table.map(ErrorTable::finish).transpose();
    if let Err(error) = &written {
        tracing::warn!(target: CONSOLE, event = "note", "{error}");
        if format == LogFormat::Text {
            out::note(format_args!("\u{1b}[1;33mwarning\u{1b}[0m: {error}\n"));
        }
    }
    if found <= SHOWN {
        return;
    }
    let file = written.ok().flatten().flatten();
    tracing::warn!(
        target: CONSOLE,
        event = "findings",
        count = found,
        file = file.as_ref().map(|file| file.display().to_string()),
        "more was found than is shown"
    );
    if format == LogFormat::Text {
        let more = match found.saturating_sub(shown) {
            0 => None,
            more => Some(format!("… and {more} more")),
        };
        let file = file.map(|file| format!("all are in {}", file.display()));
        let told: Vec<String> = more.into_iter().chain(file).collect();
        if !told.is_empty() {
            out::note(format_args!("{}\n", told.join("; ")));
        }
    }
}

/// The same thing wrong with one row or with many.
struct Block<'a> {
    first: &'a Diagnostic,
    kind: Option<String>,
    /// The other rows.
    rows: Vec<u64>,
}

/// Puts together what differs by its row alone, where the first one stands. Few enough are kept to be compared one by one.
fn alike<'a>(all: &[&'a Diagnostic]) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    for diagnostic in all {
        let (row, kind) = kind(diagnostic).unzip();
        let known = blocks
            .iter_mut()
            .find(|block| kind.is_some() && block.kind == kind);
        match known {
            Some(block) => block.rows.extend(row),
            None => blocks.push(Block {
                first: diagnostic,
                kind,
                rows: Vec::new(),
            }),
        }
    }
    blocks
}

/// A row, and all that is said of it but the row itself; none for what does not stand in a sheet.
fn kind(diagnostic: &Diagnostic) -> Option<(u64, String)> {
    let Some(Place::Cell(cell)) = &diagnostic.place else {
        return None;
    };
    let mut kind = diagnostic.message.clone();
    let column = cell.column.as_ref().map(|(name, _)| &**name);
    let texts = [
        Some(&*cell.file),
        column,
        diagnostic.hint.as_deref(),
        matches!(diagnostic.severity, Severity::Error).then_some("error"),
    ];
    for text in texts {
        kind.push('\0');
        kind.push_str(text.unwrap_or_default());
    }
    for (place, why) in &diagnostic.related {
        kind.push('\0');
        kind.push_str(&place.to_string());
        kind.push_str(why);
    }
    Some((cell.row, kind))
}

/// So many rows are named.
const NAMED: usize = 10;

fn more_rows(rows: &[u64]) -> String {
    let named: Vec<String> = rows.iter().take(NAMED).map(ToString::to_string).collect();
    let word = if rows.len() == 1 { "row" } else { "rows" };
    let rest = if rows.len() > NAMED { " …" } else { "" };
    format!("and {} more {word}: {}{rest}", rows.len(), named.join(", "))
}

/// What is wrong as people read it, on a screen so wide.
fn render(block: &Block<'_>, width: Option<usize>) -> String {
    let diagnostic = block.first;
    let more = (!block.rows.is_empty()).then(|| more_rows(&block.rows));
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&*diagnostic.message));
    if let Some(place) = &diagnostic.place {
        group = at(group, place, None);
    }
    for (place, why) in &diagnostic.related {
        group = at(group, place, Some(why));
    }
    if let Some(more) = &more {
        group = group.element(Level::NOTE.no_name().message(more.as_str()));
    }
    let hint = diagnostic.hint.as_deref().filter(|hint| !hint.is_empty());
    let hint = hint.map(|hint| wrap::wrapped(hint, width, HINT));
    if let Some(hint) = &hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    Renderer::styled()
        .decor_style(DecorStyle::Unicode)
        .render(&[group])
}

fn at<'a>(group: Group<'a>, place: &'a Place, why: Option<&'a str>) -> Group<'a> {
    match place {
        Place::Span(span) => {
            let kind = if why.is_some() {
                AnnotationKind::Context
            } else {
                AnnotationKind::Primary
            };
            let mut annotation = kind.span(span.bytes.clone());
            if let Some(why) = why {
                annotation = annotation.label(why);
            }
            let snippet = Snippet::source(excerpt::masked(&span.file.text))
                .path(&*span.file.path)
                .annotation(annotation);
            group.element(snippet)
        }
        place => {
            let shown = match why {
                Some(why) => format!("{place} ({why})"),
                None => place.to_string(),
            };
            group.element(Origin::path(shown))
        }
    }
}

/// Logs a diagnostic with its place in fields of their own.
fn log(diagnostic: &Diagnostic) {
    let place = diagnostic.place.as_ref().map(Located::of);
    let place = place.unwrap_or_default();
    let related = diagnostic.related.iter();
    let related = related.map(|(place, why)| format!("{place}: {why}"));
    let related = related.collect::<Vec<_>>().join("; ");
    macro_rules! logged {
        ($log:ident) => {
            tracing::$log!(
                target: CONSOLE,
                event = "diagnostic",
                file = place.file,
                line = place.line,
                row = place.row,
                column = place.column,
                hint = diagnostic.hint,
                related = Some(related.as_str()).filter(|related| !related.is_empty()),
                "{}",
                diagnostic.message
            )
        };
    }
    match diagnostic.severity {
        Severity::Error => logged!(error),
        Severity::Warning => logged!(warn),
    }
}

/// The parts of a place.
#[derive(Default)]
struct Located {
    file: Option<String>,
    /// Of a text file, from 1.
    line: Option<u64>,
    /// Of a sheet, from 1.
    row: Option<u64>,
    /// The column's number in a text file, and its name in a sheet.
    column: Option<String>,
}

impl Located {
    fn of(place: &Place) -> Self {
        match place {
            Place::Span(span) => Self {
                file: Some(span.file.path.clone()),
                line: Some(span.line as u64),
                column: Some(span.column.to_string()),
                row: None,
            },
            Place::Cell(cell) => Self {
                file: Some(cell.file.to_string()),
                line: None,
                row: Some(cell.row),
                column: cell.column.as_ref().map(|(name, _)| name.to_string()),
            },
            Place::File(path) => Self {
                file: Some(path.display().to_string()),
                ..Self::default()
            },
        }
    }
}
