//! Checks a flow against the PDFs of its templates: form fields, keywords and page numbers.

use super::resources::Resources;
use super::template::TemplateSource;
use crate::diagnostic::{Diagnostic, Findings, did_you_mean};
use crate::manifest::{Anchor, Document, DocumentSource, Flow, Position, Positions, Signer};
use crate::pdf;

/// Checks the form fields and seal positions of a flow against its templates. Adds errors and
/// warnings to `findings`.
pub(super) fn check(flow: &Flow, resources: &Resources, findings: &mut Findings) {
    form_fields(flow, resources, findings);
    for (at, document) in flow.documents.iter().enumerate() {
        if let Some(bytes) = template_bytes(document, resources) {
            for signer in &flow.signers {
                for position in positions(signer, at, &document.name) {
                    check_position(document, bytes, position, findings);
                }
            }
        }
    }
}

/// Returns the PDF of the document's template, or `None` when the project does not contain it.
fn template_bytes<'s>(document: &Document, resources: &'s Resources) -> Option<&'s [u8]> {
    let DocumentSource::Template(template) = &document.source else {
        return None;
    };
    match &resources.templates.get(&template.text)?.source {
        TemplateSource::File { bytes, .. } => Some(bytes),
        TemplateSource::Adopted(_) => None,
    }
}

/// Returns the positions of a signer in the document at index `at`.
fn positions<'f>(signer: &'f Signer, at: usize, name: &str) -> &'f [Position] {
    match signer.kind.positions() {
        Positions::Single(list) if at == 0 => list,
        Positions::Single(_) => &[],
        Positions::ByDocument(map) => map
            .iter()
            .find(|document| document.name == name)
            .map_or(&[], |document| &document.value[..]),
    }
}

/// Checks that the template contains the keyword or the pages of a position, when they are the same
/// for all rows. Skips documents with appended pages, which are not rendered yet.
fn check_position(document: &Document, bytes: &[u8], position: &Position, findings: &mut Findings) {
    if !document.chunked_fields.is_empty() {
        return;
    }
    match &position.anchor {
        Anchor::Keyword(keyword) => {
            let Some(word) = keyword
                .literal()
                .map(str::trim)
                .filter(|word| !word.is_empty())
            else {
                return;
            };
            if pdf::find(bytes, word).is_ok_and(|spots| spots.is_empty()) {
                findings.push(
                    Diagnostic::warning(t!(
                        "the template does not contain the text %{word}",
                        word = word
                    ))
                    .at(keyword.span())
                    .hint(t!(
                        "use a word of the template's page text: form field values may not be found"
                    )),
                );
            }
        }
        Anchor::Page(pages) | Anchor::Seam(pages) => {
            let count = pdf::page_sizes(bytes).map_or(usize::MAX, |sizes| sizes.len());
            let last = pages
                .literal()
                .into_iter()
                .flat_map(|text| text.split([',', '-']))
                .filter_map(|number| number.trim().parse::<usize>().ok())
                .max();
            if let Some(last) = last.filter(|last| *last > count) {
                findings.push(
                    Diagnostic::error(t!("the template has no page %{last}", last = last))
                        .at(pages.span())
                        .hint(t!(
                            "the last page of the template is %{count}",
                            count = count
                        )),
                );
            }
        }
    }
}

/// Checks the names of `simpleFormFields` against the form fields of the template's PDF.
fn form_fields(flow: &Flow, resources: &Resources, findings: &mut Findings) {
    for document in &flow.documents {
        let DocumentSource::Template(template) = &document.source else {
            continue;
        };
        let declared = &document.simple_form_fields;
        let Some(desired) = resources.templates.get(&template.text) else {
            continue;
        };
        let Some(known) = &desired.fields else {
            continue;
        };
        for declared in declared.iter() {
            let field = &declared.name;
            if let Some(kind) = desired.other_fields.get(field) {
                let kind = kind.name();
                let message = t!(
                    "the form field %{field} is %{kind}, not a text field",
                    field = field,
                    kind = kind
                );
                findings.push(Diagnostic::error(message).at(&declared.span).hint(t!(
                    "only text fields can be filled: replace it with a text field in the PDF"
                )));
            } else if !known.contains(field) {
                let hint = match did_you_mean(field, known.iter().map(String::as_str)) {
                    Some(near) => t!("did you mean %{near}?", near = near),
                    None if known.is_empty() => t!("the PDF has no form fields"),
                    None => {
                        let known: Vec<&str> = known.iter().map(String::as_str).collect();
                        t!("its form fields are %{fields}", fields = known.join(", "))
                    }
                };
                let message = t!(
                    "the template %{template} has no form field %{field}",
                    template = template.text,
                    field = field
                );
                findings.push(Diagnostic::error(message).at(&declared.span).hint(hint));
            }
        }
        let unfilled: Vec<&str> = known
            .iter()
            .map(String::as_str)
            .filter(|field| !declared.iter().any(|declared| declared.name == **field))
            .collect();
        if !unfilled.is_empty() {
            let message = t!(
                "form fields of the template %{template} are not filled: %{fields}",
                template = template.text,
                fields = unfilled.join(", ")
            );
            let hint = t!("add them to simpleFormFields, or remove them from the PDF");
            findings.push(Diagnostic::warning(message).at(&document.span).hint(hint));
        }
    }
}
