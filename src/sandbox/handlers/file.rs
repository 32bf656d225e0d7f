//! Operations on files (API 5.1).

use base64::Engine;

use super::session::{Session, require_text};
use crate::address::FileKey;
use crate::api::operation::Refusal;
use crate::api::{ErrorCode, UploadUrl, UploadUrlAnswer};
use crate::sandbox::links;
use crate::sandbox::world::{Change, StoredFile, UploadedKind, World};

/// The limit of a file, in bytes.
pub(crate) const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;

/// The length of an MD5 digest, in bytes.
const MD5_BYTES: usize = 16;

pub(super) fn upload_url(
    session: &mut Session<'_>,
    request: UploadUrl,
) -> Result<UploadUrlAnswer, Refusal> {
    require_text("fileName", &request.file_name)?;
    require_text("contentType", &request.content_type)?;
    require_text("contentMd5", &request.content_md5)?;
    if request.file_size <= 0 {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            "fileSize must be above 0",
        ));
    }
    // The API document defines the error code but no limit.
    if !usize::try_from(request.file_size).is_ok_and(|size| size <= MAX_FILE_BYTES) {
        return Err(ErrorCode::FILE_SIZE.into());
    }
    let md5 = base64::engine::general_purpose::STANDARD.decode(&request.content_md5);
    if !md5.is_ok_and(|md5| md5.len() == MD5_BYTES) {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            "contentMd5 is not the Base64 of 16 bytes",
        ));
    }
    let key = new_key(session.world);
    let expires = session
        .now
        .checked_add(links::UPLOAD_LIFETIME)
        .unwrap_or(session.now);
    let upload_url = session.links.upload(&key, &request.file_name);
    session.world.put(Change::File(StoredFile {
        key: key.clone(),
        app: session.app.clone(),
        size: request.file_size,
        md5: request.content_md5,
        content_type: request.content_type,
        expires: expires.as_millisecond(),
        name: request.file_name,
        uploaded: None,
    }));
    Ok(UploadUrlAnswer {
        upload_url,
        file_key: key,
    })
}

/// Returns a new file key in the format of the API document's examples: `$`, a UUID, `$`, a number.
pub(crate) fn new_key(world: &mut World) -> FileKey {
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

/// Returns a file and the kind of its content. Refuses a file that was not uploaded.
pub(super) fn uploaded<'a>(
    session: &'a Session<'_>,
    key: &FileKey,
) -> Result<(&'a StoredFile, UploadedKind), Refusal> {
    let missing = || Refusal::new(ErrorCode::NO_FILE, "the file has not been uploaded");
    let file = session.file(key).ok_or_else(missing)?;
    file.uploaded.map(|kind| (file, kind)).ok_or_else(missing)
}
