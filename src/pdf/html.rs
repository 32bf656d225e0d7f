//! Renders the text of an HTML fragment on A4 pages: headings, paragraphs, lists and tables.
//!
//! A tokenizer reads the fragment, so any HTML is accepted; styles, images and scripts are ignored.
//! The result is a list of blocks, which `layout` sets on pages.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use super::block::{BODY, Block, Cell};
use super::layout::layout;

/// The maximum number of columns that a cell spans.
const MAX_SPAN: usize = 50;

/// Renders an HTML fragment as a PDF with at least one A4 page.
pub fn page_of_html(html: &str) -> Vec<u8> {
    layout(&blocks(html))
}

/// Parses a fragment into blocks.
fn blocks(html: &str) -> Vec<Block> {
    let mut emitter = DefaultEmitter::default();
    // Reads the contents of scripts and styles as text, not as tags.
    emitter.naively_switch_states(true);
    let mut reader = Reader::default();
    // Reading from memory is infallible.
    for token in Tokenizer::new_with_emitter(html, emitter).flatten() {
        match token {
            Token::StartTag(tag) => reader.start(&tag),
            Token::EndTag(tag) => reader.end(&tag.name),
            Token::String(text) => reader.text(&String::from_utf8_lossy(&text)),
            _ => {}
        }
    }
    reader.close_table();
    reader.close_text();
    reader.blocks
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    /// The text of the current block, with collapsed whitespace.
    text: String,
    /// The font size of the current heading, in points.
    heading: Option<f64>,
    centered: bool,
    marker: String,
    /// The open lists; an ordered list has the number of its last item.
    lists: Vec<Option<u32>>,
    /// The name of the open element whose text is not displayed.
    hidden: Option<Vec<u8>>,
    pre: bool,
    /// The number of open tables. A nested table is read as text of the cell around it.
    tables: u32,
    rows: Vec<Vec<Cell>>,
    in_cell: bool,
}

impl Reader {
    fn start(&mut self, tag: &StartTag<()>) {
        match &tag.name[..] {
            b"script" | b"style" | b"head" | b"title" | b"template" if self.hidden.is_none() => {
                self.hidden = (!tag.self_closing).then(|| tag.name.to_vec());
            }
            b"br" => self.text.push('\n'),
            b"table" => {
                self.tables += 1;
                if self.tables == 1 {
                    self.close_text();
                }
            }
            b"tr" if self.tables == 1 => {
                self.in_cell = false;
                self.rows.push(Vec::new());
            }
            name @ (b"td" | b"th") if self.tables == 1 => {
                let span = attribute(tag, b"colspan").and_then(|span| span.parse().ok());
                let cell = Cell {
                    text: String::new(),
                    bold: name == b"th",
                    span: span.unwrap_or(1).clamp(1, MAX_SPAN),
                };
                if self.rows.is_empty() {
                    self.rows.push(Vec::new());
                }
                if let Some(row) = self.rows.last_mut() {
                    row.push(cell);
                }
                self.in_cell = true;
            }
            b"pre" => {
                self.break_block();
                self.pre = true;
            }
            b"ul" | b"ol" => {
                self.break_block();
                let is_ordered = &tag.name[..] == b"ol";
                self.lists.push(is_ordered.then_some(0));
            }
            b"li" => {
                self.break_block();
                self.marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number = number.saturating_add(1);
                        format!("{number}. ")
                    }
                    _ => "• ".to_owned(),
                };
            }
            b"hr" if self.tables == 0 => {
                self.close_text();
                self.blocks.push(Block::Rule);
            }
            name => {
                if is_block(name) {
                    self.break_block();
                    self.heading = heading(name);
                    let style = attribute(tag, b"style")
                        .unwrap_or_default()
                        .replace(' ', "");
                    self.centered = style.contains("text-align:center")
                        || name == b"center"
                        || attribute(tag, b"align").is_some_and(|side| side == "center");
                }
            }
        }
    }

    fn end(&mut self, name: &[u8]) {
        if self.hidden.as_deref() == Some(name) {
            self.hidden = None;
        }
        match name {
            b"table" => {
                if self.tables == 1 {
                    self.close_table();
                }
                self.tables = self.tables.saturating_sub(1);
            }
            b"td" | b"th" if self.tables == 1 => self.in_cell = false,
            b"ul" | b"ol" => {
                self.break_block();
                self.lists.pop();
            }
            b"pre" => {
                self.break_block();
                self.pre = false;
            }
            name if is_block(name) || name == b"li" => {
                self.break_block();
                (self.heading, self.centered) = (None, false);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.hidden.is_some() {
            return;
        }
        let into = match self.rows.last_mut().and_then(|row| row.last_mut()) {
            Some(cell) if self.in_cell => &mut cell.text,
            // Ignores whitespace between the cells of a table.
            _ if self.tables > 0 => return,
            _ => &mut self.text,
        };
        for character in text.chars() {
            let kept = self.pre && character != '\r';
            if kept || !character.is_ascii_whitespace() {
                into.push(character);
            } else if !into.is_empty() && !into.ends_with([' ', '\n']) {
                into.push(' ');
            }
        }
    }

    /// Ends the current block or, within a cell, the current line.
    fn break_block(&mut self) {
        if self.tables == 0 {
            self.close_text();
        } else if self.in_cell
            && let Some(cell) = self.rows.last_mut().and_then(|row| row.last_mut())
            && !cell.text.is_empty()
            && !cell.text.ends_with('\n')
        {
            cell.text.push('\n');
        }
    }

    fn close_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim_matches([' ', '\n']);
        if text.is_empty() {
            return;
        }
        self.blocks.push(Block::Text {
            text: text.to_owned(),
            size: self.heading.unwrap_or(BODY),
            bold: self.heading.is_some(),
            depth: u32::try_from(self.lists.len()).unwrap_or(0).min(8),
            marker: std::mem::take(&mut self.marker),
            centered: self.centered,
        });
    }

    fn close_table(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        self.in_cell = false;
        rows.retain(|row| !row.is_empty());
        for cell in rows.iter_mut().flatten() {
            cell.text = cell.text.trim_matches([' ', '\n']).to_owned();
        }
        if !rows.is_empty() {
            self.blocks.push(Block::Table(rows));
        }
    }
}

