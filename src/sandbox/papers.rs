//! The bytes behind the emulated service's documents: filled, with their appended pages, and with what signed them.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use jiff::Timestamp;
use tiny_skia::{Pixmap, PremultipliedColorU8};
use zune_jpeg::JpegDecoder;

use super::drawing::{Color, Drawing, Shape, draw, handwriting};
use super::store::Store;
use super::world::{Doc, Flow, Seal, SealLook, StoredChunk, Task, Used, World};
use crate::address::{AccountId, DocId, FileKey};
use crate::api::{Position, SignStatus, time};
use crate::pdf::{self, PdfError, Spot, Stamp};

/// The width and height of each page, in points.
pub(super) type Sizes = [(f64, f64)];
type PageSizes = Arc<Vec<(f64, f64)>>;

/// Where files are kept.
pub(super) enum Keeper {
    /// As long as the process lives.
    Memory(HashMap<FileKey, Bytes>),
    /// In a folder.
    Folder(Store),
}

/// Files, and what was found in them.
pub(super) struct DocumentStore {
    pub(super) keeper: Keeper,
    /// Where words stand in a file, as it was uploaded.
    spots: HashMap<(FileKey, String), Vec<Spot>>,
    pages: HashMap<FileKey, Option<PageSizes>>,
}

/// A pixel of a seal is 1/96 of an inch, a point 1/72.
pub(super) const POINTS: f64 = 0.75;
/// How wide a signature by hand is, in points.
const HAND: (f64, f64) = (90.0, 45.0);

impl DocumentStore {
    pub(super) fn new(keeper: Keeper) -> Self {
        Self {
            keeper,
            spots: HashMap::new(),
            pages: HashMap::new(),
        }
    }

    pub(super) fn file(&self, key: &FileKey) -> Option<Bytes> {
        match &self.keeper {
            Keeper::Memory(files) => files.get(key).cloned(),
            Keeper::Folder(store) => store.get_file(key),
        }
    }

    pub(super) fn put(&mut self, key: &FileKey, bytes: &Bytes) -> std::io::Result<()> {
        match &mut self.keeper {
            Keeper::Memory(files) => {
                files.insert(key.clone(), bytes.clone());
                Ok(())
            }
            Keeper::Folder(store) => store.put_file(key, bytes),
        }
    }

    /// A document as it was made: its form filled, its pages appended.
    pub(super) fn document(&self, doc: &Doc) -> Result<Vec<u8>, PdfError> {
        let bytes = self
            .file(&doc.file)
            .ok_or_else(|| PdfError::NoPdf("its file is gone".to_owned()))?;
        let mut bytes = if doc.fields.is_empty() {
            bytes.to_vec()
        } else {
            pdf::fill(&bytes, &doc.fields)?
        };
        for chunk in &doc.chunks {
            let pages = match chunk {
                StoredChunk::Html(html) => pdf::page_of_html(html),
                StoredChunk::Pdf(base64) => base64::engine::general_purpose::STANDARD
                    .decode(base64)
                    .map_err(|error| PdfError::NoPdf(error.to_string()))?,
            };
            bytes = pdf::append_pdf(&bytes, &pages)?;
        }
        Ok(bytes)
    }

    /// Where a word stands in a document: first in its own text, then in what was filled in or appended.
    pub(super) fn spots(&mut self, world: &World, doc: &DocId, key: &str) -> Vec<Spot> {
        let Some(doc) = world.docs.get(doc) else {
            return Vec::new();
        };
        let place = (doc.file.clone(), key.to_owned());
        if !self.spots.contains_key(&place) {
            let bytes = self.file(&doc.file).unwrap_or_default();
            let found = pdf::find(&bytes, key).unwrap_or_default();
            self.spots.insert(place.clone(), found);
        }
        let found = self.spots.get(&place).cloned().unwrap_or_default();
        if !found.is_empty() || (doc.fields.is_empty() && doc.chunks.is_empty()) {
            return found;
        }
        self.document(doc)
            .and_then(|bytes| pdf::find(&bytes, key))
            .unwrap_or_default()
    }

    /// How large the pages of a document are, where that can be told.
    pub(super) fn page_sizes(&mut self, world: &World, doc: &DocId) -> Option<PageSizes> {
        let doc = world.docs.get(doc)?;
        let sizes = |bytes: &[u8]| pdf::page_sizes(bytes).ok().map(Arc::new);
        if !doc.chunks.is_empty() {
            return sizes(&self.document(doc).ok()?);
        }
        if let Some(known) = self.pages.get(&doc.file) {
            return known.clone();
        }
        let found = self.file(&doc.file).and_then(|bytes| sizes(&bytes));
        self.pages.insert(doc.file.clone(), found.clone());
        found
    }

