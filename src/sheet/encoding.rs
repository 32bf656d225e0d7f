//! Which encoding a file is in, and its strict decoding.
//!
//! A wrong guess would put wrong characters into a contract, so a guess is made only where the bytes leave one
//! choice: a BOM, else UTF-8 if all of the file is, else GB18030.

use std::io::{self, Read};

use encoding_rs::{GB18030, UTF_8};

/// An encoding that sheets come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with a BOM or without.
    Utf8,
    /// GB18030, and with it GBK and GB2312: what Excel in China saves.
    Gb18030,
}

/// The bytes of a UTF-8 BOM.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// So many Chinese characters in proper UTF-8 before the first byte that is not: the file is UTF-8 and damaged,
/// and must not be read as GB18030, where the same bytes mean other characters.
const SURELY_UTF8: usize = 4;

impl Encoding {
    /// The encoding by the name that manifests use.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "gb18030" | "gbk" | "gb2312" => Some(Self::Gb18030),
            _ => None,
        }
    }

    /// How it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Gb18030 => "GB18030",
        }
    }

    /// Decodes a cell; none when some byte does not decode.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
        let encoding = match self {
            Self::Utf8 => UTF_8,
            Self::Gb18030 => GB18030,
        };
        encoding.decode_without_bom_handling_and_without_replacement(bytes)
    }
}

/// What the bytes of a file say about its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess {
    /// This one.
    Is(Encoding),
    /// UTF-16, by its BOM.
    Utf16,
}

/// Reads the whole file once, in pieces.
pub(super) fn guess(mut file: impl Read) -> io::Result<Guess> {
    let mut buffer = vec![0; 64 * 1024];
    let mut held = 0;
    let mut wide_characters = 0;
    let mut first = true;
    loop {
        let read = file.read(&mut buffer[held..])?;
        let filled = held + read;
        let bytes = &buffer[..filled];
        if first && filled >= 2 {
            first = false;
            if bytes.starts_with(BOM) {
                return Ok(Guess::Is(Encoding::Utf8));
            }
            if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
                return Ok(Guess::Utf16);
            }
        }
        let (valid, damaged) = match std::str::from_utf8(bytes) {
            Ok(_) => (filled, false),
            Err(error) => (
                error.valid_up_to(),
                error.error_len().is_some() || read == 0,
            ),
        };
        wide_characters += bytes[..valid].iter().filter(|byte| **byte >= 0xE0).count();
        if damaged {
            let utf8 = wide_characters >= SURELY_UTF8;
            return Ok(Guess::Is(if utf8 {
                Encoding::Utf8
            } else {
                Encoding::Gb18030
            }));
        }
        if read == 0 {
            return Ok(Guess::Is(Encoding::Utf8));
        }
        // The start of a character that goes on in the next piece.
        buffer.copy_within(valid..filled, 0);
        held = filled - valid;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(bytes: &[u8]) -> Guess {
        guess(bytes).expect("memory can be read")
    }

    #[test]
    fn the_bytes_decide() {
        let (gb, ..) = GB18030.encode("合同号,姓名\nHT-1,张三\n");
        assert_eq!(
            guessed("合同号,姓名\n".as_bytes()),
            Guess::Is(Encoding::Utf8)
        );
        assert_eq!(guessed(&gb), Guess::Is(Encoding::Gb18030));
        assert_eq!(guessed(b"\xEF\xBB\xBFa,b\n"), Guess::Is(Encoding::Utf8));
        assert_eq!(guessed(b"\xFF\xFEa\0"), Guess::Utf16);
        assert_eq!(guessed(b""), Guess::Is(Encoding::Utf8));
    }

    #[test]
    fn damaged_utf8_stays_utf8() {
        let mut bytes = "合同号,姓名\nHT-1,张三\n".as_bytes().to_vec();
        bytes.push(0xFF);
        assert_eq!(guessed(&bytes), Guess::Is(Encoding::Utf8));
        let cut = &bytes[..bytes.len() - 3];
        assert_eq!(guessed(cut), Guess::Is(Encoding::Utf8));
    }

    #[test]
    fn a_character_may_lie_across_two_pieces() {
        let text = format!("a{}", "张".repeat(50_000));
        assert_eq!(guessed(text.as_bytes()), Guess::Is(Encoding::Utf8));
    }
}
