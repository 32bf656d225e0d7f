//! A page as a picture.

use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

use super::fields::PdfError;
use super::page::{look, settings};

/// No side of a picture has more pixels.
const LARGEST: u32 = 8000;

/// A page (from 1) as a PNG so many pixels wide, on white; `None` where there is no such page.
///
/// The width is kept between 1 and 8000 pixels, and made less where the picture would be higher than that.
pub fn picture(bytes: &[u8], page: u32, width: u32) -> Result<Option<Vec<u8>>, PdfError> {
    let at = page.checked_sub(1).and_then(|at| usize::try_from(at).ok());
    let drawn = look(bytes, |pdf| {
        let page = pdf.pages().get(at?)?;
        let (page_width, page_height) = page.render_dimensions();
        // The renderer cuts fractions off: a little more keeps the last column of pixels.
        #[allow(clippy::cast_precision_loss)] // far below what is not exact
        let pixels = |count: u32| count as f32 + 0.01;
        let scale = (pixels(width.clamp(1, LARGEST)) / page_width)
            .min(pixels(LARGEST) / page_height)
            .max(1.01 / page_width)
            .max(1.01 / page_height);
        let looks = PixmapSettings {
            x_scale: scale,
            y_scale: scale,
            bg_color: WHITE,
        };
        let cache = RenderCache::new();
        let pixmap = render(
            page,
            &cache,
            &settings(),
            &RenderSettings::default(),
            &looks,
        );
        Some(pixmap.into_png())
    })?;
    drawn
        .transpose()
        .map_err(|error| PdfError::NoPdf(format!("the page cannot be drawn: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::page_of_html;
    use super::*;

    #[test]
    fn a_page_is_as_wide_as_asked_and_shows_its_text() {
        let pdf = page_of_html("<h1>借款合同</h1>");
        let png = picture(&pdf, 1, 300).unwrap().unwrap();
        let pixmap = tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixmap.width(), pixmap.height()), (300, 424));
        assert!(pixmap.pixels().iter().any(|pixel| pixel.red() < 100));
        assert_eq!(picture(&pdf, 0, 300).unwrap(), None);
        assert_eq!(picture(&pdf, 2, 300).unwrap(), None);
        assert!(picture(b"%PDF-1.4 and no more", 1, 300).is_err());
    }
}
