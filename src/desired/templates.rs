//! A flow held against its templates, before a row is read: form fields, keywords, pages.

use super::standing::Resources;
use super::template::TemplateSource;
use crate::diagnostic::{Diagnostic, Findings, did_you_mean};
use crate::manifest::{Anchor, Document, DocumentSource, Flow, Position, Positions, Signer};
use crate::pdf;

/// Holds a flow against the templates that it names.
pub(super) fn check(flow: &Flow, standing: &Resources, findings: &mut Findings) {
    form_fields(flow, standing, findings);
    for (at, document) in flow.documents.iter().enumerate() {
        if let Some(bytes) = template_bytes(document, standing) {
            for signer in &flow.signers {
                for position in positions(signer, at, &document.name) {
                    place(document, bytes, position, findings);
                }
            }
        }
    }
}

/// The template's PDF, where the document is made of one that is here.
fn template_bytes<'s>(document: &Document, standing: &'s Resources) -> Option<&'s [u8]> {
    let DocumentSource::Template { template, .. } = &document.source else {
        return None;
    };
    match &standing.templates.get(&template.text)?.source {
        TemplateSource::File { bytes, .. } => Some(bytes),
        TemplateSource::Adopted(_) => None,
    }
}

/// The positions of a signer on a document.
fn positions<'f>(signer: &'f Signer, at: usize, name: &str) -> &'f [Position] {
    match &signer.positions {
        Positions::Single(list) if at == 0 => list,
        Positions::Single(_) => &[],
        Positions::ByDocument(map) => map
            .iter()
            .find(|(document, _)| document.text == name)
            .map_or(&[], |(_, list)| &list[..]),
    }
}

/// Whether a place that is the same for all rows is on the template. Appended pages are not known yet: with them,
/// nothing is said.
fn place(document: &Document, bytes: &[u8], position: &Position, findings: &mut Findings) {
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
                    Diagnostic::warning(format!("the template has no text {word}"))
                        .at(keyword.span())
                        .hint("choose a word that stands in the template's own text: words that are typed into form fields may not be found"),
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
                    Diagnostic::error(format!("the template has no page {last}"))
                        .at(pages.span())
                        .hint(format!("it has {count}")),
                );
            }
        }
    }
}

/// Holds the names of `simpleFormFields` against the fields that the template's PDF has.
fn form_fields(flow: &Flow, standing: &Resources, findings: &mut Findings) {
    for document in &flow.documents {
        let DocumentSource::Template {
            template,
            simple_form_fields,
        } = &document.source
        else {
            continue;
        };
        let known = standing
            .templates
            .get(&template.text)
            .and_then(|template| template.fields.as_ref());
        let Some(known) = known else {
            continue;
        };
        for (field, span, _) in simple_form_fields {
            if !known.contains(field) {
                let hint = match did_you_mean(field, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean {near}?"),
                    None if known.is_empty() => "the PDF has no form fields".to_owned(),
                    None => format!(
                        "it has {}",
                        known.iter().cloned().collect::<Vec<_>>().join(", ")
                    ),
                };
                let message = format!("the template {} has no form field {field}", template.text);
                findings.push(Diagnostic::error(message).at(span).hint(hint));
            }
        }
        let unfilled: Vec<&str> = known
            .iter()
            .map(String::as_str)
            .filter(|field| !simple_form_fields.iter().any(|(name, _, _)| name == field))
            .collect();
        if !unfilled.is_empty() {
            let message = format!(
                "nothing fills these form fields of the template {}: {}",
                template.text,
                unfilled.join(", ")
            );
            let hint = "add them to simpleFormFields, or take them out of the PDF";
            findings.push(Diagnostic::warning(message).at(&document.span).hint(hint));
        }
    }
}
