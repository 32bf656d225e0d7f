//! Files of the emulated service: announced, uploaded, checked (section 5.1).

use jiff::{SignedDuration, Timestamp};

use super::serve::{Session, filled};
use super::world::{Arrived, Change, StoredFile, World};
use crate::api::operation::Refusal;
use crate::api::{ErrorCode, UploadUrl, UploadUrlAnswer, content_md5};
use crate::id::FileKey;
use crate::pdf::{self, PdfError};

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
    let key = FileKey(session.world.hex_id("file"));
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

/// Checks an upload against what was announced; says why it is refused (5.1.2).
pub(super) fn check_upload(
    world: &World,
    now: Timestamp,
    key: &FileKey,
    md5: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<StoredFile, &'static str> {
    let file = world.files.get(key).ok_or("NoSuchKey")?;
    if file.expires < now.as_millisecond() {
        return Err("AccessDenied: Request has expired.");
    }
    if md5 != Some(&file.md5) || content_type != Some(&file.content_type) {
        return Err("SignatureDoesNotMatch");
    }
    if content_md5(body) != file.md5 || i64::try_from(body.len()).ok() != Some(file.size) {
        return Err("InvalidDigest");
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
