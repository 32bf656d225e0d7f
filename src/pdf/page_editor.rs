//! Collects drawings for the pages of a PDF and writes them into the document.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hayro::hayro_interpret::TransformExt;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use tiny_skia::Pixmap;

use super::append::inherited;
use super::error::PdfError;
use super::fields::{load, save};
use super::font::{FontSubset, compressed, real, text_width};
use super::page::with_pdf;

/// The font size of stamped text, in points.
pub(super) const TEXT_SIZE: f64 = 8.0;

/// A page and the drawing to add to it.
struct EditedPage {
    id: ObjectId,
    width: f64,
    height: f64,
    /// The transform from displayed coordinates to page coordinates, as a PDF matrix.
    matrix: [f64; 6],
    /// The content stream operators to add.
    drawing: String,
    images: Vec<ObjectId>,
    has_text: bool,
    is_translucent: bool,
}

/// A line of text to draw.
pub(super) struct TextLine<'t> {
    pub(super) text: &'t str,
    /// The font size in points.
    pub(super) size: f64,
    /// Red, green and blue, from 0 to 1.
    pub(super) color: [f64; 3],
    /// The start of the baseline.
    pub(super) at: (f64, f64),
    /// The angle of the baseline, in radians.
    pub(super) angle: f64,
}

/// A document and the drawings to add to its pages.
pub(super) struct PageEditor<'a> {
    document: Document,
    pages: BTreeMap<u32, EditedPage>,
    images: BTreeMap<&'a [u8], ObjectId>,
    font_subset: FontSubset,
    font: ObjectId,
}

impl<'a> PageEditor<'a> {
    /// Loads a PDF.
    ///
    /// # Errors
    /// [`PdfError`] if it is not a PDF, is damaged or is encrypted.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, PdfError> {
        let mut document = load(bytes)?;
        let font = document.new_object_id();
        let geometries = with_pdf(bytes, |pdf| -> Vec<_> {
            let shown = pdf.pages().iter().map(|page| {
                let back = page.initial_transform(false).to_kurbo().inverse();
                (page.render_dimensions(), back.as_coeffs())
            });
            shown.collect()
        })?;
        let pages = document.get_pages().into_iter().zip(geometries);
        let pages = pages.map(|((number, id), ((width, height), matrix))| {
            let page = EditedPage {
                id,
                width: f64::from(width),
                height: f64::from(height),
                matrix,
                drawing: String::new(),
                images: Vec::new(),
                has_text: false,
                is_translucent: false,
            };
            (number, page)
        });
        Ok(Self {
            pages: pages.collect(),
            document,
            images: BTreeMap::new(),
            font_subset: FontSubset::default(),
            font,
        })
    }

    /// Adds operators that draw `image` on a page, in displayed coordinates. They name the image
    /// `TreatySeal` plus its object number. Ignores a page that does not exist.
    pub(super) fn draw(&mut self, page: u32, image: ObjectId, drawing: &str) {
        if let Some(page) = self.pages.get_mut(&page) {
            page.drawing += drawing;
            page.images.push(image);
        }
    }

    /// Adds operators without resources on a page, in displayed coordinates. Ignores a page that
    /// does not exist.
    pub(super) fn draw_paths(&mut self, page: u32, drawing: &str) {
        if let Some(page) = self.pages.get_mut(&page) {
            page.drawing += drawing;
        }
    }

    /// Calls `draw` and makes everything that it draws on the page translucent.
    pub(super) fn draw_translucent(&mut self, page: u32, draw: impl FnOnce(&mut Self)) {
        self.draw_paths(page, "q /TreatyTranslucent gs\n");
        draw(self);
        self.draw_paths(page, "Q\n");
        if let Some(page) = self.pages.get_mut(&page) {
            page.is_translucent = true;
        }
    }

    /// Adds a line of text.
    pub(super) fn write_line(&mut self, page: u32, line: &TextLine<'_>) {
        let Some(page) = self.pages.get_mut(&page) else {
            return;
        };
        page.has_text = true;
        let TextLine {
            text,
            size,
            color: [red, green, blue],
            at: (x, y),
            angle,
        } = line;
        let (sin, cos) = angle.sin_cos();
        // Infallible for strings.
        let _ = writeln!(
            page.drawing,
            "BT {red:.3} {green:.3} {blue:.3} rg /TreatySans {size:.3} Tf \
             {cos:.5} {sin:.5} {:.5} {cos:.5} {x:.3} {y:.3} Tm {} Tj ET",
            -sin,
            self.font_subset.encode(text)
        );
    }

    /// Adds a line of black text centered at `middle`, with its baseline at `y`, in points.
    pub(super) fn write(&mut self, page: u32, text: &str, middle: f64, y: f64) {
        let left = middle - text_width(text) * TEXT_SIZE / 2.0;
        let line = TextLine {
            text,
            size: TEXT_SIZE,
            color: [0.0; 3],
            at: (left, y),
            angle: 0.0,
        };
        self.write_line(page, &line);
    }

    /// Returns the displayed width of a page in points, or `None` if the page does not exist.
    pub(super) fn width(&self, page: u32) -> Option<f64> {
        self.pages.get(&page).map(|page| page.width)
    }

    /// Returns the number of each page with its displayed width and height in points.
    pub(super) fn sizes(&self) -> Vec<(u32, f64, f64)> {
        let pages = self.pages.iter();
        pages
            .map(|(number, page)| (*number, page.width, page.height))
            .collect()
    }

    /// Embeds a PNG and returns its object id. An image is embedded only once.
    ///
    /// # Errors
    /// [`PdfError::NoPdf`] if the image is not a PNG.
    pub(super) fn image(&mut self, png: &'a [u8]) -> Result<ObjectId, PdfError> {
        if let Some(id) = self.images.get(png) {
            return Ok(*id);
        }
        let pixmap = Pixmap::decode_png(png)
            .map_err(|error| PdfError::NoPdf(format!("the image is not a PNG: {error}")))?;
        let (mut colors, mut alphas) = (Vec::new(), Vec::new());
        // Viewers blend neighbouring pixels when they scale. Transparent pixels take the last
        // opaque color, so that the edges do not turn dark.
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
        let image_dictionary = |space: &str| {
            dictionary! {
                "Type" => "XObject",
                "Subtype" => "Image",
                "Width" => i64::from(pixmap.width()),
                "Height" => i64::from(pixmap.height()),
                "ColorSpace" => space,
                "BitsPerComponent" => 8,
            }
        };
        let mask = compressed(Stream::new(image_dictionary("DeviceGray"), alphas));
        let mask = self.document.add_object(mask);
        let mut image = image_dictionary("DeviceRGB");
        image.set("SMask", mask);
        let id = self
            .document
            .add_object(compressed(Stream::new(image, colors)));
        self.images.insert(png, id);
        Ok(id)
    }

    /// Writes all drawings into the document and returns the PDF.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, PdfError> {
        let has_text = self.pages.values().any(|page| page.has_text);
        let opening = self
            .document
            .add_object(Stream::new(dictionary! {}, b"q\n".to_vec()));
        for page in self.pages.values() {
            if !page.drawing.is_empty() {
                add_drawing(&mut self.document, page, opening, self.font);
            }
        }
        if has_text {
            self.font_subset.embed(&mut self.document, self.font)?;
        }
        save(self.document)
    }
}

