//! Reads the files of `--var-file`: YAML, JSON, or lines `NAME=VALUE` (dotenv).

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::yaml::{Kind, parse};
use crate::diagnostic::{Diagnostic, Place, SourceFile, Span};
use crate::util::input_file;

/// Reads the variables of a file, each with its location. The ending decides about the format:
/// `.yaml`, `.yml`, `.json`, anything else is dotenv.
///
/// # Errors
///
/// Returns a diagnostic for the first part of the file that cannot be used.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Span, String)>, Diagnostic> {
    let shown = path.display().to_string();
    let text = input_file::read_text(path, input_file::MAX_TEXT).map_err(|error| {
        let hint = error.hint("check the path and that the file is UTF-8");
        Diagnostic::error(format!("cannot read {shown}: {error}")).hint(hint)
    })?;
    let text = text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text);
    // Diagnostics show the lines of a file, and these may have secrets.
    let blank = Arc::new(SourceFile {
        path: shown.clone(),
        text: "\n".repeat(text.lines().count()),
    });
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    let variables = match ending.to_str() {
        Some("yaml" | "yml" | "json") => {
            let file = SourceFile { path: shown, text };
            mapping(&Arc::new(file), &blank)?
        }
        _ => lines(&text, &blank)?,
    };
    let mut names = HashSet::new();
    match variables.iter().find(|(name, ..)| !names.insert(name)) {
        Some((name, span, _)) => Err(Diagnostic::error(format!(
            "the file has a second value for the variable {name}"
        ))
        .at(span)
        .hint("keep one of them")),
        None => Ok(variables),
    }
}

/// Returns the place of a line in a file without text.
fn line_of(blank: &Arc<SourceFile>, line: usize) -> Span {
    let offset = line.saturating_sub(1).min(blank.text.len());
    Span {
        file: blank.clone(),
        line,
        column: 1,
        bytes: offset..offset,
    }
}

/// Returns the entries of a mapping of names to scalars.
fn mapping(
    file: &Arc<SourceFile>,
    blank: &Arc<SourceFile>,
) -> Result<Vec<(String, Span, String)>, Diagnostic> {
    let documents = parse(file).map_err(|error| {
        // The message of the YAML library may have parts of the text.
        let invalid = Diagnostic::error("the file is not valid YAML or JSON")
            .hint("check the indentation, colons and quotes of this line and the line before");
        match error.place {
            Some(Place::Span(span)) => invalid.at(line_of(blank, span.line)),
            _ => invalid.at(line_of(blank, 1)),
        }
    })?;
    let [node] = documents.as_slice() else {
        return Err(
            Diagnostic::error(format!("{} is not one document", file.path))
                .hint("write NAME: VALUE for each variable"),
        );
    };
    let Some(entries) = node.entries() else {
        return Err(Diagnostic::error("the variables are not a mapping")
            .at(line_of(blank, node.span.line))
            .hint("write NAME: VALUE for each variable"));
    };
    let entries = entries.map(|(name, span, value)| {
        let span = line_of(blank, span.line);
        match &value.kind {
            Kind::Scalar(text) => Ok((name.to_owned(), span, text.clone())),
            _ => Err(
                Diagnostic::error(format!("the variable {name} has no single value"))
                    .at(span)
                    .hint("a value is a text, a number, true or false"),
            ),
        }
    });
    entries.collect()
}

/// Returns the variables of lines `NAME=VALUE`. Blank lines and lines that begin with `#` are
/// skipped; a value can be in quotes.
fn lines(text: &str, blank: &Arc<SourceFile>) -> Result<Vec<(String, Span, String)>, Diagnostic> {
    let mut variables = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let span = line_of(blank, at + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return Err(Diagnostic::error("the line is not NAME=VALUE")
                .at(span)
                .hint("write NAME=VALUE, or name the file .yaml or .json"));
        };
        let Some(value) = unquoted(value.trim()) else {
            return Err(Diagnostic::error("the value does not end with its quote")
                .at(span)
                .hint(
                    "write one value in quotes and nothing after it; comments have their own lines",
                ));
        };
        variables.push((name.trim().to_owned(), span, value.to_owned()));
    }
    Ok(variables)
}

/// Removes the quotes around a value. Returns none if a value begins with a quote and the same
/// quote is not its end, or occurs in it.
fn unquoted(value: &str) -> Option<&str> {
    let Some(quote) = value
        .chars()
        .next()
        .filter(|first| ['"', '\''].contains(first))
    else {
        return Some(value);
    };
    let inner = value[1..].strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

/// Returns whether users other than the owner can read a file.
#[cfg(unix)]
pub(super) fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_readable_by_others(_: &Path) -> bool {
    false
}
