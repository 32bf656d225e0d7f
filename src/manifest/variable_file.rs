//! Reads the files of `--var-file`: YAML, JSON, or lines `NAME=VALUE` (dotenv).

use std::path::Path;
use std::sync::Arc;

use super::yaml::{Kind, parse};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
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
    let file = Arc::new(SourceFile { path: shown, text });
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("yaml" | "yml" | "json") => mapping(&file),
        _ => lines(&file),
    }
}

/// Returns the entries of a mapping of names to scalars.
fn mapping(file: &Arc<SourceFile>) -> Result<Vec<(String, Span, String)>, Diagnostic> {
    let documents = parse(file)?;
    let [node] = documents.as_slice() else {
        return Err(
            Diagnostic::error(format!("{} is not one document", file.path))
                .hint("write NAME: VALUE for each variable"),
        );
    };
    let Some(entries) = node.entries() else {
        return Err(Diagnostic::error("the variables are not a mapping")
            .at(&node.span)
            .hint("write NAME: VALUE for each variable"));
    };
    let entries = entries.map(|(name, span, value)| match &value.kind {
        Kind::Scalar(text) => Ok((name.to_owned(), span.clone(), text.clone())),
        _ => Err(
            Diagnostic::error(format!("the variable {name} has no single value"))
                .at(span)
                .hint("a value is a text, a number, true or false"),
        ),
    });
    entries.collect()
}

/// Returns the variables of lines `NAME=VALUE`. Blank lines and lines that begin with `#` are
/// skipped; a value can be in quotes.
fn lines(file: &Arc<SourceFile>) -> Result<Vec<(String, Span, String)>, Diagnostic> {
    let mut variables = Vec::new();
    let mut start = 0;
    for (at, line) in file.text.split_inclusive('\n').enumerate() {
        let bytes = start..start + line.trim_end().len();
        start += line.len();
        let span = Span {
            file: file.clone(),
            line: at + 1,
            column: 1,
            bytes,
        };
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
        variables.push((
            name.trim().to_owned(),
            span,
            unquoted(value.trim()).to_owned(),
        ));
    }
    Ok(variables)
}

/// Removes one pair of quotes around a value.
fn unquoted(value: &str) -> &str {
    let inner = |quote| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
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
