//! A document that is being stamped: its pages, what is to be drawn on them, and the images and text for that.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hayro::hayro_interpret::TransformExt;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use tiny_skia::Pixmap;

use super::append::inherited;
use super::fields::{PdfError, load, save};
use super::font::{Writing, ems, packed, real};
use super::page::look;

/// The size of text, in points.
pub(super) const TEXT: f64 = 8.0;

/// A page that is worked on.
struct Page {
    id: ObjectId,
    width: f64,
    height: f64,
    /// From what is shown to the page's own space: the six numbers of a matrix.
    matrix: [f64; 6],
    drawing: String,
    images: Vec<ObjectId>,
    has_text: bool,
}

/// A document with what is to be drawn on its pages.
pub(super) struct PageEditor<'a> {
    document: Document,
    pages: BTreeMap<u32, Page>,
    images: BTreeMap<&'a [u8], ObjectId>,
    writing: Writing,
    font: ObjectId,
}

impl<'a> PageEditor<'a> {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, PdfError> {
        let mut document = load(bytes)?;
        let font = document.new_object_id();
        let looks = look(bytes, |pdf| -> Vec<_> {
            let shown = pdf.pages().iter().map(|page| {
                let back = page.initial_transform(false).to_kurbo().inverse();
                (page.render_dimensions(), back.as_coeffs())
            });
            shown.collect()
        })?;
        let pages = document.get_pages().into_iter().zip(looks);
        let pages = pages.map(|((number, id), ((width, height), matrix))| {
            let leaf = Page {
                id,
                width: f64::from(width),
                height: f64::from(height),
                matrix,
                drawing: String::new(),
                images: Vec::new(),
                has_text: false,
            };
            (number, leaf)
        });
        Ok(Self {
            pages: pages.collect(),
            document,
            images: BTreeMap::new(),
            writing: Writing::default(),
            font,
        })
    }

    /// Draws on a page, in the space of what is shown; an image is named `TreatySeal` and its object's number.
    pub(super) fn draw(&mut self, page: u32, image: ObjectId, drawing: &str) {
        if let Some(leaf) = self.pages.get_mut(&page) {
            leaf.drawing += drawing;
            leaf.images.push(image);
        }
    }

    /// A line of text around `middle`, on the baseline `y`, in points.
    pub(super) fn write(&mut self, page: u32, text: &str, middle: f64, y: f64) {
        if let Some(leaf) = self.pages.get_mut(&page) {
            leaf.has_text = true;
            let left = middle - ems(text) * TEXT / 2.0;
            // Writing to a string cannot fail.
            let _ = writeln!(
                leaf.drawing,
                "BT 0 g /TreatySans {TEXT} Tf {left:.3} {y:.3} Td {} Tj ET",
                self.writing.show(text)
            );
        }
    }

    /// The page's width as it is shown; `None` where there is no such page.
    pub(super) fn width(&self, page: u32) -> Option<f64> {
        self.pages.get(&page).map(|leaf| leaf.width)
    }