    /// The middles of what a position asks for, each on its page. Of a seam only the height matters.
    pub(super) fn centres(
        &mut self,
        world: &World,
        doc: &DocId,
        position: &Position,
    ) -> Vec<(u32, f64, f64)> {
        let (x, y) = (position.pos_x.unwrap_or(0.0), position.pos_y.unwrap_or(0.0));
        let listed = position.pos_page.as_deref().and_then(page_list);
        match position.sign_type {
            Some(1) => {
                let key = position.key.as_deref().unwrap_or_default().trim();
                let spots = self.spots(world, doc, key).into_iter();
                let meant = |page: &u32| listed.as_ref().is_none_or(|pages| pages.contains(page));
                spots
                    .filter(|spot| meant(&spot.page))
                    .map(|spot| {
                        let (across, up) = (spot.width / 2.0, spot.height / 2.0);
                        (spot.page, spot.x + across + x, spot.y + up + y)
                    })
                    .collect()
            }
            Some(3) => {
                let count = self.page_sizes(world, doc).map_or(0, |sizes| sizes.len());
                let all = || (1..).take(count).collect();
                let pages: Vec<u32> = listed.unwrap_or_else(all);
                pages.into_iter().map(|page| (page, 0.0, y)).collect()
            }
            _ => {
                let pages = listed.unwrap_or_default().into_iter();
                pages.map(|page| (page, x, y)).collect()
            }
        }
    }

    /// Whether a password opens a document; one that is not locked is opened by any.
    pub(super) fn opens(&self, world: &World, doc: &DocId, password: &str) -> bool {
        let file = world.docs.get(doc).and_then(|doc| self.file(&doc.file));
        file.is_some_and(|bytes| pdf::opens(&bytes, password))
    }

    /// A document of a flow, with every signature that it has.
    pub(super) fn signed(
        &mut self,
        world: &World,
        flow: &Flow,
        id: &DocId,
    ) -> Result<Vec<u8>, PdfError> {
        let doc = world
            .docs
            .get(id)
            .ok_or_else(|| PdfError::NoPdf("there is no such document".to_owned()))?;
        let mut bytes = self.document(doc)?;
        let (Ok(sizes), Ok(())) = (pdf::page_sizes(&bytes), pdf::check(&bytes)) else {
            // An encrypted one is given out as it is, even where it can be read without a password: nothing can be
            // drawn on it.
            return Ok(bytes);
        };
        let signed = flow
            .tasks
            .iter()
            .filter(|task| task.status == SignStatus::Signed);
        let pages = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
        for (at, task) in signed.enumerate() {
            let when = task.ended.filter(|_| flow.add_sign_time);
            let when = when.and_then(|ms| Timestamp::from_millisecond(ms).ok());
            let when = when.map(time::text);
            let wherever = [wherever(at, pages)];
            let own = task.places.iter().filter(|place| place.doc == *id);
            let positions: Vec<&Position> = own
                .flat_map(|place| match &place.positions[..] {
                    [] => &wherever[..],
                    positions => positions,
                })
                .collect();
            for (nth, used) in task.used.iter().enumerate() {
                let Some(image) = self.image(world, task, used) else {
                    continue;
                };
                for position in &positions {
                    let impression = Impression {
                        position,
                        image: &image,
                        nth,
                        sizes: &sizes,
                        when: when.as_deref(),
                    };
                    bytes = self.place(world, id, &bytes, &impression)?;
                }
            }
        }
        Ok(bytes)
    }

