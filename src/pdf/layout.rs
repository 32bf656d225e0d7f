//! Sets blocks of text on A4 pages.

use std::fmt::Write as _;

use lopdf::{Document, Object, ObjectId, Stream, dictionary};

use super::block::{BODY, Block, Cell};
use super::fields::save;
use super::font::{FontSubset, compressed, real, text_width, wrap};

/// The width and height of an A4 page, in points.
const PAGE: (f64, f64) = (595.28, 841.89);
/// The page margin in points.
const MARGIN: f64 = 56.0;
/// The width of the text area in points.
const WIDTH: f64 = PAGE.0 - 2.0 * MARGIN;
/// The line spacing as a multiple of the font size.
const LEADING: f64 = 1.5;
/// The indentation of a list level, in points.
const INDENT: f64 = 18.0;
/// The distance between the text of a cell and its borders, in points.
const PADDING: f64 = 4.0;

/// Sets blocks on pages and returns the PDF, which has at least one page.
pub(super) fn layout(blocks: &[Block]) -> Vec<u8> {
    let mut pages = PageWriter::default();
    for block in blocks {
        match block {
            Block::Text {
                text,
                size,
                bold,
                depth,
                marker,
                centered,
            } => {
                let indent = INDENT * f64::from(*depth);
                let hang = text_width(marker) * size;
                let lines = wrap(text, (WIDTH - indent - hang) / size);
                if *bold {
                    pages.down += size * 0.4;
                }
                for (line, first) in lines
                    .iter()
                    .zip(std::iter::once(true).chain([false].into_iter().cycle()))
                {
                    pages.require_height(size * LEADING);
                    let line = line.trim_end();
                    let free = (WIDTH - indent - hang - text_width(line) * size).max(0.0);
                    let left = MARGIN + indent + if *centered { free / 2.0 } else { 0.0 };
                    if first {
                        pages.write(left, 0.0, *size, *bold, marker);
                    }
                    pages.write(left + hang, 0.0, *size, *bold, line);
                    pages.down += size * LEADING;
                }
                pages.down += size * 0.4;
            }
            Block::Table(rows) => {
                set_table(&mut pages, rows);
                pages.down += BODY * 0.6;
            }
            Block::Rule => {
                pages.require_height(BODY);
                pages.line((MARGIN, BODY / 2.0), (MARGIN + WIDTH, BODY / 2.0));
                pages.down += BODY;
            }
        }
    }
    pages.finish()
}

/// Sets a table with borders. Column widths are proportional to the longest text of each column.
fn set_table(pages: &mut PageWriter, rows: &[Vec<Cell>]) {
    let span = |row: &Vec<Cell>| row.iter().map(|cell| cell.span).sum::<usize>();
    let mut desired_widths = vec![2.0_f64; rows.iter().map(span).max().unwrap_or(1)];
    for row in rows {
        let mut at = 0;
        for cell in row {
            // Only cells of a single column determine the column widths.
            if cell.span == 1 {
                let widest = cell.text.lines().map(text_width).fold(0.0, f64::max);
                desired_widths[at] = desired_widths[at].max(widest.min(30.0) + 1.0);
            }
            at += cell.span;
        }
    }
    let scale = WIDTH / desired_widths.iter().sum::<f64>();
    let mut edges = vec![MARGIN];
    for desired_width in &desired_widths {
        edges.push(edges[edges.len() - 1] + desired_width * scale);
    }
    for row in rows {
        let mut at = 0;
        let mut cells = Vec::new();
        for cell in row {
            let (left, right) = (edges[at], edges[at + cell.span]);
            at += cell.span;
            cells.push((
                cell,
                left,
                right,
                wrap(&cell.text, (right - left - 2.0 * PADDING) / BODY),
            ));
        }
        let mut from = 0;
        let most = cells.iter().map(|cell| cell.3.len()).max().unwrap_or(0);
        // A row that does not fit continues on the next page.
        while from == 0 || from < most {
            let height = |lines: usize| {
                f64::from(u32::try_from(lines.max(1)).unwrap_or(u32::MAX)) * BODY * 1.35
                    + 2.0 * PADDING
            };
            pages.require_height(height((most - from).min(8)));
            // More lines do not fit on a page.
            let mut count = (most - from).clamp(1, 80);
            while count > 1 && height(count) > pages.remaining_height() {
                count -= 1;
            }
            let height = height(count);
            for (cell, left, right, lines) in &cells {
                let mut down = PADDING;
                for line in lines.iter().skip(from).take(count) {
                    pages.write(left + PADDING, down, BODY, cell.bold, line.trim_end());
                    down += BODY * 1.35;
                }
                for (a, b) in [
                    ((*left, 0.0), (*right, 0.0)),
                    ((*left, height), (*right, height)),
                    ((*left, 0.0), (*left, height)),
                    ((*right, 0.0), (*right, height)),
                ] {
                    pages.line(a, b);
                }
            }
            pages.down += height;
            from += count;
        }
    }
}