    /// The image in the document; the same one is there once.
    pub(super) fn image(&mut self, png: &'a [u8]) -> Result<ObjectId, PdfError> {
        if let Some(id) = self.images.get(png) {
            return Ok(*id);
        }
        let pixmap = Pixmap::decode_png(png)
            .map_err(|error| PdfError::NoPdf(format!("an image is no PNG: {error}")))?;
        let (mut colors, mut alphas) = (Vec::new(), Vec::new());
        // Viewers blend neighbours when they scale: what is transparent takes the color that was seen last, lest the
        // edges turn dark.
        let mut color = [255; 3];
        for pixel in pixmap.pixels() {
            let pixel = pixel.demultiply();
            if pixel.alpha() > 127 {
                color = [pixel.red(), pixel.green(), pixel.blue()];
            }
            colors.extend(match pixel.alpha() {
                0 => color,
                _ => [pixel.red(), pixel.green(), pixel.blue()],
            });
            alphas.push(pixel.alpha());
        }
        let part = |space: &str| {
            dictionary! {
                "Type" => "XObject",
                "Subtype" => "Image",
                "Width" => i64::from(pixmap.width()),
                "Height" => i64::from(pixmap.height()),
                "ColorSpace" => space,
                "BitsPerComponent" => 8,
            }
        };
        let mask = packed(Stream::new(part("DeviceGray"), alphas));
        let mask = self.document.add_object(mask);
        let mut head = part("DeviceRGB");
        head.set("SMask", mask);
        let id = self.document.add_object(packed(Stream::new(head, colors)));
        self.images.insert(png, id);
        Ok(id)
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, PdfError> {
        let has_text = self.pages.values().any(|leaf| leaf.has_text);
        let opening = self
            .document
            .add_object(Stream::new(dictionary! {}, b"q\n".to_vec()));
        for leaf in self.pages.values() {
            if !leaf.drawing.is_empty() {
                paint(&mut self.document, leaf, opening, self.font);
            }
        }
        if has_text {
            self.writing.embed(&mut self.document, self.font)?;
        }
        save(self.document)
    }
}

/// Adds a page's drawing to its content: a form of its own, whose names cannot be mistaken for those of the page or of
/// an earlier stamping.
fn paint(document: &mut Document, leaf: &Page, opening: ObjectId, font: ObjectId) {
    let mut images = Dictionary::new();
    for image in &leaf.images {
        images.set(format!("TreatySeal{}", image.0), *image);
    }
    let mut fonts = Dictionary::new();
    if leaf.has_text {
        fonts.set("TreatySans", font);
    }
    let form = dictionary! {
        "Type" => "XObject",
        "Subtype" => "Form",
        "BBox" => vec![0.into(), 0.into(), real(leaf.width), real(leaf.height)],
        "Matrix" => leaf.matrix.map(real).to_vec(),
        "Resources" => dictionary! { "XObject" => images, "Font" => fonts },
    };
    let form = packed(Stream::new(form, leaf.drawing.clone().into_bytes()));
    let form = document.add_object(form);

    let mut resources = inherited(document, leaf.id, b"Resources")
        .map(|resources| dictionary_of(document, resources))
        .unwrap_or_default();
    let mut objects = resources
        .get(b"XObject")
        .map(|objects| dictionary_of(document, objects))
        .unwrap_or_default();
    let mut number = 1_u32;
    while objects.has(format!("Treaty{number}").as_bytes()) {
        number += 1;
    }
    objects.set(format!("Treaty{number}"), form);
    resources.set("XObject", objects);

    let closing = "Q ".repeat(1 + open_states(document, leaf.id));
    let closing = format!("\n{closing}q /Treaty{number} Do Q\n");
    let closing = Stream::new(dictionary! {}, closing.into_bytes());
    let closing = document.add_object(closing);
    let mut contents = vec![Object::Reference(opening)];
    let before = document.get_page_contents(leaf.id);
    contents.extend(before.into_iter().map(Object::Reference));
    contents.push(Object::Reference(closing));
    if let Ok(page) = document.get_dictionary_mut(leaf.id) {
        page.set("Contents", contents);
        page.set("Resources", resources);
    }
}

fn dictionary_of(document: &Document, object: &Object) -> Dictionary {
    let object = document.dereference(object).map(|(_, object)| object);
    object
        .and_then(Object::as_dict)
        .cloned()
        .unwrap_or_default()
}

/// How many graphics states a page's content leaves open.
fn open_states(document: &Document, page: ObjectId) -> usize {
    let Ok(content) = document.get_and_decode_page_content(page) else {
        return 0;
    };
    let mut open = 0_usize;
    for operation in &content.operations {
        match operation.operator.as_str() {
            "q" => open += 1,
            "Q" => open = open.saturating_sub(1),
            _ => {}
        }
    }
    // No real page leaves more open.
    open.min(64)
}
