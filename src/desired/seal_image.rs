//! Detects the type of a seal's image and checks that the file is complete.
//!
//! Only the structure is read, not the pixels: a viewer shows an image that is cut off with a grey
//! part, and a seal cannot be changed.

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The reason why an image cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageError {
    /// The file is neither PNG nor JPEG.
    Unknown,
    /// The end of the image is missing.
    CutOff,
}

/// Returns the MIME type of a complete PNG or JPEG.
pub(super) fn content_type(bytes: &[u8]) -> Result<&'static str, ImageError> {
    let (name, is_complete) = if bytes.starts_with(PNG) {
        ("image/png", ends_png(bytes))
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        ("image/jpeg", ends_jpeg(bytes).is_some())
    } else {
        return Err(ImageError::Unknown);
    };
    is_complete.then_some(name).ok_or(ImageError::CutOff)
}

/// Returns whether all chunks of a PNG are complete and the last one is `IEND`.
fn ends_png(bytes: &[u8]) -> bool {
    let mut rest = &bytes[PNG.len()..];
    while let Some((head, after)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        // The checksum takes four bytes.
        let Some(next) = after.get(length.saturating_add(4)..) else {
            return false;
        };
        if &head[4..] == b"IEND" {
            return true;
        }
        rest = next;
    }
    false
}

/// Walks through the segments of a JPEG; `None` if the end marker is not reached.
fn ends_jpeg(bytes: &[u8]) -> Option<()> {
    let mut at = 2;
    loop {
        // Skips the data of a scan: in it, FF is followed by 00 or by a restart marker.
        while *bytes.get(at)? != 0xFF || matches!(*bytes.get(at + 1)?, 0x00 | 0xD0..=0xD7 | 0xFF) {
            at += 1;
        }
        match bytes[at + 1] {
            0xD9 => return Some(()),
            // A marker without a segment.
            0x01 => at += 2,
            _ => {
                let length = u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]);
                at += 2 + usize::from(length.max(2));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG of one chunk, and a JPEG whose thumbnail and scan data contain markers.
    fn images() -> [(Vec<u8>, &'static str); 2] {
        let chunk = |name: &[u8], data: &[u8]| {
            let length = u32::try_from(data.len()).expect("short").to_be_bytes();
            [&length, name, data, &[0; 4]].concat()
        };
        let png = [PNG, &chunk(b"IDAT", b"pixels"), &chunk(b"IEND", b"")].concat();
        let thumbnail = b"\xff\xe1\x00\x06\xff\xd8\xff\xd9";
        let scan = b"\xff\xda\x00\x04\x01\x02pixels\xff\x00\xff\xd0more\xff\xd9";
        let jpeg = [b"\xff\xd8".as_slice(), thumbnail, scan].concat();
        [(png, "image/png"), (jpeg, "image/jpeg")]
    }

    #[test]
    fn rejects_images_that_are_cut_off() {
        for (image, name) in images() {
            assert_eq!(content_type(&image), Ok(name));
            let followed = [image.as_slice(), b"more"].concat();
            assert_eq!(content_type(&followed), Ok(name));
            for length in PNG.len()..image.len() {
                let cut = content_type(&image[..length]);
                assert_eq!(cut, Err(ImageError::CutOff), "{name} {length}");
            }
        }
        assert_eq!(content_type(b"GIF89a"), Err(ImageError::Unknown));
    }
}
