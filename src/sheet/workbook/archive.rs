//! The parts of a workbook's archive: their sizes, and the part of a sheet.

use std::fs::File;
use std::io::{self, BufReader, Read};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zip::ZipArchive;

/// The maximum size of all unpacked parts. A sheet of 1,048,576 rows and 30 columns has about 2 GB.
const MAX_UNPACKED: u64 = 8 << 30;
/// The maximum size of all unpacked parts is at least this, and so many times the size of the file:
/// a sheet is packed to a tenth, more than to a hundredth only if it was made to fill the memory.
const MIN_UNPACKED: u64 = 64 << 20;
const MAX_RATIO: u64 = 100;
/// The maximum size of the part with the shared texts, which is held in memory.
const MAX_SHARED_TEXTS: u64 = 1 << 30;

/// The parts that are held in memory, beside the shared texts and relationships.
const IN_MEMORY: [&str; 4] = [
    "[content_types].xml",
    "xl/workbook.xml",
    "xl/styles.xml",
    "xl/metadata.xml",
];
/// The maximum size of such a part.
const MAX_IN_MEMORY: u64 = 64 << 20;
/// The maximum length of a tag or a text of a sheet. A cell has 32,767 characters.
const MAX_TOKEN: usize = 1 << 20;

/// An error of the archive.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    #[error("{}", t!("its unpacked size is more than %{size}", size = size(*_0)))]
    TooLarge(u64),
    #[error("{}", t!("it has more than 1,048,576 rows, the limit of a spreadsheet"))]
    TooManyRows,
    #[error("it has no part for the sheet {0}")]
    NoPart(String),
    #[error("it is not a ZIP archive: {0}")]
    NoArchive(zip::result::ZipError),
    #[error("{0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{}", t!("a value of a cell is written in a way that is not read; save the workbook again in a spreadsheet program"))]
    Value,
    #[error("{0}")]
    Xml(#[from] quick_xml::Error),
}

impl From<quick_xml::events::attributes::AttrError> for ArchiveError {
    fn from(error: quick_xml::events::attributes::AttrError) -> Self {
        Self::Xml(error.into())
    }
}

fn size(bytes: u64) -> String {
    match bytes >> 30 {
        0 => format!("{} MiB", bytes >> 20),
        gibibytes => format!("{gibibytes} GiB"),
    }
}

/// An open archive.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// The maximum size of all unpacked parts.
    max_unpacked: u64,
}

/// Opens an archive. Fails if its parts are too large when unpacked.
pub(super) fn open(file: File) -> Result<Archive, ArchiveError> {
    let packed = file.metadata()?.len();
    let max_unpacked = packed
        .saturating_mul(MAX_RATIO)
        .clamp(MIN_UNPACKED, MAX_UNPACKED);
    let archive = ZipArchive::new(BufReader::new(file));
    let mut archive = archive.map_err(ArchiveError::NoArchive)?;
    let mut total = 0_u64;
    let mut limited = Vec::new();
    for at in 0..archive.len() {
        let part = archive.by_index_raw(at)?;
        total = total.saturating_add(part.size());
        let limit = match part.name()?.to_ascii_lowercase().as_str() {
            "xl/sharedstrings.xml" => MAX_SHARED_TEXTS,
            name if IN_MEMORY.contains(&name) || name.rsplit('.').next() == Some("rels") => {
                MAX_IN_MEMORY
            }
            _ => continue,
        };
        limited.push((at, limit));
    }
    if total > max_unpacked {
        return Err(ArchiveError::TooLarge(max_unpacked));
    }
    for (at, limit) in limited {
        require_size(archive.by_index(at)?, limit)?;
    }
    Ok(Archive {
        zip: archive,
        max_unpacked,
    })
}

/// Fails if more bytes follow. The size that an archive declares can be wrong.
fn require_size(part: impl Read, limit: u64) -> Result<(), ArchiveError> {
    let read = io::copy(&mut part.take(limit + 1), &mut io::sink())?;
    if read > limit {
        return Err(ArchiveError::TooLarge(limit));
    }
    Ok(())
}

/// Fails if more than this many bytes follow the last `<`: a tag or a text is held in memory. Fails, too,
/// if there are more bytes than are left.
struct LimitedTokens<R> {
    inner: R,
    since_tag: usize,
    left: u64,
}

impl<R: Read> Read for LimitedTokens<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| io::Error::other(t!("its unpacked size is too large")))?;
        self.since_tag = match buffer[..read].iter().rposition(|byte| *byte == b'<') {
            Some(at) => read - at,
            None => self.since_tag.saturating_add(read),
        };
        if self.since_tag > MAX_TOKEN {
            return Err(io::Error::other(t!("a tag or a text is longer than 1 MiB")));
        }
        Ok(read)
    }
}

/// Passes the events of a part to `take`, until it returns false or the part ends. An empty element
/// is passed as a start and an end tag.
pub(super) fn each_event(
    archive: &mut Archive,
    part: &str,
    mut take: impl FnMut(Event<'_>) -> Result<bool, ArchiveError>,
) -> Result<(), ArchiveError> {
    let part = LimitedTokens {
        inner: archive.zip.by_name(part)?,
        since_tag: 0,
        left: archive.max_unpacked,
    };
    let mut xml = Reader::from_reader(BufReader::new(part));
    let config = xml.config_mut();
    config.expand_empty_elements = true;
    config.check_end_names = false;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer)? {
            Event::Eof => return Ok(()),
            event => {
                if !take(event)? {
                    return Ok(());
                }
            }
        }
    }
}

/// Returns the value of an attribute by its name without a namespace.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, ArchiveError> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute?;
        if attribute.key.local_name().as_ref() == name {
            return Ok(Some(
                attribute
                    .normalized_value(XmlVersion::Implicit1_0)?
                    .into_owned(),
            ));
        }
    }
    Ok(None)
}

/// Returns the name of the part that contains a sheet.
pub(super) fn sheet_part(archive: &mut Archive, sheet: &str) -> Result<String, ArchiveError> {
    let mut id = None;
    each_event(archive, "xl/workbook.xml", |event| {
        if let Event::Start(tag) = event
            && tag.local_name().as_ref() == "sheet"
            && attribute(&tag, "name")?.as_deref() == Some(sheet)
        {
            id = attribute(&tag, "id")?;
        }
        Ok(id.is_none())
    })?;
    let mut target = None;
    each_event(archive, "xl/_rels/workbook.xml.rels", |event| {
        if let Event::Start(tag) = event
            && tag.local_name().as_ref() == "Relationship"
            && id.is_some()
            && attribute(&tag, "Id")? == id
        {
            target = attribute(&tag, "Target")?;
        }
        Ok(target.is_none())
    })?;
    let target = target.ok_or_else(|| ArchiveError::NoPart(sheet.to_owned()))?;
    Ok(match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("xl/{target}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_parts_and_texts_by_their_real_size() {
        require_size(&b"1234"[..], 4).expect("small enough");
        let error = require_size(io::repeat(b'x'), MAX_IN_MEMORY).expect_err("too large");
        assert_eq!(error.to_string(), "its unpacked size is more than 64 MiB");
        let read = |text: &str| {
            let inner = text.as_bytes();
            io::copy(
                &mut LimitedTokens {
                    inner,
                    since_tag: 0,
                    left: 3 * MAX_TOKEN as u64,
                },
                &mut io::sink(),
            )
        };
        let text = "x".repeat(MAX_TOKEN - 1);
        read(&["<", &text, "<", &text].concat()).expect("two short texts");
        read(&["<", &text, "xx"].concat()).expect_err("one long text");
    }
}
