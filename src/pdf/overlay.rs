//! Draws a watermark, dashed boxes with labels, and notes at the foot of pages over a PDF.

use std::fmt::Write as _;

use super::error::PdfError;
use super::font::{text_width, wrap};
use super::page_editor::{PageEditor, TextLine};

/// The drawings over a PDF. Coordinates are points from the lower left corner of the displayed
/// page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overlay<'a> {
    /// The text across each page.
    pub watermark: &'a str,
    /// Boxes on the pages.
    pub boxes: Vec<OverlayBox>,
    /// Lines at the foot of the last page.
    pub notes: Vec<(OverlayColor, String)>,
}

/// A dashed box with a label.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlayBox {
    /// The page, from 1. A box on a page that does not exist is ignored.
    pub page: u32,
    /// The left edge.
    pub x: f64,
    /// The lower edge.
    pub y: f64,
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
    /// The color of frame and label.
    pub color: OverlayColor,
    /// The paragraphs of the label. They are broken into lines of the width of the box.
    pub label: Vec<String>,
}

/// The color of a box or a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlayColor {
    /// Dark red.
    Red,
    /// Dark blue.
    Blue,
}

impl OverlayColor {
    fn rgb(self) -> [f64; 3] {
        match self {
            Self::Red => [0.7, 0.1, 0.1],
            Self::Blue => [0.05, 0.25, 0.65],
        }
    }
}

const GRAY: [f64; 3] = [0.35; 3];

/// The font size of labels and notes, in points.
const LABEL_SIZE: f64 = 8.0;
/// The smallest font size of the label of a small box, in points.
const SMALLEST_LABEL: f64 = 5.0;
/// The line spacing as a multiple of the font size.
const LEADING: f64 = 1.3;
/// The distance between a label and its frame, in points.
const PADDING: f64 = 3.0;
/// A label is at least this wide, also if its box is narrower, in points.
const NARROWEST_LABEL: f64 = 40.0;

/// Draws an overlay and returns the PDF.
///
/// # Errors
/// [`PdfError`] if the bytes are not a usable PDF.
pub fn overlay(bytes: &[u8], overlay: &Overlay<'_>) -> Result<Vec<u8>, PdfError> {
    let mut editor = PageEditor::new(bytes)?;
    let sizes = editor.sizes();
    for (page, width, height) in &sizes {
        watermark(&mut editor, *page, (*width, *height), overlay.watermark);
    }
    for framed in &overlay.boxes {
        if let Some(width) = editor.width(framed.page) {
            draw_box(&mut editor, framed, width);
        }
    }
    if let Some((page, width, _)) = sizes.last() {
        notes(&mut editor, *page, *width, &overlay.notes);
    }
    editor.finish()
}

/// Writes a text along the diagonal of a page.
fn watermark(editor: &mut PageEditor<'_>, page: u32, (width, height): (f64, f64), text: &str) {
    if text.is_empty() {
        return;
    }
    let angle = height.atan2(width);
    let size = width.hypot(height) * 0.6 / text_width(text);
    let half = text_width(text) * size / 2.0;
    let (sin, cos) = angle.sin_cos();
    // A third of an em below the middle of the line is its baseline.
    let (along, across) = (half, size / 3.0);
    let at = (
        width / 2.0 - along * cos + across * sin,
        height / 2.0 - along * sin - across * cos,
    );
    let line = TextLine {
        text,
        size,
        color: GRAY,
        at,
        angle,
    };
    editor.draw_translucent(page, |editor| editor.write_line(page, &line));
}

fn draw_box(editor: &mut PageEditor<'_>, framed: &OverlayBox, page_width: f64) {
    let OverlayBox {
        page,
        x,
        y,
        width,
        height,
        color,
        ..
    } = *framed;
    let [red, green, blue] = color.rgb();
    let rect = format!("{x:.3} {y:.3} {width:.3} {height:.3} re");
    editor.draw_paths(
        page,
        &format!("q {red} {green} {blue} RG 1 w [4 2.5] 0 d {rect} S Q\n"),
    );
    let (lines, size) = label_lines(framed);
    let label_width = lines.iter().map(|line| text_width(line) * size);
    let label_width = label_width.fold(0.0, f64::max);
    // The label of a narrow box at the right edge of the page stands left of it.
    let left = if label_width > width - 2.0 * PADDING {
        (x + PADDING)
            .min(page_width - label_width - PADDING)
            .max(0.0)
    } else {
        x + (width - label_width) / 2.0
    };
    let mut top = y + height - PADDING;
    for line in &lines {
        let baseline = top - size * 0.88;
        let line = TextLine {
            text: line,
            size,
            color: color.rgb(),
            at: (left, baseline),
            angle: 0.0,
        };
        editor.write_line(page, &line);
        top -= size * LEADING;
    }
}

