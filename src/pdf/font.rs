//! The shipped font and the subsets of it that PDFs embed.
//!
//! A [`FontSubset`] records the characters of a text. The embedded subset holds only their glyphs
//! and a map back to Unicode; the same text gives the same subset.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::LazyLock;

use lopdf::{Document, Object, ObjectId, Stream, dictionary};
use subsetter::GlyphRemapper;
use ttf_parser::Face;

use super::error::PdfError;

static FONT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let compressed = include_bytes!("../../assets/font.ttf.br");
    let mut font = Vec::new();
    brotli_decompressor::Decompressor::new(&compressed[..], 4096)
        .read_to_end(&mut font)
        .expect("the shipped font is compressed correctly");
    font
});

static FACE: LazyLock<Face<'static>> =
    LazyLock::new(|| Face::parse(font(), 0).expect("the shipped font can be parsed"));

/// Returns the shipped TrueType font with Chinese and Latin characters. It is decompressed on first
/// use.
pub fn font() -> &'static [u8] {
    &FONT
}

/// Converts font units to thousandths of an em.
fn thousandths(units: impl Into<i32>) -> i64 {
    i64::from(units.into()) * 1000 / i64::from(FACE.units_per_em())
}

/// Returns the glyph id of a character; 0 if the font does not have it.
fn glyph(character: char) -> u16 {
    let character = if character.is_whitespace() {
        ' '
    } else {
        character
    };
    FACE.glyph_index(character).map_or(0, |glyph| glyph.0)
}

/// Returns the advance width of a character in ems.
fn char_width(character: char) -> f64 {
    let advance = FACE.glyph_hor_advance(ttf_parser::GlyphId(glyph(character)));
    f64::from(advance.unwrap_or(0)) / f64::from(FACE.units_per_em())
}

/// Returns the characters of a text that the font does not have, in order and without repetitions.
/// They are empty boxes in a PDF.
pub fn missing_characters(text: &str) -> Vec<char> {
    let mut missing = Vec::new();
    for character in text.chars() {
        let is_drawn = !character.is_whitespace() && !character.is_control();
        if is_drawn && glyph(character) == 0 && !missing.contains(&character) {
            missing.push(character);
        }
    }
    missing
}

/// Returns the width of a line of text in ems.
pub fn text_width(line: &str) -> f64 {
    line.chars().map(char_width).sum()
}

/// Breaks text into lines of at most `limit` ems. Splits a Latin word only if it is wider than a
/// line.
pub(super) fn wrap(text: &str, limit: f64) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let (mut line, mut width) = (String::new(), 0.0);
        for character in paragraph.chars() {
            // Closing punctuation must not start a line, so it may exceed the limit.
            let may_exceed = character == ' ' || "，。、；：！？）》」』】”’".contains(character);
            if width + char_width(character) > limit && !line.is_empty() && !may_exceed {
                let word = line.trim_end_matches(|c: char| c.is_ascii_graphic()).len();
                let keep = if character.is_ascii_graphic() && word > 0 {
                    word
                } else {
                    line.len()
                };
                let rest = line.split_off(keep);
                lines.push(std::mem::replace(&mut line, rest));
                width = text_width(&line);
            }
            line.push(character);
            width += char_width(character);
        }
        lines.push(line);
    }
    lines
}

/// The characters of a PDF that use the shipped font.
#[derive(Default)]
pub(super) struct FontSubset {
    glyphs: GlyphRemapper,
    /// The characters by glyph id in the subset.
    characters: BTreeMap<u16, char>,
}

impl FontSubset {
    /// Encodes text as an operand of the `Tj` operator and records its characters.
    pub(super) fn encode(&mut self, text: &str) -> String {
        let mut hex = String::from("<");
        for character in text.chars() {
            let number = self.glyphs.remap(glyph(character));
            if number != 0 {
                self.characters.entry(number).or_insert(character);
            }
            // Infallible for strings.
            let _ = write!(hex, "{number:04X}");
        }
        hex.push('>');
        hex
    }

