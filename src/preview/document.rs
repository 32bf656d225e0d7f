//! Makes the PDF of a document as the service does, without signatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::api::{Chunk, MIME_PDF};
use crate::desired::{Document, DocumentSource, Resources, TemplateSource};
use crate::pdf::{self, AppendedPages, PdfError, Spot};
use crate::util::input_file;

/// The PDF of a document.
pub(super) struct Composed {
    pub(super) bytes: Vec<u8>,
    /// The template, or the local file.
    source: Bytes,
    /// The width and height of each page, in points.
    pub(super) sizes: Vec<(f64, f64)>,
}

/// Returns the PDF of a document, or the reason why it cannot be shown.
pub(super) fn composed(document: &Document, resources: &Resources) -> Result<Composed, String> {
    let (source, bytes) = match &document.source {
        DocumentSource::Template {
            template,
            fields,
            chunks,
        } => {
            let declared = resources.templates.get(template);
            let source = match declared.map(|template| &template.source) {
                Some(TemplateSource::File { bytes, .. }) => bytes.clone(),
                Some(TemplateSource::Adopted(_)) => return Err(at_the_service(template)),
                None => {
                    return Err(
                        t!("the template %{template} is invalid", template = template).into_owned(),
                    );
                }
            };
            let chunks = chunks.iter().map(appended).collect::<Result<Vec<_>, _>>()?;
            let bytes = pdf::compose(&source, fields, &chunks).map_err(|why| why.to_string())?;
            (source, bytes)
        }
        DocumentSource::File(file) => {
            let bytes = input_file::read(&file.path, input_file::MAX_DOCUMENT)
                .map_err(|why| t!("the file cannot be read: %{why}", why = why).into_owned())?;
            (Bytes::from(bytes.clone()), bytes)
        }
    };
    let sizes = pdf::check(&bytes).and_then(|()| pdf::page_sizes(&bytes));
    let sizes = sizes.map_err(|why| match why {
        PdfError::Encrypted => t!(
            "the PDF is encrypted: it is sent as it is, and shown by its signers with the password"
        )
        .into_owned(),
        other => other.to_string(),
    })?;
    Ok(Composed {
        bytes,
        source,
        sizes,
    })
}

/// Returns the reason why the document of a template without a file cannot be shown.
pub(super) fn at_the_service(template: &str) -> String {
    t!(
        "the template %{template} exists only at the service (templateId): there is no PDF to fill",
        template = template
    )
    .into_owned()
}

fn appended(chunk: &Chunk) -> Result<AppendedPages, String> {
    let bytes = STANDARD.decode(&chunk.chunked_data);
    let bytes = bytes
        .map_err(|why| t!("the appended pages are no Base64: %{why}", why = why).into_owned())?;
    Ok(if chunk.mime_type == MIME_PDF {
        AppendedPages::Pdf(bytes)
    } else {
        AppendedPages::Html(String::from_utf8_lossy(&bytes).into_owned())
    })
}

impl Composed {
    /// Returns the positions of a keyword: those in the template or file, otherwise those in filled
    /// fields and appended pages.
    pub(super) fn find(&self, keyword: &str) -> Vec<Spot> {
        let find = |bytes: &[u8]| pdf::find(bytes, keyword).unwrap_or_default();
        match find(&self.source) {
            none if none.is_empty() => find(&self.bytes),
            found => found,
        }
    }

    /// Returns the size of a page, counted from 1.
    pub(super) fn size(&self, page: u32) -> Option<(f64, f64)> {
        let at = usize::try_from(page).ok()?.checked_sub(1)?;
        self.sizes.get(at).copied()
    }
}