/// Returns the trimmed lower-case value of an attribute.
fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    let value = tag.attributes.get(name)?;
    Some(String::from_utf8_lossy(value).trim().to_ascii_lowercase())
}

/// Returns the font size of a heading element, in points.
fn heading(name: &[u8]) -> Option<f64> {
    match name {
        b"h1" => Some(20.0),
        b"h2" => Some(16.0),
        b"h3" => Some(14.0),
        b"h4" | b"h5" | b"h6" => Some(12.0),
        _ => None,
    }
}

fn is_block(name: &[u8]) -> bool {
    const BLOCKS: [&[u8]; 17] = [
        b"p",
        b"div",
        b"section",
        b"article",
        b"header",
        b"footer",
        b"main",
        b"body",
        b"html",
        b"blockquote",
        b"dl",
        b"dt",
        b"dd",
        b"center",
        b"caption",
        b"figure",
        b"form",
    ];
    heading(name).is_some() || BLOCKS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(html: &str) -> Vec<String> {
        let text = |block| match block {
            Block::Text { text, marker, .. } => format!("{marker}{text}"),
            Block::Table(rows) => format!("{} rows", rows.len()),
            Block::Rule => "---".to_owned(),
        };
        blocks(html).into_iter().map(text).collect()
    }

    #[test]
    fn extracts_the_displayed_text() {
        let html = "<style>p { color: red }</style><h1>借款 合同</h1><p>甲&amp;乙\n  &lt;双方&gt;<br>第二行<script>if (a<b) {}</script>\
            <ol><li>一<li>二</ol><ul><li>三</li></ul><hr><table><tr><td>1</td><td colspan=2>2<table><tr><td>x</table></table>尾 <b>注";
        assert_eq!(
            words(html),
            [
                "借款 合同",
                "甲&乙 <双方>\n第二行",
                "1. 一",
                "2. 二",
                "• 三",
                "---",
                "1 rows",
                "尾 注"
            ]
        );
        assert_eq!(words("</td></table><tr>a<td>b<"), ["ab<"]);
        assert_eq!(words(""), Vec::<String>::new());
    }
}