/// The finished pages and the current page.
#[derive(Default)]
struct PageWriter {
    /// The content streams of the finished pages.
    full: Vec<String>,
    /// The content stream of the current page.
    content: String,
    /// The current position, in points below the upper margin.
    down: f64,
    font_subset: FontSubset,
}

impl PageWriter {
    /// Returns the remaining height of the page in points.
    fn remaining_height(&self) -> f64 {
        PAGE.1 - 2.0 * MARGIN - self.down
    }

    /// Starts a new page if less than `height` points remain.
    fn require_height(&mut self, height: f64) {
        if height > self.remaining_height() && self.down > 0.0 {
            self.full.push(std::mem::take(&mut self.content));
            self.down = 0.0;
        }
    }

    /// Draws a line of text whose top is `below` points under the current position.
    fn write(&mut self, x: f64, below: f64, size: f64, bold: bool, text: &str) {
        if text.is_empty() {
            return;
        }
        let y = PAGE.1 - MARGIN - self.down - below - size;
        // The font has a single weight; an outline makes it bold.
        let mode = if bold {
            format!("2 Tr {:.2} w", size * 0.03)
        } else {
            "0 Tr".to_owned()
        };
        let shown = self.font_subset.encode(text);
        // Infallible for strings.
        let _ = writeln!(
            self.content,
            "BT /F {size:.2} Tf {mode} {x:.2} {y:.2} Td {shown} Tj ET"
        );
    }

    /// Draws a thin line between two points, each given as x and the distance below the current
    /// position.
    fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let top = PAGE.1 - MARGIN - self.down;
        let _ = writeln!(
            self.content,
            "0.5 w {:.2} {:.2} m {:.2} {:.2} l S",
            from.0,
            top - from.1,
            to.0,
            top - to.1
        );
    }

    /// Returns the PDF.
    fn finish(mut self) -> Vec<u8> {
        self.full.push(std::mem::take(&mut self.content));
        let mut document = Document::with_version("1.7");
        let (root, font) = (document.new_object_id(), document.new_object_id());
        let mut kids = Vec::new();
        for content in std::mem::take(&mut self.full) {
            kids.push(Object::Reference(add_page(
                &mut document,
                root,
                font,
                content,
            )));
        }
        document.objects.insert(
            root,
            Object::Dictionary(dictionary! {
                "Type" => "Pages",
                "Count" => i64::try_from(kids.len()).unwrap_or(i64::MAX),
                "Kids" => kids,
            }),
        );
        self.font_subset
            .embed(&mut document, font)
            .expect("the shipped font can be embedded");
        let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
        document.trailer.set("Root", catalog);
        save(document).expect("writing to memory does not fail")
    }
}

/// Adds a page to the document and returns its id.
fn add_page(document: &mut Document, root: ObjectId, font: ObjectId, content: String) -> ObjectId {
    let content = document.add_object(compressed(Stream::new(
        dictionary! {},
        content.into_bytes(),
    )));
    document.add_object(dictionary! {
        "Type" => "Page",
        "Parent" => root,
        "MediaBox" => vec![0.into(), 0.into(), real(PAGE.0), real(PAGE.1)],
        "Resources" => dictionary! { "Font" => dictionary! { "F" => font } },
        "Contents" => content,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{find, page_of_html, page_sizes};
    use super::PAGE;

    #[test]
    fn breaks_long_text_into_pages_within_the_margins() {
        let html = "<p>这是很长的一段文字，用来看它怎样换行。</p>".repeat(60)
            + "<table><tr><th>项目</th><td>"
            + &"一个很高的单元格。".repeat(900)
            + "</td></tr></table><p>结束";
        let pdf = page_of_html(&html);
        let pages = page_sizes(&pdf).unwrap();
        assert!(pages.len() > 4 && (pages[0].0 - PAGE.0).abs() < 0.1);
        let spots = find(&pdf, "一个很高").unwrap();
        assert!(spots.iter().all(|spot| spot.x > 56.0 && spot.y > 50.0));
        assert_eq!(find(&pdf, "结束").unwrap()[0].page as usize, pages.len());
        assert_eq!(page_sizes(&page_of_html("")).unwrap().len(), 1);
    }
}
