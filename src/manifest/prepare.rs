//! Completes a decoded flow with what its files say: how to read the sheet, and the HTML pages.

use std::sync::Arc;

use super::collections::Named;
use super::document::{Chunk, ChunkContent, ChunkType};
use super::flow::{Flow, Rows};
use super::path::PathBase;
use crate::diagnostic::{Diagnostic, Findings, SourceFile, Span};
use crate::expr::{Compiler, Expr};
use crate::sheet::{Format, SheetFile};
use crate::util::input_file;

/// Completes a flow. Adds errors to `findings` and returns false when the flow cannot be used.
pub(super) fn flow(
    flow: &mut Named<Flow>,
    base: &PathBase<'_>,
    compiler: &Compiler,
    findings: &mut Findings,
) -> bool {
    base.folder.clone_into(&mut flow.folder);
    if let Some(rows) = &mut flow.rows {
        if rows.path.is_placeholder {
            return false;
        }
        match sheet_file(rows, base) {
            Ok(file) => rows.file = file,
            Err(error) => {
                findings.push(error);
                return false;
            }
        }
    }
    let mut uses = Vec::new();
    for document in &mut flow.documents.entries {
        document.chunked_fields.retain(|chunk| {
            if chunk.mime_type.value == ChunkType::Pdf {
                return true;
            }
            let (ChunkContent::File(content) | ChunkContent::Data(content)) = &chunk.content;
            if content.is_placeholder() {
                return false;
            }
            match page(chunk, base, compiler) {
                Ok(page) => {
                    // The names that inline HTML uses are known.
                    if let ChunkContent::File(_) = chunk.content {
                        uses.push((page.uses().clone(), page.span().clone()));
                    }
                    chunk.page = Some(page);
                    true
                }
                Err(error) => {
                    findings.push(error);
                    false
                }
            }
        });
    }
    flow.uses.extend(uses);
    true
}

/// Resolves the sheet of a flow.
fn sheet_file(rows: &Rows, base: &PathBase<'_>) -> Result<SheetFile, Diagnostic> {
    let span = &rows.path.span;
    let path = super::path::inside(base.root, base.folder, &rows.path.text).map_err(|why| {
        Diagnostic::error(why)
            .at(span)
            .hint("use a file inside the project's folder")
    })?;
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    let error = |message: &str, hint: &str| Err(Diagnostic::error(message).at(span).hint(hint));
    let format = match ending.as_str() {
        "xls" | "xlsb" | "ods" | "et" => {
            return error(
                "workbooks of this format are not read",
                "save the sheet as .xlsx",
            );
        }
        "xlsx" | "xlsm" => Format::Workbook {
            sheet: rows.sheet.as_ref().map(|sheet| sheet.text.as_str().into()),
        },
        ending => Format::Text {
            encoding: rows.encoding.as_ref().map(|encoding| encoding.value.into()),
            delimiter: match &rows.delimiter {
                Some(delimiter) => delimiter.value.0,
                None if ending == "tsv" => b'\t',
                None => b',',
            },
            delimiter_span: rows
                .delimiter
                .as_ref()
                .map(|delimiter| delimiter.span.clone()),
        },
    };
    let encoding = rows
        .encoding
        .as_ref()
        .map(|field| ("encoding", &field.span));
    let delimiter = rows
        .delimiter
        .as_ref()
        .map(|field| ("delimiter", &field.span));
    let foreign: Vec<_> = match &format {
        Format::Workbook { .. } => [encoding, delimiter].into_iter().flatten().collect(),
        Format::Text { .. } => {
            let sheet = rows.sheet.as_ref();
            sheet
                .map(|sheet| ("sheet", &sheet.span))
                .into_iter()
                .collect()
        }
    };
    let file = SheetFile {
        shown: super::path::shown(base.root, &path).into(),
        path,
        header_row: rows.header.map(|header| header.0),
        format,
        foreign_settings: foreign.iter().map(|(field, _)| *field).collect(),
    };
    let Some((field, span)) = foreign.first().filter(|_| !file.is_returned_report()) else {
        return Ok(file);
    };
    let (error, hint) = match &file.format {
        Format::Workbook { .. } => (
            "encoding and delimiter belong to text files, not to workbooks",
            format!("remove {field}"),
        ),
        Format::Text { .. } => (
            "a text file has no sheets",
            "remove sheet, or use a workbook (.xlsx)".to_owned(),
        ),
    };
    Err(Diagnostic::error(error).at(*span).hint(hint))
}

/// Compiles the HTML of a chunk, from a file or from the manifest.
fn page(chunk: &Chunk, base: &PathBase<'_>, compiler: &Compiler) -> Result<Expr, Diagnostic> {
    let file = match &chunk.content {
        ChunkContent::Data(data) => return compiler.compile_page(data.source(), data.span()),
        ChunkContent::File(file) => file,
    };
    let error = |message: String, hint: &str| Diagnostic::error(message).at(file.span()).hint(hint);
    let uses = file.uses();
    if uses.row || uses.key || uses.run {
        return Err(error(
            "the path of an HTML file must be the same for all rows".to_owned(),
            "only var and env can be used here; use expressions inside the HTML file",
        ));
    }
    let written = file.text(&compiler.scope()).map_err(|cause| {
        error(
            format!("file: {}", cause.message),
            &cause.hint.unwrap_or_default(),
        )
    })?;
    let path = super::path::inside(base.root, base.folder, &written)
        .map_err(|why| error(why, "use a file inside the project's folder"))?;
    let text = input_file::read_text(&path, input_file::MAX_TEXT).map_err(|cause| {
        error(
            format!("cannot read {written}: {cause}"),
            &cause.hint("check the path and that the file is UTF-8"),
        )
    })?;
    let first_line = text.lines().next().map_or(0, str::len);
    let span = Span {
        file: Arc::new(SourceFile {
            path: super::path::shown(base.root, &path),
            text: text.clone(),
        }),
        line: 1,
        column: 1,
        bytes: 0..first_line,
    };
    let page = compiler.compile_page(&text, &span);
    page.map_err(|diagnostic| diagnostic.related(file.span(), "named here"))
}
