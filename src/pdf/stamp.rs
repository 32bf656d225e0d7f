//! Draws seals on pages: at given positions, or one seal across the right edges of several pages.
//!
//! The existing content of a page is wrapped, so that its transforms do not affect the stamps.

use super::error::PdfError;
use super::page_editor::{PageEditor, TEXT_SIZE};

/// An image to draw on a page. Coordinates are points from the lower left corner of the displayed
/// page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stamp<'a> {
    /// The page, from 1.
    pub page: u32,
    /// The left edge.
    pub x: f64,
    /// The lower edge.
    pub y: f64,
    /// The displayed width.
    pub width: f64,
    /// The displayed height.
    pub height: f64,
    /// A PNG; transparency is preserved.
    pub image: &'a [u8],
    /// A line of text below the image, such as the signing time.
    pub text: Option<&'a str>,
}

/// Draws stamps on pages and returns the PDF. Stamps on pages that do not exist are ignored.
///
/// # Errors
/// [`PdfError`] if the bytes are not a usable PDF or an image is not a PNG.
pub fn stamp(bytes: &[u8], stamps: &[Stamp<'_>]) -> Result<Vec<u8>, PdfError> {
    let mut editor = PageEditor::new(bytes)?;
    for stamp in stamps {
        if editor.width(stamp.page).is_none() {
            continue;
        }
        let id = editor.image(stamp.image)?;
        let Stamp {
            x,
            y,
            width,
            height,
            ..
        } = *stamp;
        let drawing = format!(
            "q {width:.3} 0 0 {height:.3} {x:.3} {y:.3} cm /TreatySeal{} Do Q\n",
            id.0
        );
        editor.draw(stamp.page, id, &drawing);
        if let Some(text) = stamp.text.filter(|text| !text.is_empty()) {
            editor.write(stamp.page, text, x + width / 2.0, y - TEXT_SIZE * 1.2);
        }
    }
    editor.finish()
}

/// Draws a cross-page seal: cuts the image into one slice a page, drawn at the right edge of the
/// page.
///
/// `y` is the lower edge; `width` and `height` are those of the whole seal, in points. Pages that
/// do not exist are ignored and get no slice.
///
/// # Errors
/// [`PdfError`] if the bytes are not a usable PDF or the image is not a PNG.
pub fn seam(
    bytes: &[u8],
    image: &[u8],
    pages: &[u32],
    y: f64,
    width: f64,
    height: f64,
) -> Result<Vec<u8>, PdfError> {
    let mut editor = PageEditor::new(bytes)?;
    let pages: Vec<(u32, f64)> = (pages.iter())
        .filter_map(|page| Some((*page, editor.width(*page)?)))
        .collect();
    let slice = width / f64::from(u32::try_from(pages.len().max(1)).unwrap_or(u32::MAX));
    for ((page, right), nth) in pages.into_iter().zip(0_u32..) {
        let id = editor.image(image)?;
        let left = right - slice;
        let whole = left - slice * f64::from(nth);
        editor.draw(
            page,
            id,
            &format!(
                "q {left:.3} {y:.3} {slice:.3} {height:.3} re W n \
                 {width:.3} 0 0 {height:.3} {whole:.3} {y:.3} cm /TreatySeal{} Do Q\n",
                id.0
            ),
        );
    }
    editor.finish()
}

#[cfg(test)]
mod tests {
    use lopdf::{Stream, dictionary};
    use tiny_skia::Pixmap;

    use super::super::fields::{load, save};
    use super::super::{append_pdf, find, page_of_html, page_sizes, picture};
    use super::*;

    fn red() -> Vec<u8> {
        let mut pixmap = Pixmap::new(20, 20).unwrap();
        let middle = tiny_skia::Rect::from_xywh(5.0, 0.0, 15.0, 20.0).unwrap();
        let mut paint = tiny_skia::Paint::default();
        paint.set_color_rgba8(255, 0, 0, 255);
        pixmap.fill_rect(middle, &paint, tiny_skia::Transform::identity(), None);
        pixmap.encode_png().unwrap()
    }

    /// Returns whether a point of a page, in points from its lower left corner, is red.
    fn is_red(pdf: &[u8], page: u32, x: u32, y: u32) -> bool {
        let (width, height) = page_sizes(pdf).unwrap()[page as usize - 1];
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let png = picture(pdf, page, width as u32).unwrap().unwrap();
        let pixmap = Pixmap::decode_png(&png).unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let pixel = pixmap.pixel(x, height as u32 - y).unwrap();
        (pixel.red(), pixel.green()) == (255, 0)
    }

    fn rotated(rotate: i64, content: &[u8]) -> Vec<u8> {
        let mut document = load(&page_of_html("<p>合同</p>")).unwrap();
        let page = document.get_pages()[&1];
        let stream = document.add_object(Stream::new(dictionary! {}, content.to_vec()));
        let page = document.get_dictionary_mut(page).unwrap();
        page.set("Rotate", rotate);
        page.set("Contents", stream);
        page.set(
            "CropBox",
            vec![10.into(), 20.into(), 510.into(), 720.into()],
        );
        save(document).unwrap()
    }

    #[test]
    fn stamps_at_the_displayed_position_on_rotated_pages() {
        let image = red();
        for rotate in [0, 90, 180, 270] {
            // The content does not restore its graphics states and its transform.
            let pdf = rotated(rotate, b"q q .5 0 0 .5 100 100 cm 0 0 1 rg");
            let stamp = Stamp {
                page: 1,
                x: 100.0,
                y: 200.0,
                width: 80.0,
                height: 40.0,
                image: &image,
                text: Some("2026-01-02 03:04"),
            };
            let elsewhere = Stamp { page: 7, ..stamp };
            let stamped = super::stamp(&pdf, &[stamp, stamp, elsewhere]).unwrap();
            assert!(is_red(&stamped, 1, 140, 220), "{rotate}");
            assert!(is_red(&stamped, 1, 178, 202), "{rotate}");
            // The image is transparent at its left.
            assert!(!is_red(&stamped, 1, 105, 220), "{rotate}");
            assert!(!is_red(&stamped, 1, 140, 245), "{rotate}");
            let spots = find(&stamped, "2026-01-0203:04").unwrap();
            assert_eq!(spots.len(), 1, "{rotate}");
            assert!(spots[0].y < 200.0 && spots[0].y > 180.0 && spots[0].width > spots[0].height);
            let images = load(&stamped).unwrap();
            let images = images.objects.values().filter(|object| {
                let kind = object.as_stream().map(|stream| stream.dict.get(b"Subtype"));
                kind.is_ok_and(|kind| kind.is_ok_and(|kind| kind.as_name().ok() == Some(b"Image")))
            });
            assert_eq!(images.count(), 2);
        }
    }

    #[test]
    fn stamps_a_page_several_times() {
        let image = red();
        let mut pdf = page_of_html("<p>合同</p>");
        let texts = ["2026-01-02", "甲方已签", "乙方 3:45"];
        for (text, x) in texts.iter().zip([100.0, 200.0, 300.0]) {
            let stamp = Stamp {
                page: 1,
                x,
                y: 200.0,
                width: 50.0,
                height: 50.0,
                image: &image,
                text: Some(text),
            };
            pdf = super::stamp(&pdf, &[stamp]).unwrap();
        }
        for text in texts.iter().chain(&["合同"]) {
            assert_eq!(find(&pdf, text).unwrap().len(), 1, "{text}");
        }
        assert!(is_red(&pdf, 1, 130, 225) && is_red(&pdf, 1, 330, 225));
    }

    #[test]
    fn rejects_images_that_are_not_pngs() {
        let pdf = rotated(0, b"");
        let stamp = Stamp {
            page: 1,
            x: 0.0,
            y: 0.0,
            width: 1.0,
            height: 1.0,
            image: b"no image",
            text: None,
        };
        assert!(super::stamp(&pdf, &[stamp]).is_err());
    }

    #[test]
    fn draws_a_cross_page_seal_at_the_right_edges() {
        let page = page_of_html("<p>合同</p>");
        let pdf = append_pdf(&page, &page).unwrap();
        let sealed = seam(&pdf, &red(), &[1, 2, 3], 400.0, 40.0, 40.0).unwrap();
        assert!(!is_red(&sealed, 1, 577, 420) && is_red(&sealed, 1, 590, 420));
        assert!(is_red(&sealed, 2, 577, 420) && is_red(&sealed, 2, 590, 420));
        assert!(!is_red(&sealed, 2, 570, 420));
    }
}