    /// Embeds the subset in the document as object `id`.
    pub(super) fn embed(&self, document: &mut Document, id: ObjectId) -> Result<(), PdfError> {
        let file = subsetter::subset(font(), 0, &self.glyphs)
            .map_err(|error| PdfError::NoPdf(format!("the font cannot be embedded: {error}")))?;
        let widths: Vec<Object> = self
            .glyphs
            .remapped_gids()
            .map(|glyph| FACE.glyph_hor_advance(ttf_parser::GlyphId(glyph)))
            .map(|advance| Object::Integer(thousandths(advance.unwrap_or(0))))
            .collect();
        let name = format!("{}+TreatySans", self.tag());
        let length = i64::try_from(file.len()).unwrap_or(i64::MAX);
        let file = document.add_object(compressed(Stream::new(
            dictionary! { "Length1" => length },
            file,
        )));
        let bounds = FACE.global_bounding_box();
        let descriptor = document.add_object(dictionary! {
            "Type" => "FontDescriptor",
            "FontName" => name.as_str(),
            // Symbolic: the font has characters outside the Latin set.
            "Flags" => 4,
            "FontBBox" => [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max]
                .map(|side| Object::Integer(thousandths(side)))
                .to_vec(),
            "ItalicAngle" => 0,
            "Ascent" => 880,
            "Descent" => -240,
            "CapHeight" => 714,
            "StemV" => 80,
            "FontFile2" => file,
        });
        let descendant = document.add_object(dictionary! {
            "Type" => "Font",
            "Subtype" => "CIDFontType2",
            "BaseFont" => name.as_str(),
            "CIDSystemInfo" => dictionary! {
                "Registry" => Object::string_literal("Adobe"),
                "Ordering" => Object::string_literal("Identity"),
                "Supplement" => 0,
            },
            "DW" => 1000,
            "W" => vec![Object::Integer(0), Object::Array(widths)],
            "CIDToGIDMap" => "Identity",
            "FontDescriptor" => descriptor,
        });
        let characters = document.add_object(compressed(Stream::new(
            dictionary! {},
            self.to_unicode().into_bytes(),
        )));
        document.objects.insert(
            id,
            Object::Dictionary(dictionary! {
                "Type" => "Font",
                "Subtype" => "Type0",
                "BaseFont" => name.as_str(),
                "Encoding" => "Identity-H",
                "DescendantFonts" => vec![Object::Reference(descendant)],
                "ToUnicode" => characters,
            }),
        );
        Ok(())
    }

    /// Returns the six-letter tag that distinguishes subsets of one font (PDF 32000, 9.6.4).
    fn tag(&self) -> String {
        let hash = self.characters.values().fold(5381_u64, |hash, character| {
            hash.wrapping_mul(33) ^ u64::from(u32::from(*character))
        });
        (0..6)
            .map(|at| char::from(b'A' + u8::try_from(hash / 26_u64.pow(at) % 26).unwrap_or(0)))
            .collect()
    }

    /// Returns the `ToUnicode` map of the subset.
    fn to_unicode(&self) -> String {
        let mut map = String::from(
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n\
             /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
             /CMapName /Adobe-Identity-UCS def /CMapType 2 def\n\
             1 begincodespacerange <0000> <FFFF> endcodespacerange\n",
        );
        let pairs: Vec<_> = self.characters.iter().collect();
        // A `bfchar` block has at most 100 entries.
        for block in pairs.chunks(100) {
            let _ = writeln!(map, "{} beginbfchar", block.len());
            for (glyph, character) in block {
                let _ = write!(map, "<{glyph:04X}> <");
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(map, "{unit:04X}");
                }
                map += ">\n";
            }
            map += "endbfchar\n";
        }
        map + "endcmap CMapName currentdict /CMap defineresource pop end end\n"
    }
}

/// Compresses a stream if that makes it smaller.
pub(super) fn compressed(mut stream: Stream) -> Stream {
    // On an error the stream stays uncompressed.
    let _ = stream.compress();
    stream
}

/// Converts a number to a PDF real. `f32` is precise enough for page coordinates.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn real(number: f64) -> Object {
    Object::Real(number as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_lines_at_the_limit_without_splitting_words() {
        assert_eq!(wrap("张三李四王五", 4.0), ["张三李四", "王五"]);
        assert_eq!(wrap("张三李四，王", 4.0), ["张三李四，", "王"]);
        assert_eq!(wrap("a long word", 4.0), ["a long ", "word"]);
        assert!(text_width("1") < text_width("张"));
    }

    #[test]
    fn has_glyphs_for_common_contract_characters() {
        for character in "0aZ张ë￥¥，。《》“”—…·①□☑★㎡".chars() {
            assert_ne!(glyph(character), 0, "{character}");
        }
    }
}
