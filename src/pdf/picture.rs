//! Renders pages as images.

use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

use super::error::PdfError;
use super::page::{settings, with_pdf};

/// The maximum width and height of an image, in pixels.
const MAX_SIDE: u32 = 8000;

/// Renders a page (from 1) as a PNG with a white background; `None` if the page does not exist.
///
/// `width` is in pixels and limited to 1 to 8000. It is reduced if the height would exceed 8000
/// pixels.
///
/// # Errors
/// [`PdfError`] if the bytes are not a PDF, are damaged or require a password.
pub fn picture(bytes: &[u8], page: u32, width: u32) -> Result<Option<Vec<u8>>, PdfError> {
    let at = page.checked_sub(1).and_then(|at| usize::try_from(at).ok());
    let drawn = with_pdf(bytes, |pdf| {
        let page = pdf.pages().get(at?)?;
        let (page_width, page_height) = page.render_dimensions();
        // The renderer truncates fractions; a small excess keeps the last column of pixels.
        #[allow(clippy::cast_precision_loss)] // at most 8000
        let pixels = |count: u32| count as f32 + 0.01;
        let scale = (pixels(width.clamp(1, MAX_SIDE)) / page_width)
            .min(pixels(MAX_SIDE) / page_height)
            .max(1.01 / page_width)
            .max(1.01 / page_height);
        let pixmap_settings = PixmapSettings {
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
            &pixmap_settings,
        );
        Some(pixmap.into_png())
    })?;
    drawn
        .transpose()
        .map_err(|error| PdfError::NoPdf(format!("the page cannot be rendered: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::page_of_html;
    use super::*;

    #[test]
    fn renders_a_page_at_the_requested_width() {
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