/// Breaks a label into lines and returns the largest font size at which they fit into the box, or
/// the smallest one.
fn label_lines(framed: &OverlayBox) -> (Vec<String>, f64) {
    let width = framed.width.max(NARROWEST_LABEL) - 2.0 * PADDING;
    let mut size = LABEL_SIZE;
    loop {
        let label = framed.label.iter();
        let lines: Vec<String> = label.flat_map(|text| wrap(text, width / size)).collect();
        let count = f64::from(u32::try_from(lines.len()).unwrap_or(u32::MAX));
        let is_high = count * size * LEADING + 2.0 * PADDING > framed.height;
        if size <= SMALLEST_LABEL || !is_high {
            return (lines, size);
        }
        size -= 0.5;
    }
}

/// Writes lines on white ground at the foot of a page.
fn notes(editor: &mut PageEditor<'_>, page: u32, width: f64, notes: &[(OverlayColor, String)]) {
    const MARGIN: f64 = 18.0;
    let limit = (width - 2.0 * (MARGIN + PADDING)) / LABEL_SIZE;
    let lines: Vec<(OverlayColor, String)> = notes
        .iter()
        .flat_map(|(color, text)| wrap(text, limit).into_iter().map(|line| (*color, line)))
        .collect();
    if lines.is_empty() {
        return;
    }
    let step = LABEL_SIZE * LEADING;
    let count = f64::from(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    let height = count * step + 2.0 * PADDING;
    let mut frame = String::new();
    // Infallible for strings.
    let _ = writeln!(
        frame,
        "q 1 1 1 rg 0.6 G 0.5 w {MARGIN:.3} {MARGIN:.3} {:.3} {height:.3} re B Q",
        width - 2.0 * MARGIN
    );
    editor.draw_paths(page, &frame);
    let mut baseline = MARGIN + height - PADDING - LABEL_SIZE * 0.88;
    for (color, text) in &lines {
        let line = TextLine {
            text,
            size: LABEL_SIZE,
            color: color.rgb(),
            at: (MARGIN + PADDING, baseline),
            angle: 0.0,
        };
        editor.write_line(page, &line);
        baseline -= step;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{find, page_of_html, page_sizes};
    use super::*;

    #[test]
    fn draws_watermark_boxes_and_notes() {
        let html = "<p>第一页</p>".repeat(80);
        let pdf = page_of_html(&html);
        let sizes = page_sizes(&pdf).unwrap();
        assert!(sizes.len() > 1);
        let marked = OverlayBox {
            page: 2,
            x: 100.0,
            y: 200.0,
            width: 119.0,
            height: 60.0,
            color: OverlayColor::Red,
            label: vec![
                "1 lender".to_owned(),
                "天谷小额贷款有限公司杭州分公司".to_owned(),
            ],
        };
        let narrow = OverlayBox {
            page: 1,
            x: sizes[0].0 - 30.0,
            width: 30.0,
            label: vec!["2 借款人".to_owned()],
            ..marked.clone()
        };
        let missing = OverlayBox {
            page: 9,
            ..marked.clone()
        };
        let shown = overlay(
            &pdf,
            &Overlay {
                watermark: "预览 PREVIEW",
                boxes: vec![marked, narrow, missing],
                notes: vec![(OverlayColor::Blue, "3 guarantor: free position".to_owned())],
            },
        )
        .unwrap();
        assert_eq!(page_sizes(&shown).unwrap(), sizes);
        let watermarks = find(&shown, "预览PREVIEW").unwrap();
        let pages: Vec<u32> = watermarks.iter().map(|spot| spot.page).collect();
        assert_eq!(pages, (1..).take(sizes.len()).collect::<Vec<u32>>());
        for spot in &watermarks {
            let (_, x, y) = spot.center();
            assert!((x - sizes[0].0 / 2.0).abs() < 20.0 && (y - sizes[0].1 / 2.0).abs() < 20.0);
        }
        let label = find(&shown, "1lender").unwrap();
        assert_eq!(label.len(), 1);
        assert!(label[0].page == 2 && label[0].x > 100.0 && label[0].y > 200.0);
        let edge = find(&shown, "2借款人").unwrap();
        assert!(edge[0].x + edge[0].width <= sizes[0].0, "on the page");
        let note = find(&shown, "3guarantor:freeposition").unwrap();
        assert_eq!(note[0].page as usize, sizes.len());
        assert!(overlay(b"%PDF-1.4", &Overlay::default()).is_err());
    }
}