    fn place(
        &mut self,
        world: &World,
        doc: &DocId,
        bytes: &[u8],
        impression: &Impression<'_>,
    ) -> Result<Vec<u8>, PdfError> {
        let Impression {
            position,
            image,
            nth,
            sizes,
            when,
        } = impression;
        // `scale` stands in place of the width that the seal was made with, and is of its unit (5.5.2).
        let width = position.scale.map_or(image.width, |scale| scale * POINTS);
        let height = width * image.height / image.width;
        // A second seal of the same signer stands beside the first.
        let aside = width * 1.1 * f64::from(u16::try_from(*nth).unwrap_or(0));
        let centres = self.centres(world, doc, position);
        if position.sign_type == Some(3) {
            let pages: Vec<u32> = centres.into_iter().map(|(page, ..)| page).collect();
            let heights = sizes.iter().map(|(_, height)| *height);
            let highest = heights.reduce(f64::min).unwrap_or(height) - height;
            // It is whole, however low it is asked for: at 0 when nothing is said.
            let y = position.pos_y.unwrap_or(0.0) - height / 2.0;
            let y = y.min(highest).max(0.0);
            return pdf::seam(bytes, &image.png, &pages, y, width, height);
        }
        let stamps: Vec<Stamp<'_>> = centres
            .into_iter()
            .map(|(page, x, y)| Stamp {
                page,
                x: x + aside - width / 2.0,
                y: y - height / 2.0,
                width,
                height,
                image: &image.png,
                text: *when,
            })
            .collect();
        pdf::stamp(bytes, &stamps)
    }

    fn image(&self, world: &World, task: &Task, used: &Used) -> Option<Image> {
        match used {
            Used::Hand => Some(Image {
                png: handwriting(world.name_of(&task.account))?,
                width: HAND.0,
                height: HAND.1,
            }),
            Used::Default(account) => {
                let (drawing, size) = default_seal(world, account);
                Some(Image {
                    png: draw(&drawing)?,
                    width: size.0 * POINTS,
                    height: size.1 * POINTS,
                })
            }
            Used::Seal(id) => {
                let seal = world.seals.get(id)?;
                Some(Image {
                    png: self.seal_picture(seal)?,
                    width: f64::from(seal.width) * POINTS,
                    height: f64::from(seal.height) * POINTS,
                })
            }
        }
    }

    /// The width and height of an image that a seal can be made of, in pixels; none where the file is no such image.
    pub(super) fn image_size(&self, key: &FileKey) -> Option<(u32, u32)> {
        let png = as_png(&self.file(key)?)?;
        let image = Pixmap::decode_png(&png).ok()?;
        Some((image.width(), image.height()))
    }

    /// A seal's image, as PNG.
    pub(super) fn seal_picture(&self, seal: &Seal) -> Option<Vec<u8>> {
        match &seal.look {
            SealLook::Image(file) => as_png(&self.file(file)?),
            SealLook::Drawn {
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

/// An uploaded image as PNG.
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

/// A seal that is put on a page.
struct Impression<'a> {
    position: &'a Position,
    image: &'a Image,
    /// Which of the signer's seals it is.
    nth: usize,
    /// How large the pages are.
    sizes: &'a Sizes,
    /// The time of signing, where it is shown.
    when: Option<&'a str>,
}

/// An image, and its size in points.
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

/// Where somebody signs who was left to choose: on the last page, beside those who chose before him.
fn wherever(at: usize, last_page: u32) -> Position {
    let small = |number: usize| f64::from(u16::try_from(number).unwrap_or(u16::MAX));
    Position {
        sign_type: Some(2),
        pos_page: Some(last_page.to_string()),
        pos_x: Some(120.0 + 150.0 * small(at % 3)),
        pos_y: Some(90.0 + 110.0 * small(at / 3)),
        key: None,
        scale: None,
    }
}

/// What an account signs with that has made no seal: a square with its name, or a round one with a star.
fn default_seal<'w>(world: &'w World, account: &AccountId) -> (Drawing<'w>, (f64, f64)) {
    let is_person = world
        .accounts
        .get(account)
        .is_some_and(|account| account.is_person);
    let (shape, side) = if is_person {
        (Shape::Square, 80)
    } else {
        (Shape::RoundStar, 159)
    };
    let drawing = Drawing {
        shape,
        color: Color::Red,
        width: side,
        height: side,
        text: world.name_of(account),
        h_text: None,
        q_text: None,
    };
    (drawing, (f64::from(side), f64::from(side)))
}

/// The pages of a list such as `1-3,5`; none where it is no such list.
pub(super) fn page_list(text: &str) -> Option<Vec<u32>> {
    let mut pages = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        // No document has so many pages; a list that says so is a mistake.
        if first == 0 || last < first || last - first > 10_000 {
            return None;
        }
        pages.extend(first..=last);
    }
    Some(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_lists_are_read() {
        assert_eq!(page_list("1-3,5"), Some(vec![1, 2, 3, 5]));
        for wrong in ["", "0", "3-1", "a", "1,"] {
            assert_eq!(page_list(wrong), None, "{wrong}");
        }
    }
}
