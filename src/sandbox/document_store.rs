//! The contents of documents: uploaded files, filled forms, appended pages, and drawn signatures.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use jiff::Timestamp;
use tiny_skia::{Pixmap, PremultipliedColorU8};
use zune_jpeg::JpegDecoder;

use super::drawing::{Color, Drawing, Shape, draw, handwriting};
use super::world::{Doc, Flow, Seal, SealChoice, SealDesign, StoredChunk, Task, World, WorldStore};
use crate::address::{AccountId, DocId, FileKey};
use crate::api::{POINTS_PER_PIXEL, Position, SealCenter, SignStatus, time};
use crate::pdf::{self, AppendedPages, PdfError, Spot, Stamp};

/// The width and height of each page, in points.
pub(super) type Sizes = [(f64, f64)];
/// The shared form of [`Sizes`].
type SharedSizes = Arc<Vec<(f64, f64)>>;

/// The storage of uploaded files.
pub(super) enum FileStorage {
    /// In memory; lost when the process ends.
    Memory(HashMap<FileKey, Bytes>),
    /// In a folder.
    Folder(WorldStore),
}

/// The uploaded files, and caches of what was found in them.
pub(super) struct DocumentStore {
    pub(super) storage: FileStorage,
    /// The positions of a keyword in an uploaded file.
    keyword_positions: HashMap<(FileKey, String), Vec<Spot>>,
    /// The page sizes of an uploaded file. `None` if they cannot be read.
    page_sizes: HashMap<FileKey, Option<SharedSizes>>,
}

/// The height of a handwritten signature, in points.
const HANDWRITING_HEIGHT: f64 = 42.0;

impl DocumentStore {
    pub(super) fn new(storage: FileStorage) -> Self {
        Self {
            storage,
            keyword_positions: HashMap::new(),
            page_sizes: HashMap::new(),
        }
    }

    /// Returns an uploaded file.
    pub(super) fn file(&self, key: &FileKey) -> Option<Bytes> {
        match &self.storage {
            FileStorage::Memory(files) => files.get(key).cloned(),
            FileStorage::Folder(store) => store.get_file(key),
        }
    }

    /// Stores an uploaded file.
    pub(super) fn put(&mut self, key: &FileKey, bytes: &Bytes) -> std::io::Result<()> {
        match &mut self.storage {
            FileStorage::Memory(files) => {
                files.insert(key.clone(), bytes.clone());
                Ok(())
            }
            FileStorage::Folder(store) => store.put_file(key, bytes),
        }
    }

    /// Returns a document without signatures: the form filled, the pages appended.
    pub(super) fn document(&self, doc: &Doc) -> Result<Vec<u8>, PdfError> {
        let bytes = self
            .file(&doc.file)
            .ok_or_else(|| PdfError::NoPdf("the file does not exist".to_owned()))?;
        let chunks = doc.chunks.iter().map(|chunk| match chunk {
            StoredChunk::Html(html) => Ok(AppendedPages::Html(html.clone())),
            StoredChunk::Pdf(base64) => base64::engine::general_purpose::STANDARD
                .decode(base64)
                .map(AppendedPages::Pdf)
                .map_err(|error| PdfError::NoPdf(error.to_string())),
        });
        let chunks = chunks.collect::<Result<Vec<_>, _>>()?;
        pdf::compose(&bytes, &doc.fields, &chunks)
    }

    /// Returns the positions of a keyword in a document: those in the uploaded file, otherwise
    /// those in filled fields and appended pages.
    pub(super) fn keyword_positions(&mut self, world: &World, doc: &DocId, key: &str) -> Vec<Spot> {
        let Some(doc) = world.docs.get(doc) else {
            return Vec::new();
        };
        let cache_key = (doc.file.clone(), key.to_owned());
        if !self.keyword_positions.contains_key(&cache_key) {
            let bytes = self.file(&doc.file).unwrap_or_default();
            let found = pdf::find(&bytes, key).unwrap_or_default();
            self.keyword_positions.insert(cache_key.clone(), found);
        }
        let found = self.keyword_positions.get(&cache_key);
        let found = found.cloned().unwrap_or_default();
        if !found.is_empty() || (doc.fields.is_empty() && doc.chunks.is_empty()) {
            return found;
        }
        self.document(doc)
            .and_then(|bytes| pdf::find(&bytes, key))
            .unwrap_or_default()
    }

    /// Returns the page sizes of a document. `None` if they cannot be read.
    pub(super) fn page_sizes(&mut self, world: &World, doc: &DocId) -> Option<SharedSizes> {
        let doc = world.docs.get(doc)?;
        let sizes = |bytes: &[u8]| pdf::page_sizes(bytes).ok().map(Arc::new);
        if !doc.chunks.is_empty() {
            return sizes(&self.document(doc).ok()?);
        }
        if let Some(known) = self.page_sizes.get(&doc.file) {
            return known.clone();
        }
        let found = self.file(&doc.file).and_then(|bytes| sizes(&bytes));
        self.page_sizes.insert(doc.file.clone(), found.clone());
        found
    }

