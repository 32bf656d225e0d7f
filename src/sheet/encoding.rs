//! Detection of a file's encoding, and strict decoding.
//!
//! 1. A file with a BOM has the encoding of the BOM. UTF-16 is found without one, too.
//! 2. A file whose bytes are all valid UTF-8 is UTF-8.
//! 3. A file with several Chinese characters in valid UTF-8 before the first invalid byte is
//!    damaged UTF-8.
//! 4. Any other file is GB18030.

use std::io::{self, Read};

use encoding_rs::{GB18030, UTF_8};

/// An encoding of sheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a BOM.
    Utf8,
    /// GB18030, which includes GBK and GB2312. Excel in China saves it.
    Gb18030,
}

/// The bytes of a UTF-8 BOM.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A file with at least this many three-byte or four-byte characters in valid UTF-8 before the
/// first invalid byte is damaged UTF-8. As GB18030, the same bytes would mean other characters.
const MIN_UTF8_CHARACTERS: usize = 4;

impl Encoding {
    /// Returns the encoding with this name in manifests.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "gb18030" | "gbk" | "gb2312" => Some(Self::Gb18030),
            _ => None,
        }
    }

    /// Returns the name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Gb18030 => "GB18030",
        }
    }

    /// Decodes a cell; `None` if a byte does not decode.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
        let encoding = match self {
            Self::Utf8 => UTF_8,
            Self::Gb18030 => GB18030,
        };
        encoding.decode_without_bom_handling_and_without_replacement(bytes)
    }
}

/// The result of [`detect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detected {
    /// A supported encoding.
    Supported(Encoding),
    /// UTF-16, which is not supported.
    Utf16,
}

/// Detects the encoding of a file. Reads the whole file in blocks.
pub(super) fn detect(mut file: impl Read) -> io::Result<Detected> {
    let mut buffer = vec![0; 64 * 1024];
    // Bytes of an incomplete character at the start of the buffer.
    let mut carried = 0;
    let mut wide_characters = 0;
    let mut first = true;
    loop {
        let read = file.read(&mut buffer[carried..])?;
        let filled = carried + read;
        let bytes = &buffer[..filled];
        if first && filled >= 2 {
            first = false;
            if bytes.starts_with(BOM) {
                return Ok(Detected::Supported(Encoding::Utf8));
            }
            let has_mark = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
            if has_mark || is_utf16(bytes) {
                return Ok(Detected::Utf16);
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
            let is_utf8 = wide_characters >= MIN_UTF8_CHARACTERS;
            return Ok(Detected::Supported(if is_utf8 {
                Encoding::Utf8
            } else {
                Encoding::Gb18030
            }));
        }
        if read == 0 {
            return Ok(Detected::Supported(Encoding::Utf8));
        }
        buffer.copy_within(valid..filled, 0);
        carried = filled - valid;
    }
}

/// In UTF-16, at least one of so many characters of a sheet is ASCII: a digit or a separator.
const MAX_UNITS_PER_ASCII: usize = 8;

/// Returns whether the start of a file without a BOM is UTF-16: an ASCII character is a pair of bytes
/// with a zero. Text in other encodings has no zeros.
fn is_utf16(bytes: &[u8]) -> bool {
    let pairs = || bytes.chunks_exact(2);
    let ascii = |zero: usize| {
        let is_ascii = |pair: &&[u8]| pair[zero] == 0 && pair[1 - zero] != 0;
        pairs().filter(is_ascii).count()
    };
    ascii(0).max(ascii(1)) * MAX_UNITS_PER_ASCII > pairs().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(bytes: &[u8]) -> Detected {
        detect(bytes).expect("memory can be read")
    }

    #[test]
    fn detects_the_encoding_from_the_bytes() {
        let (gb, ..) = GB18030.encode("合同号,姓名\nHT-1,张三\n");
        assert_eq!(
            detected("合同号,姓名\n".as_bytes()),
            Detected::Supported(Encoding::Utf8)
        );
        assert_eq!(detected(&gb), Detected::Supported(Encoding::Gb18030));
        assert_eq!(
            detected(b"\xEF\xBB\xBFa,b\n"),
            Detected::Supported(Encoding::Utf8)
        );
        assert_eq!(detected(b"\xFF\xFEa\0"), Detected::Utf16);
        let units = || "合同号,姓名\r\nHT-1,张三\r\n".encode_utf16();
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        assert_eq!(
            (detected(&little), detected(&big)),
            (Detected::Utf16, Detected::Utf16)
        );
        let stray = Detected::Supported(Encoding::Utf8);
        assert_eq!(detected(b"key,name\nHT-1,a\0bc\nHT-2,d\n"), stray);
        assert_eq!(detected(b""), Detected::Supported(Encoding::Utf8));
    }

    #[test]
    fn damaged_utf8_stays_utf8() {
        let mut bytes = "合同号,姓名\nHT-1,张三\n".as_bytes().to_vec();
        bytes.push(0xFF);
        assert_eq!(detected(&bytes), Detected::Supported(Encoding::Utf8));
        let cut = &bytes[..bytes.len() - 3];
        assert_eq!(detected(cut), Detected::Supported(Encoding::Utf8));
    }

    #[test]
    fn reads_characters_across_block_boundaries() {
        let text = format!("a{}", "张".repeat(50_000));
        assert_eq!(
            detected(text.as_bytes()),
            Detected::Supported(Encoding::Utf8)
        );
    }
}
