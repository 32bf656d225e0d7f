//! The one font that is shipped, and the part of it that a PDF needs for its text.
//!
//! A [`Writing`] collects the characters that are shown; what it embeds holds their glyphs and nothing else, says which
//! characters they are, and is the same for the same text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::LazyLock;

use lopdf::{Document, Object, ObjectId, Stream, dictionary};
use subsetter::GlyphRemapper;
use ttf_parser::Face;

use super::fields::PdfError;

static FONT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let packed = include_bytes!("../../assets/font.ttf.br");
    let mut font = Vec::new();
    brotli_decompressor::Decompressor::new(&packed[..], 4096)
        .read_to_end(&mut font)
        .expect("the shipped font was packed whole");
    font
});

static FACE: LazyLock<Face<'static>> =
    LazyLock::new(|| Face::parse(font(), 0).expect("the shipped font is a font"));

/// The shipped font, a TrueType file with Chinese and Latin characters. It is unpacked on first use.
pub fn font() -> &'static [u8] {
    &FONT
}

/// Font units to thousandths of an em.
fn thousandths(units: impl Into<i32>) -> i64 {
    i64::from(units.into()) * 1000 / i64::from(FACE.units_per_em())
}

fn glyph(character: char) -> u16 {
    let character = if character.is_whitespace() {
        ' '
    } else {
        character
    };
    FACE.glyph_index(character).map_or(0, |glyph| glyph.0)
}

fn em(character: char) -> f64 {
    let advance = FACE.glyph_hor_advance(ttf_parser::GlyphId(glyph(character)));
    f64::from(advance.unwrap_or(0)) / f64::from(FACE.units_per_em())
}

/// How wide a line of text is, in ems.
pub(super) fn ems(line: &str) -> f64 {
    line.chars().map(em).sum()
}

/// Breaks text into lines no wider than so many ems; Latin words stay whole where they fit a line.
pub(super) fn wrap(text: &str, limit: f64) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let (mut line, mut width) = (String::new(), 0.0);
        for character in paragraph.chars() {
            // What closes hangs over the edge: it may not begin a line.
            let hangs = character == ' ' || "，。、；：！？）》」』】”’".contains(character);
            if width + em(character) > limit && !line.is_empty() && !hangs {
                let word = line.trim_end_matches(|c: char| c.is_ascii_graphic()).len();
                let keep = if character.is_ascii_graphic() && word > 0 {
                    word
                } else {
                    line.len()
                };
                let rest = line.split_off(keep);
                lines.push(std::mem::replace(&mut line, rest));
                width = ems(&line);
            }
            line.push(character);
            width += em(character);
        }
        lines.push(line);
    }
    lines
}

/// The characters of a PDF that are set in our font.
#[derive(Default)]
pub(super) struct Writing {
    glyphs: GlyphRemapper,
    /// What a glyph of the subset stands for.
    meaning: BTreeMap<u16, char>,
}

impl Writing {
    /// The text as an operand of `Tj`.
    pub(super) fn show(&mut self, text: &str) -> String {
        let mut hex = String::from("<");
        for character in text.chars() {
            let number = self.glyphs.remap(glyph(character));
            if number != 0 {
                self.meaning.entry(number).or_insert(character);
            }
            // Writing to a string cannot fail.
            let _ = write!(hex, "{number:04X}");
        }
        hex.push('>');
        hex
    }

    /// Puts the font into the document under the id that the text's resources name.
    pub(super) fn embed(&self, document: &mut Document, id: ObjectId) -> Result<(), PdfError> {
        let file = subsetter::subset(font(), 0, &self.glyphs)
            .map_err(|error| PdfError::NoPdf(format!("a font cannot be embedded: {error}")))?;
        let widths: Vec<Object> = self
            .glyphs
            .remapped_gids()
            .map(|glyph| FACE.glyph_hor_advance(ttf_parser::GlyphId(glyph)))
            .map(|advance| Object::Integer(thousandths(advance.unwrap_or(0))))
            .collect();
        let name = format!("{}+TreatySans", self.tag());
        let length = i64::try_from(file.len()).unwrap_or(i64::MAX);
        let file = document.add_object(packed(Stream::new(
            dictionary! { "Length1" => length },
            file,
        )));
        let bounds = FACE.global_bounding_box();
        let descriptor = document.add_object(dictionary! {
            "Type" => "FontDescriptor",
            "FontName" => name.as_str(),
            // symbolic: its characters are not those of a Latin font
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
        let meaning = document.add_object(packed(Stream::new(
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
                "ToUnicode" => meaning,
            }),
        );
        Ok(())
    }

    /// Six letters that tell this subset from others of the same font (PDF 32000, 9.6.4).
    fn tag(&self) -> String {
        let hash = self.meaning.values().fold(5381_u64, |hash, character| {
            hash.wrapping_mul(33) ^ u64::from(u32::from(*character))
        });
        (0..6)
            .map(|at| char::from(b'A' + u8::try_from(hash / 26_u64.pow(at) % 26).unwrap_or(0)))
            .collect()
    }

    fn to_unicode(&self) -> String {
        let mut map = String::from(
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n\
             /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
             /CMapName /Adobe-Identity-UCS def /CMapType 2 def\n\
             1 begincodespacerange <0000> <FFFF> endcodespacerange\n",
        );
        let pairs: Vec<_> = self.meaning.iter().collect();
        // A block holds no more than a hundred.
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

/// A stream, deflated where that makes it smaller.
pub(super) fn packed(mut stream: Stream) -> Stream {
    // A stream that cannot be deflated stays as it is, which is as good.
    let _ = stream.compress();
    stream
}

/// A number as PDFs hold them: a page is far smaller than what this cannot say exactly enough.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn real(number: f64) -> Object {
    Object::Real(number as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_asked_and_keep_words() {
        assert_eq!(wrap("张三李四王五", 4.0), ["张三李四", "王五"]);
        assert_eq!(wrap("张三李四，王", 4.0), ["张三李四，", "王"]);
        assert_eq!(wrap("a long word", 4.0), ["a long ", "word"]);
        assert!(ems("1") < ems("张"));
    }

    #[test]
    fn what_contracts_are_written_with_has_glyphs() {
        for character in "0aZ张ë￥¥，。《》“”—…·①□☑★㎡".chars() {
            assert_ne!(glyph(character), 0, "{character}");
        }
    }
}