    /// Returns the centers of the signatures of a position as page, x and y, in points. For a seam
    /// only the page and y are meaningful.
    pub(super) fn centers(
        &mut self,
        world: &World,
        doc: &DocId,
        position: &Position,
    ) -> Vec<SealCenter> {
        let keywords = match position.sign_type {
            Some(1) => {
                let key = position.key.as_deref().unwrap_or_default().trim();
                self.keyword_positions(world, doc, key)
            }
            _ => Vec::new(),
        };
        let keywords: Vec<_> = keywords.iter().map(Spot::center).collect();
        let count = match position.sign_type {
            Some(3) => self.page_sizes(world, doc).map_or(0, |sizes| sizes.len()),
            _ => 0,
        };
        position.centers(&keywords, count)
    }

    /// Returns whether a password opens a document. Any password opens one that is not encrypted.
    pub(super) fn opens_with(&self, world: &World, doc: &DocId, password: &str) -> bool {
        let file = world.docs.get(doc).and_then(|doc| self.file(&doc.file));
        file.is_some_and(|bytes| pdf::opens(&bytes, password))
    }

    /// Returns a document of a flow with all its signatures.
    pub(super) fn signed_document(
        &mut self,
        world: &World,
        flow: &Flow,
        id: &DocId,
    ) -> Result<Vec<u8>, PdfError> {
        let doc = world
            .docs
            .get(id)
            .ok_or_else(|| PdfError::NoPdf("the document does not exist".to_owned()))?;
        let mut bytes = self.document(doc)?;
        let (Ok(sizes), Ok(())) = (pdf::page_sizes(&bytes), pdf::check(&bytes)) else {
            // Signatures cannot be drawn on an encrypted document.
            return Ok(bytes);
        };
        let signed = flow
            .tasks
            .iter()
            .filter(|task| task.status == SignStatus::Signed);
        let pages = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
        for (index, task) in signed.enumerate() {
            let sign_time = task.ended_at.filter(|_| flow.add_sign_time);
            let sign_time = sign_time.and_then(|ms| Timestamp::from_millisecond(ms).ok());
            let sign_time = sign_time.map(time::text);
            let default_position = [default_position(index, pages)];
            let own = task.places.iter().filter(|place| place.doc == *id);
            let positions: Vec<&Position> = own
                .flat_map(|place| match &place.positions[..] {
                    [] => &default_position[..],
                    positions => positions,
                })
                .collect();
            for (seal_index, seal) in task.seals.iter().enumerate() {
                let Some(image) = self.image(world, task, seal) else {
                    continue;
                };
                for position in &positions {
                    let impression = Impression {
                        position,
                        image: &image,
                        seal_index,
                        sizes: &sizes,
                        sign_time: sign_time.as_deref(),
                    };
                    bytes = self.draw_impression(world, id, &bytes, &impression)?;
                }
            }
        }
        Ok(bytes)
    }

    /// Draws a seal at all places of a position. Returns the new document.
    fn draw_impression(
        &mut self,
        world: &World,
        doc: &DocId,
        bytes: &[u8],
        impression: &Impression<'_>,
    ) -> Result<Vec<u8>, PdfError> {
        let Impression {
            position,
            image,
            seal_index,
            sizes,
            sign_time,
        } = impression;
        // `scale` replaces the width of the seal and has the same unit (API 5.5.2).
        let width = position
            .scale
            .map_or(image.width, |scale| scale * POINTS_PER_PIXEL);
        let height = width * image.height / image.width;
        // The second seal of a signer is drawn next to the first.
        let shift = width * 1.1 * f64::from(u16::try_from(*seal_index).unwrap_or(0));
        let centers = self.centers(world, doc, position);
        if position.sign_type == Some(3) {
            let pages: Vec<u32> = centers.into_iter().map(|(page, ..)| page).collect();
            let heights = sizes.iter().map(|(_, height)| *height);
            let highest = heights.reduce(f64::min).unwrap_or(height) - height;
            // The whole seal stays on the page.
            let y = position.pos_y.unwrap_or(0.0) - height / 2.0;
            let y = y.min(highest).max(0.0);
            return pdf::seam(bytes, &image.png, &pages, y, width, height);
        }
        let stamps: Vec<Stamp<'_>> = centers
            .into_iter()
            .map(|(page, x, y)| Stamp {
                page,
                x: x + shift - width / 2.0,
                y: y - height / 2.0,
                width,
                height,
                image: &image.png,
                text: *sign_time,
            })
            .collect();
        pdf::stamp(bytes, &stamps)
    }

