//! Writes the files of a preview: a PDF for each document, pictures of its pages, and the page.
//! They contain personal data, so only the owner can read them.

use std::io::{Error, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::document::composed;
use super::field_table::fields;
use super::page::{self, FlowLine, Head};
use super::row_choice::{Chosen, ChosenRow};
use super::row_view::{DocumentView, ErrorView, RowView};
use super::signers::{Marks, signers};
use crate::address::Address;
use crate::api::percent_encoded;
use crate::desired::{FlowRows, Item, Outcome, Resources};
use crate::pdf::{self, Overlay};
use crate::util::atomic_file::{AtomicFile, FileError};

/// A flow with the rows to show.
pub struct FlowPreview<'a> {
    /// The flow and its sheet.
    pub rows: FlowRows<'a>,
    /// The rows to show.
    pub chosen: Chosen,
}

/// The result of writing a preview.
#[derive(Debug, Default)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// Documents that could not be shown, and positions that the service will refuse, each with its
    /// address.
    pub problems: Vec<(String, String)>,
}

/// The text across each page.
const WATERMARK: &str = "预览 PREVIEW";

/// The width of the pictures of pages, in pixels: 150 dpi for A4.
const PICTURE_WIDTH: u32 = 1240;

/// Writes a preview into a folder, which is created if necessary.
///
/// # Errors
/// [`FileError`] if a file cannot be written.
pub fn write(
    folder: &Path,
    head: &Head,
    flows: &[FlowPreview<'_>],
    resources: &Resources,
    with_pictures: bool,
) -> Result<Written, FileError> {
    let path = folder.join("index.html");
    let mut page = AtomicFile::create(&path)?;
    let mut written = Written {
        page: path,
        ..Written::default()
    };
    let lines: Vec<FlowLine<'_>> = flows
        .iter()
        .map(|flow| {
            let sheet = flow
                .rows
                .flow
                .rows
                .as_ref()
                .map(|rows| rows.path.text.clone());
            FlowLine::of(&flow.rows.flow.name, sheet, &flow.chosen)
        })
        .collect();
    append(&mut page, page::begin(head, &lines))?;
    for (flow, line) in flows.iter().zip(&lines) {
        append(&mut page, page::flow(line))?;
        for row in &flow.chosen.rows {
            let writer = RowWriter {
                folder,
                rows: &flow.rows,
                resources,
                with_pictures,
            };
            let view = writer.view(row, &mut written)?;
            append(&mut page, page::row(&view))?;
        }
        append(&mut page, Ok("</section>\n".to_owned()))?;
    }
    append(&mut page, page::end())?;
    page.finish_unsynced()?;
    Ok(written)
}

fn append(page: &mut AtomicFile, part: Result<String, minijinja::Error>) -> Result<(), FileError> {
    let written = part
        .map_err(Error::other)
        .and_then(|part| page.write_all(part.as_bytes()));
    written.map_err(|why| page.error(why))
}

/// Writes the documents of rows of one flow.
struct RowWriter<'a> {
    folder: &'a Path,
    rows: &'a FlowRows<'a>,
    resources: &'a Resources,
    with_pictures: bool,
}

