//! Files of the emulated service: announced, uploaded, checked (section 5.1).

use base64::Engine;
use jiff::{SignedDuration, Timestamp};

use super::face::LARGEST;
use super::serve::{Session, filled};
use super::world::{Arrived, Change, StoredFile, World};
use crate::address::FileKey;
use crate::api::operation::Refusal;
use crate::api::{ErrorCode, UploadUrl, UploadUrlAnswer, content_md5};
use crate::pdf::{self, PdfError};

/// So long is an MD5.
const MD5_BYTES: usize = 16;

/// An upload address lives one hour (5.1.1).
const UPLOAD_LIFE: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn upload_url(
    session: &mut Session<'_>,
    request: UploadUrl,
) -> Result<UploadUrlAnswer, Refusal> {
    filled("fileName", &request.file_name)?;
    filled("contentType", &request.content_type)?;
    filled("contentMd5", &request.content_md5)?;
    if request.file_size <= 0 {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            "fileSize must be above 0",
        ));
    }
    // The document has a code for it, and no number.
    if !usize::try_from(request.file_size).is_ok_and(|size| size <= LARGEST) {
        return Err(ErrorCode::FILE_SIZE.into());
    }
    let md5 = base64::engine::general_purpose::STANDARD.decode(&request.content_md5);
    if !md5.is_ok_and(|md5| md5.len() == MD5_BYTES) {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            "contentMd5 is no Base64 of 16 bytes",
        ));
    }
    let key = key(session.world);
    let expires = session.now.checked_add(UPLOAD_LIFE).unwrap_or(session.now);
    session.world.put(Change::File(StoredFile {
        key: key.clone(),
        app: session.app.clone(),
        size: request.file_size,
        md5: request.content_md5,
        content_type: request.content_type,
        expires: expires.as_millisecond(),
        name: request.file_name,
        arrived: None,
    }));
    Ok(UploadUrlAnswer {
        upload_url: format!("{}/upload/{key}", session.base),
        file_key: key,
    })
}

/// A key as the document's examples have it: `$`, a UUID, `$` and a number.
fn key(world: &mut World) -> FileKey {
    let hex = world.hex_id("file");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    let number = blake3::hash(hex.as_bytes()).as_bytes()[..4]
        .iter()
        .fold(0_u64, |sum, byte| sum * 256 + u64::from(*byte));
    FileKey(format!("${}${number}", parts.join("-")))
}

/// Why storage refuses something: its code, and what it says to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Denied(pub(super) &'static str, pub(super) &'static str);

/// There is no such file.
pub(super) const NO_KEY: Denied = Denied("NoSuchKey", "The specified key does not exist.");
/// The address lived until a while ago, or was never given out.
pub(super) const EXPIRED: Denied = Denied("AccessDenied", "Request has expired.");
/// The headers are not those that were announced.
const OTHER_HEADERS: Denied = Denied(
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided.",
);
/// The bytes are not those that were announced.
const OTHER_BYTES: Denied = Denied(
    "InvalidDigest",
    "The Content-MD5 you specified did not match what we received.",
);

/// Checks an upload against what was announced; says why it is refused (5.1.2).
pub(super) fn check_upload(
    world: &World,
    now: Timestamp,
    key: &FileKey,
    md5: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<StoredFile, Denied> {
    let file = world.files.get(key).ok_or(NO_KEY)?;
    if file.expires < now.as_millisecond() {
        return Err(EXPIRED);
    }
    if md5 != Some(&file.md5) || content_type != Some(&file.content_type) {
        return Err(OTHER_HEADERS);
    }
    if content_md5(body) != file.md5 || i64::try_from(body.len()).ok() != Some(file.size) {
        return Err(OTHER_BYTES);
    }
    let arrived = match pdf::check(body) {
        Ok(()) => Arrived::Pdf,
        Err(PdfError::Encrypted) => Arrived::LockedPdf,
        Err(PdfError::NoPdf(_)) => Arrived::Other,
    };
    Ok(StoredFile {
        arrived: Some(arrived),
        ..file.clone()
    })
}

/// A file that has arrived.
pub(super) fn arrived<'a>(
    session: &'a Session<'_>,
    key: &FileKey,
) -> Result<(&'a StoredFile, Arrived), Refusal> {
    let missing = || Refusal::new(ErrorCode::NO_FILE, "the file has not been uploaded");
    let file = session.file(key).ok_or_else(missing)?;
    file.arrived
        .map(|arrived| (file, arrived))
        .ok_or_else(missing)
}
