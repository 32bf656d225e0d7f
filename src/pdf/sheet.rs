//! Blocks of text, set on A4 pages from the top, as many as they need.

use std::fmt::Write as _;

use lopdf::{Document, Object, ObjectId, Stream, dictionary};

use super::fields::save;
use super::font::{Writing, ems, packed, real, wrap};
use super::html::{BODY, Block, Cell};

/// A4, in points.
const PAGE: (f64, f64) = (595.28, 841.89);
const MARGIN: f64 = 56.0;
const WIDTH: f64 = PAGE.0 - 2.0 * MARGIN;
/// How far lines are apart, in their size.
const LEADING: f64 = 1.5;
/// How far a list stands in, and a cell's text from its rules.
const INDENT: f64 = 18.0;
const PADDING: f64 = 4.0;

/// The PDF with these blocks on its pages, at least one.
pub(super) fn set(blocks: &[Block]) -> Vec<u8> {
    let mut sheet = Sheet::default();
    for block in blocks {
        match block {
            Block::Text {
                text,
                size,
                bold,
                depth,
                mark,
                centered,
            } => {
                let indent = INDENT * f64::from(*depth);
                let hang = ems(mark) * size;
                let lines = wrap(text, (WIDTH - indent - hang) / size);
                if *bold {
                    sheet.down += size * 0.4;
                }
                for (line, first) in lines
                    .iter()
                    .zip(std::iter::once(true).chain([false].into_iter().cycle()))
                {
                    sheet.room(size * LEADING);
                    let line = line.trim_end();
                    let free = (WIDTH - indent - hang - ems(line) * size).max(0.0);
                    let left = MARGIN + indent + if *centered { free / 2.0 } else { 0.0 };
                    if first {
                        sheet.write(left, 0.0, *size, *bold, mark);
                    }
                    sheet.write(left + hang, 0.0, *size, *bold, line);
                    sheet.down += size * LEADING;
                }
                sheet.down += size * 0.4;
            }
            Block::Table(rows) => {
                table(&mut sheet, rows);
                sheet.down += BODY * 0.6;
            }
            Block::Rule => {
                sheet.room(BODY);
                sheet.line((MARGIN, BODY / 2.0), (MARGIN + WIDTH, BODY / 2.0));
                sheet.down += BODY;
            }
        }
    }
    sheet.finish()
}

/// Rows whose columns are as wide as their longest text asks, with thin rules around the cells.
fn table(sheet: &mut Sheet, rows: &[Vec<Cell>]) {
    let span = |row: &Vec<Cell>| row.iter().map(|cell| cell.span).sum::<usize>();
    let mut wishes = vec![2.0_f64; rows.iter().map(span).max().unwrap_or(1)];
    for row in rows {
        let mut at = 0;
        for cell in row {
            // What takes several columns adapts to what takes one.
            if cell.span == 1 {
                let widest = cell.text.lines().map(ems).fold(0.0, f64::max);
                wishes[at] = wishes[at].max(widest.min(30.0) + 1.0);
            }
            at += cell.span;
        }
    }
    let scale = WIDTH / wishes.iter().sum::<f64>();
    let mut edges = vec![MARGIN];
    for wish in &wishes {
        edges.push(edges[edges.len() - 1] + wish * scale);
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
        // A row that is higher than what is left of the page goes on over the next.
        while from == 0 || from < most {
            let height = |lines: usize| {
                f64::from(u32::try_from(lines.max(1)).unwrap_or(u32::MAX)) * BODY * 1.35
                    + 2.0 * PADDING
            };
            sheet.room(height((most - from).min(8)));
            // No page has more lines.
            let mut count = (most - from).clamp(1, 80);
            while count > 1 && height(count) > sheet.left() {
                count -= 1;
            }
            let height = height(count);
            for (cell, left, right, lines) in &cells {
                let mut down = PADDING;
                for line in lines.iter().skip(from).take(count) {
                    sheet.write(left + PADDING, down, BODY, cell.bold, line.trim_end());
                    down += BODY * 1.35;
                }
                for (a, b) in [
                    ((*left, 0.0), (*right, 0.0)),
                    ((*left, height), (*right, height)),
                    ((*left, 0.0), (*left, height)),
                    ((*right, 0.0), (*right, height)),
                ] {
                    sheet.line(a, b);
                }
            }
            sheet.down += height;
            from += count;
        }
    }
}

/// The pages that are full, the one that is being set, and how far down that is.
#[derive(Default)]
struct Sheet {
    full: Vec<String>,
    content: String,
    /// Points below the upper margin.
    down: f64,
    writing: Writing,
}

impl Sheet {
    fn left(&self) -> f64 {
        PAGE.1 - 2.0 * MARGIN - self.down
    }

    /// Begins another page where this one has no room for so many points.
    fn room(&mut self, height: f64) {
        if height > self.left() && self.down > 0.0 {
            self.full.push(std::mem::take(&mut self.content));
            self.down = 0.0;
        }
    }

    /// A line of text whose top is so far below where the sheet is.
    fn write(&mut self, x: f64, below: f64, size: f64, bold: bool, text: &str) {
        if text.is_empty() {
            return;
        }
        let y = PAGE.1 - MARGIN - self.down - below - size;
        // The font has one weight: an outline makes it look bold.
        let mode = if bold {
            format!("2 Tr {:.2} w", size * 0.03)
        } else {
            "0 Tr".to_owned()
        };
        let shown = self.writing.show(text);
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.content,
            "BT /F {size:.2} Tf {mode} {x:.2} {y:.2} Td {shown} Tj ET"
        );
    }

    /// A thin line between two points, given as x and how far below where the sheet is.
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

    fn finish(mut self) -> Vec<u8> {
        self.full.push(std::mem::take(&mut self.content));
        let mut document = Document::with_version("1.7");
        let (root, font) = (document.new_object_id(), document.new_object_id());
        let mut kids = Vec::new();
        for content in std::mem::take(&mut self.full) {
            kids.push(Object::Reference(page(&mut document, root, font, content)));
        }
        document.objects.insert(
            root,
            Object::Dictionary(dictionary! {
                "Type" => "Pages",
                "Count" => i64::try_from(kids.len()).unwrap_or(i64::MAX),
                "Kids" => kids,
            }),
        );
        self.writing
            .embed(&mut document, font)
            .expect("the shipped font can be cut");
        let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
        document.trailer.set("Root", catalog);
        save(document).expect("writing to memory does not fail")
    }
}

fn page(document: &mut Document, root: ObjectId, font: ObjectId, content: String) -> ObjectId {
    let content = document.add_object(packed(Stream::new(dictionary! {}, content.into_bytes())));
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
    fn long_text_takes_several_pages_and_stays_on_them() {
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