impl RowWriter<'_> {
    fn view(&self, chosen: &ChosenRow, written: &mut Written) -> Result<RowView, FileError> {
        let row = &chosen.row;
        let flow = &self.rows.flow.name;
        let address = match &row.key {
            Some(key) => Address::item(flow, key).to_string(),
            None => Address::Flow(flow.clone()).to_string(),
        };
        let mut view = RowView {
            address,
            number: row.row.as_ref().map(|row| row.number),
            reasons: chosen.reasons.iter().map(|reason| reason.text()).collect(),
            is_skipped: matches!(row.outcome, Outcome::Skipped),
            errors: Vec::new(),
            subject: String::new(),
            documents: Vec::new(),
            signers: Vec::new(),
        };
        match &row.outcome {
            Outcome::Skipped => {}
            Outcome::Invalid(errors) => view.errors = errors.iter().map(ErrorView::of).collect(),
            Outcome::Item(item) => self.add_item(chosen, item, &mut view, written)?,
        }
        Ok(view)
    }

    /// Writes the documents of an item and adds them with its signers to the view.
    fn add_item(
        &self,
        chosen: &ChosenRow,
        item: &Item,
        view: &mut RowView,
        written: &mut Written,
    ) -> Result<(), FileError> {
        let documents = item.documents.iter();
        let documents: Vec<_> = documents
            .map(|document| composed(document, self.resources))
            .collect();
        let (signers, marks) = signers(item, self.resources, &documents);
        let own = item.documents.iter().zip(documents).zip(marks);
        for (((document, composed), marks), declared) in own.zip(self.rows.flow.documents.iter()) {
            let row = chosen.row.row.as_ref();
            let pair = (&declared.value, document);
            let mut own = DocumentView {
                label: document.label.clone(),
                name: document.name.clone(),
                file: None,
                problem: None,
                fields: fields(self.rows, self.resources, row, pair, &chosen.misfits),
                pictures: Vec::new(),
            };
            let stem = file_stem(chosen.row.number, &item.key, &document.label);
            let shown = composed.and_then(|composed| marked(&composed.bytes, marks));
            match shown {
                Ok(bytes) => self.write_document(&stem, &bytes, &mut own)?,
                Err(problem) => {
                    let place = format!("{}, document {}", view.address, document.label);
                    written.problems.push((place, problem.clone()));
                    own.problem = Some(problem);
                }
            }
            view.documents.push(own);
        }
        for signer in &signers {
            for place in &signer.places {
                let signer = format!("{}, signer {}", view.address, signer.name);
                let problem = place.problem.clone();
                written
                    .problems
                    .extend(problem.map(|problem| (signer, problem)));
            }
        }
        view.subject.clone_from(&item.process.business_scene);
        view.signers = signers;
        Ok(())
    }

    /// Writes the PDF and, if requested, the pictures of its pages.
    fn write_document(
        &self,
        stem: &str,
        bytes: &[u8],
        view: &mut DocumentView,
    ) -> Result<(), FileError> {
        let flow = &self.rows.flow.name;
        let folder = self.folder.join(flow);
        let name = format!("{stem}.pdf");
        write_file(&folder.join(&name), bytes)?;
        view.file = Some(percent_encoded(&format!("{flow}/{name}")));
        if !self.with_pictures {
            return Ok(());
        }
        for page in 1.. {
            match pdf::picture(bytes, page, PICTURE_WIDTH) {
                Ok(Some(png)) => {
                    write_file(&folder.join(format!("{stem}-p{page}.png")), &png)?;
                    let data = STANDARD.encode(&png);
                    view.pictures.push(format!("data:image/png;base64,{data}"));
                }
                Ok(None) => break,
                Err(why) => {
                    view.problem =
                        Some(t!("the pages cannot be drawn: %{why}", why = why).into_owned());
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Draws the watermark and the marks of the signers over a PDF.
fn marked(bytes: &[u8], marks: Marks) -> Result<Vec<u8>, String> {
    let overlay = Overlay {
        watermark: WATERMARK,
        boxes: marks.boxes,
        notes: marks.notes,
    };
    pdf::overlay(bytes, &overlay).map_err(|why| why.to_string())
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = AtomicFile::create(path)?;
    match file.write_all(bytes) {
        Ok(()) => file.finish_unsynced(),
        Err(why) => Err(file.error(why)),
    }
}

/// The maximum number of bytes of a key in a file name. File systems allow 255 bytes.
const MAX_KEY_BYTES: usize = 120;
/// The maximum number of bytes of a document's name in a file name.
const MAX_LABEL_BYTES: usize = 60;

/// Returns the name of a document's files without extension. The row number makes it unique in its
/// flow, whatever characters of the key are replaced.
fn file_stem(row: u64, key: &str, label: &str) -> String {
    let plain = |text: &str, most: usize| -> String {
        let text = &text[..text.floor_char_boundary(most)];
        let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let plain = text.chars().map(|c| if is_plain(c) { c } else { '_' });
        plain.collect()
    };
    format!(
        "row-{row}-{}-{}",
        plain(key, MAX_KEY_BYTES),
        plain(label, MAX_LABEL_BYTES)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_short() {
        assert_eq!(file_stem(2, "HT-1", "contract"), "row-2-HT-1-contract");
        assert_eq!(file_stem(3, "../a b\"/借", "合同"), "row-3-.._a_b__借-合同");
        assert!(file_stem(u64::MAX, &"借".repeat(300), &"同".repeat(300)).len() < 240);
    }
}
