//! Prints diagnostics to standard error, with the source line and a hint, and logs each of them.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::env_values;
use super::excerpt;
use super::out;
use super::target::CONSOLE;
use super::wrap;
use crate::cli::args::LogFormat;
use crate::diagnostic::{Diagnostic, Findings, Place, Severity};
use crate::manifest::Settings;
use crate::report::ErrorTable;
use crate::util::escape::escaped;

/// The width of the prefix of a hint: `1234 ╰ help: `.
const HINT_PREFIX: usize = 13;

/// The most diagnostics that are shown. The number of the others is printed.
const SHOWN: usize = 100;

/// Creates the table of all findings. It is written if there are errors, or more findings than are
/// shown.
pub(in crate::cli) fn table(settings: &Settings) -> ErrorTable {
    ErrorTable::new(&settings.reports.directory, SHOWN)
}

/// Prints findings to standard error, errors first, the number of those that are not shown, and the
/// paths of the table.
pub(in crate::cli) fn print(findings: &[&Findings], format: LogFormat, table: Option<&ErrorTable>) {
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
            let blocks = group_by_kind(&all);
            for block in blocks.iter().take(SHOWN) {
                out::laid_out_note(&format!("{}\n", render(block, width)));
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
        out::log_warning(format, error);
    }
    let files = written.ok().flatten().unwrap_or_default();
    if found > SHOWN {
        tracing::warn!(
            target: CONSOLE,
            event = "findings",
            count = found,
            file = files.first().map(|file| file.display().to_string()),
            "some findings are not shown"
        );
    }
    if format == LogFormat::Text {
        let more = match found.saturating_sub(shown) {
            more if found > SHOWN && more > 0 => Some(t!("… and %{count} more", count = more)),
            _ => None,
        };
        let files: Vec<String> = files
            .iter()
            .map(|file| out::shown(file).display().to_string())
            .collect();
        let files = match &*files {
            [] => None,
            [file] => Some(t!("all findings are in %{file}", file = file)),
            [file, other, ..] => Some(t!(
                "all findings are in %{file} and %{other}",
                file = file,
                other = other
            )),
        };
        let parts: Vec<_> = more.into_iter().chain(files).collect();
        if !parts.is_empty() {
            out::note(parts.join(&t!("; ")));
            out::note("");
        }
    }
}

/// A diagnostic, and the other rows with the same problem.
struct Block<'a> {
    first: &'a Diagnostic,
    /// See [`kind`].
    kind: Option<String>,
    /// The numbers of the other rows.
    rows: Vec<u64>,
}

/// Groups diagnostics that differ only by their row, at the position of the first. The number of
/// stored findings is bounded, so a linear search is fast enough.
fn group_by_kind<'a>(all: &[&'a Diagnostic]) -> Vec<Block<'a>> {
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

/// The row of a diagnostic in a sheet, and its content without the row. None outside of sheets.
fn kind(diagnostic: &Diagnostic) -> Option<(u64, String)> {
    let Some(Place::Cell(cell)) = &diagnostic.place else {
        return None;
    };
    let mut kind = diagnostic.message.clone();
    let column = cell.column.as_ref().map(|(name, _)| &**name);
    let texts = [
        Some(&*cell.file),
        cell.sheet.as_deref(),
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

/// The most row numbers that are listed.
const NAMED: usize = 10;

fn more_rows(rows: &[u64]) -> String {
    let rest = if rows.len() > NAMED { " …" } else { "" };
    let named: Vec<String> = rows.iter().take(NAMED).map(ToString::to_string).collect();
    let named = named.join(", ") + rest;
    match rows.len() {
        1 => t!("and 1 more row: %{rows}", rows = named),
        count => t!(
            "and %{count} more rows: %{rows}",
            count = count,
            rows = named
        ),
    }
    .into_owned()
}

/// Renders a diagnostic. `width`: the width of the terminal in columns.
fn render(block: &Block<'_>, width: Option<usize>) -> String {
    let diagnostic = block.first;
    let more = (!block.rows.is_empty()).then(|| more_rows(&block.rows));
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR.with_name(t!("error")),
        Severity::Warning => Level::WARNING.with_name(t!("warning")),
    };
    let mut group = Group::with_title(level.primary_title(escaped(&diagnostic.message)));
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
    let hint = hint.map(|hint| {
        let hint = env_values::masked(hint);
        wrap::wrapped(&escaped(&hint), width, HINT_PREFIX)
    });
    if let Some(hint) = &hint {
        let level = Level::HELP.with_name(t!("help"));
        group = group.element(level.message(hint.as_str()));
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
            let (text, bytes) = excerpt::shown(&span.file.text, &span.bytes);
            let mut annotation = kind.span(bytes);
            if let Some(why) = why {
                annotation = annotation.label(escaped(why));
            }
            let snippet = Snippet::source(text)
                .path(escaped(&span.file.path))
                .annotation(annotation);
            group.element(snippet)
        }
        place => {
            let shown = match why {
                Some(why) => format!("{place} ({why})"),
                None => place.to_string(),
            };
            group.element(Origin::path(escaped(&shown).into_owned()))
        }
    }
}

/// Logs a diagnostic, with its location in separate fields.
fn log(diagnostic: &Diagnostic) {
    let place = diagnostic.place.as_ref().map(LocationFields::of);
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

/// A source location as log fields.
#[derive(Default)]
struct LocationFields {
    file: Option<String>,
    /// The line of a text file, from 1.
    line: Option<u64>,
    /// The row of a sheet, from 1.
    row: Option<u64>,
    /// The number of the column in a text file, or its name in a sheet.
    column: Option<String>,
}

impl LocationFields {
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
