//! The parts of a workbook's archive: their sizes, and the part of a sheet.

use std::fs::File;
use std::io::{self, BufReader, Read};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zip::ZipArchive;

/// The maximum size of all unpacked parts. A sheet of 1,048,576 rows and 30 columns has about 2 GB.
const MAX_UNPACKED: u64 = 8 << 30;
/// The maximum size of the part with the shared texts, which is held in memory.
const MAX_SHARED_TEXTS: u64 = 1 << 30;

/// An error of the archive.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    #[error("its unpacked size is more than {}", size(*.0))]
    TooLarge(u64),
    #[error("it has no part for the sheet {0}")]
    NoPart(String),
    #[error("{0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Xml(#[from] quick_xml::Error),
}

impl From<quick_xml::events::attributes::AttrError> for ArchiveError {
    fn from(error: quick_xml::events::attributes::AttrError) -> Self {
        Self::Xml(error.into())
    }
}

fn size(bytes: u64) -> String {
    format!("{} GiB", bytes >> 30)
}

pub(super) type Archive = ZipArchive<BufReader<File>>;

/// Opens an archive. Fails if its parts are too large when unpacked.
pub(super) fn open(file: File) -> Result<Archive, ArchiveError> {
    let mut archive = ZipArchive::new(BufReader::new(file))?;
    let mut total = 0_u64;
    for at in 0..archive.len() {
        total = total.saturating_add(archive.by_index_raw(at)?.size());
    }
    if total > MAX_UNPACKED {
        return Err(ArchiveError::TooLarge(MAX_UNPACKED));
    }
    // The declared size can be wrong.
    if let Ok(part) = archive.by_name("xl/sharedStrings.xml") {
        let read = io::copy(&mut part.take(MAX_SHARED_TEXTS + 1), &mut io::sink())?;
        if read > MAX_SHARED_TEXTS {
            return Err(ArchiveError::TooLarge(MAX_SHARED_TEXTS));
        }
    }
    Ok(archive)
}

/// Passes the start tags of a part to `take`, until it returns false or the part ends. An empty
/// element is passed as a start tag.
pub(super) fn each_event(
    archive: &mut Archive,
    part: &str,
    mut take: impl FnMut(Event<'_>) -> Result<bool, ArchiveError>,
) -> Result<(), ArchiveError> {
    let part = archive.by_name(part)?;
    let mut xml = Reader::from_reader(BufReader::new(part.take(MAX_UNPACKED)));
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