    fn image(&self, world: &World, task: &Task, seal: &SealChoice) -> Option<Image> {
        match seal {
            SealChoice::Handwritten => {
                let (png, ratio) = handwriting(world.account_name(&task.account))?;
                Some(Image {
                    png,
                    width: HANDWRITING_HEIGHT * ratio,
                    height: HANDWRITING_HEIGHT,
                })
            }
            SealChoice::Default(account) => {
                let drawing = default_seal(world, account);
                Some(Image {
                    png: draw(&drawing)?,
                    width: f64::from(drawing.width) * POINTS_PER_PIXEL,
                    height: f64::from(drawing.height) * POINTS_PER_PIXEL,
                })
            }
            SealChoice::Seal(id) => {
                let seal = world.seals.get(id)?;
                Some(Image {
                    png: self.seal_image(seal)?,
                    width: f64::from(seal.width) * POINTS_PER_PIXEL,
                    height: f64::from(seal.height) * POINTS_PER_PIXEL,
                })
            }
        }
    }

    /// Returns the width and height of an uploaded PNG or JPEG image, in pixels. `None` if the file
    /// is not such an image.
    pub(super) fn image_size(&self, key: &FileKey) -> Option<(u32, u32)> {
        Self::size_of_image(&self.file(key)?)
    }

    /// Returns the width and height of a PNG or JPEG image, in pixels.
    pub(super) fn size_of_image(bytes: &[u8]) -> Option<(u32, u32)> {
        let image = Pixmap::decode_png(&as_png(bytes)?).ok()?;
        Some((image.width(), image.height()))
    }

    /// Removes all files. Returns false if they are stored in a folder.
    pub(super) fn clear(&mut self) -> bool {
        let FileStorage::Memory(files) = &mut self.storage else {
            return false;
        };
        files.clear();
        self.keyword_positions.clear();
        self.page_sizes.clear();
        true
    }

    /// Returns a seal's image as PNG.
    pub(super) fn seal_image(&self, seal: &Seal) -> Option<Vec<u8>> {
        match &seal.design {
            SealDesign::Image(file) => as_png(&self.file(file)?),
            SealDesign::Drawn {
                template_type,
                color,
                text,
                h_text,
                q_text,
            } => draw(&Drawing {
                shape: shape(template_type),
                color: match color.as_str() {
                    "BLUE" => Color::Blue,
                    "BLACK" => Color::Black,
                    _ => Color::Red,
                },
                width: seal.width,
                height: seal.height,
                text,
                h_text: h_text.as_deref(),
                q_text: q_text.as_deref(),
            }),
        }
    }
}

/// Converts a PNG or JPEG image to PNG.
fn as_png(bytes: &[u8]) -> Option<Vec<u8>> {
    if Pixmap::decode_png(bytes).is_ok() {
        return Some(bytes.to_vec());
    }
    let mut decoder = JpegDecoder::new(Cursor::new(bytes));
    let pixels = decoder.decode().ok()?;
    let (width, height) = decoder.dimensions()?;
    let channels = pixels.len() / (width * height).max(1);
    let mut image = Pixmap::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?)?;
    for (to, from) in image.pixels_mut().iter_mut().zip(pixels.chunks(channels)) {
        let (red, green, blue) = match *from {
            [grey] => (grey, grey, grey),
            [red, green, blue, ..] => (red, green, blue),
            _ => return None,
        };
        *to = PremultipliedColorU8::from_rgba(red, green, blue, u8::MAX)?;
    }
    image.encode_png().ok()
}

/// A seal and where it is drawn.
struct Impression<'a> {
    position: &'a Position,
    image: &'a Image,
    /// The index among the seals of the signer.
    seal_index: usize,
    /// The page sizes.
    sizes: &'a Sizes,
    /// The time of signing, if it is printed.
    sign_time: Option<&'a str>,
}

/// An image and its size in points.
struct Image {
    png: Vec<u8>,
    width: f64,
    height: f64,
}

fn shape(template_type: &str) -> Shape {
    match template_type {
        "SQUARE" => Shape::Square,
        "RECTANGLE" => Shape::Rectangle,
        "BORDERLESS" => Shape::Borderless,
        "ROUND_NONE" => Shape::RoundNone,
        "OVAL_STAR" => Shape::OvalStar,
        "OVAL_NONE" => Shape::OvalNone,
        _ => Shape::RoundStar,
    }
}

/// Returns the position of a signature without one: on the last page, in a grid of three columns.
fn default_position(index: usize, last_page: u32) -> Position {
    let small = |number: usize| f64::from(u16::try_from(number).unwrap_or(u16::MAX));
    Position {
        sign_type: Some(2),
        pos_page: Some(last_page.to_string()),
        pos_x: Some(120.0 + 150.0 * small(index % 3)),
        pos_y: Some(90.0 + 110.0 * small(index / 3)),
        key: None,
        scale: None,
    }
}

/// Returns the seal of an account without seals: a square for a person, a circle with a star for an
/// organization.
fn default_seal<'w>(world: &'w World, account: &AccountId) -> Drawing<'w> {
    let is_person = world
        .accounts
        .get(account)
        .is_some_and(|account| account.is_person);
    let (shape, side) = if is_person {
        (Shape::Square, 80)
    } else {
        (Shape::RoundStar, 159)
    };
    Drawing {
        shape,
        color: Color::Red,
        width: side,
        height: side,
        text: world.account_name(account),
        h_text: None,
        q_text: None,
    }
}
