//! Diagnostics on the screen: the line itself, what is wrong with it, and what to do; or one JSON object each.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::args::LogFormat;
use super::{excerpt, out};
use crate::diagnostic::{Diagnostic, Findings, Place, Severity};
use crate::manifest::Settings;
use crate::report::ErrorTable;

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
        match format {
            LogFormat::Text => out::note(format_args!("{}\n", render(diagnostic))),
            LogFormat::Json => out::note(json(diagnostic)),
        }
    }
    let found: usize = findings
        .iter()
        .map(|findings| findings.errors() + findings.warnings())
        .sum();
    let written = table.map(ErrorTable::finish).transpose();
    if let Err(error) = &written {
        out::note(format_args!("\u{1b}[1;33mwarning\u{1b}[0m: {error}\n"));
    }
    if found <= SHOWN {
        return;
    }
    let file = written.ok().flatten().flatten();
    match format {
        LogFormat::Text => {
            let file = file.map(|file| format!("; all are in {}", file.display()));
            let more = found - SHOWN;
            out::note(format_args!(
                "… and {more} more{}\n",
                file.unwrap_or_default()
            ));
        }
        LogFormat::Json => {
            out::note(serde_json::json!({ "event": "findings", "count": found, "file": file }));
        }
    }
}

/// A diagnostic as people read it.
pub(super) fn render(diagnostic: &Diagnostic) -> String {
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
    if let Some(hint) = diagnostic.hint.as_deref().filter(|hint| !hint.is_empty()) {
        group = group.element(Level::HELP.with_name("hint").message(hint));
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

fn json(diagnostic: &Diagnostic) -> serde_json::Value {
    serde_json::json!({
        "level": match diagnostic.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": diagnostic.message,
        "place": diagnostic.place.as_ref().map(place_json),
        "hint": diagnostic.hint,
        "related": diagnostic.related.iter().map(|(place, why)| {
            serde_json::json!({ "place": place_json(place), "why": why })
        }).collect::<Vec<_>>(),
    })
}

fn place_json(place: &Place) -> serde_json::Value {
    match place {
        Place::Span(span) => {
            serde_json::json!({ "file": span.file.path, "line": span.line, "column": span.column })
        }
        Place::Cell(cell) => serde_json::json!({
            "file": &*cell.file,
            "row": cell.row,
            "column": cell.column.as_ref().map(|(name, _)| &**name),
        }),
        Place::File(path) => serde_json::json!({ "file": path }),
    }
}