/// Adds the drawing to a page as a form `XObject` with its own resources, so that its names cannot
/// clash with those of the page or of an earlier stamp.
fn add_drawing(document: &mut Document, page: &EditedPage, opening: ObjectId, font: ObjectId) {
    let mut images = Dictionary::new();
    for image in &page.images {
        images.set(format!("TreatySeal{}", image.0), *image);
    }
    let mut fonts = Dictionary::new();
    if page.has_text {
        fonts.set("TreatySans", font);
    }
    let mut resources = dictionary! { "XObject" => images, "Font" => fonts };
    if page.is_translucent {
        let state = dictionary! { "CA" => real(0.25), "ca" => real(0.25) };
        resources.set("ExtGState", dictionary! { "TreatyTranslucent" => state });
    }
    let form = dictionary! {
        "Type" => "XObject",
        "Subtype" => "Form",
        "BBox" => vec![0.into(), 0.into(), real(page.width), real(page.height)],
        "Matrix" => page.matrix.map(real).to_vec(),
        "Resources" => resources,
    };
    let form = compressed(Stream::new(form, page.drawing.clone().into_bytes()));
    let form = document.add_object(form);

    let mut resources = inherited(document, page.id, b"Resources")
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

    let closing = "Q ".repeat(1 + open_states(document, page.id));
    let closing = format!("\n{closing}q /Treaty{number} Do Q\n");
    let closing = Stream::new(dictionary! {}, closing.into_bytes());
    let closing = document.add_object(closing);
    let mut contents = vec![Object::Reference(opening)];
    let before = document.get_page_contents(page.id);
    contents.extend(before.into_iter().map(Object::Reference));
    contents.push(Object::Reference(closing));
    if let Ok(page) = document.get_dictionary_mut(page.id) {
        page.set("Contents", contents);
        page.set("Resources", resources);
    }
}

/// Returns a direct or referenced dictionary, empty if the object is not a dictionary.
fn dictionary_of(document: &Document, object: &Object) -> Dictionary {
    let object = document.dereference(object).map(|(_, object)| object);
    object
        .and_then(Object::as_dict)
        .cloned()
        .unwrap_or_default()
}

/// Returns how many graphics states the content of a page saves without restoring them.
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
    // Limits what a damaged page adds.
    open.min(64)
}
