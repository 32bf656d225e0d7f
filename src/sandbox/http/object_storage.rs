//! The emulated object storage: checks of uploads (API 5.1.2), and its error responses in XML.

use http::StatusCode;
use jiff::Timestamp;

use super::response::{HttpResponse, response};
use crate::address::FileKey;
use crate::api::content_md5;
use crate::pdf::{self, PdfError};
use crate::sandbox::world::{StoredFile, UploadedKind, World};

/// An error of the object storage: its code, its message, and the reason for logs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StorageError {
    code: &'static str,
    message: &'static str,
    pub(crate) reason: &'static str,
}

/// The file or document does not exist.
pub(crate) const NO_SUCH_KEY: StorageError = StorageError {
    code: "NoSuchKey",
    message: "The specified key does not exist.",
    reason: "NoSuchKey: the file or document does not exist",
};
/// The address has expired or was not created by the sandbox.
pub(crate) const EXPIRED: StorageError = StorageError {
    code: "AccessDenied",
    message: "Request has expired.",
    reason: "AccessDenied: the address has expired, or its Expires or Signature was changed",
};
/// The digest in the headers differs from the declared one.
const MD5_HEADER_MISMATCH: StorageError = StorageError {
    code: "SignatureDoesNotMatch",
    message: "The request signature we calculated does not match the signature you provided.",
    reason: "SignatureDoesNotMatch: the header Content-MD5 is not the contentMd5 of file/uploadurl",
};
/// The type in the headers differs from the declared one.
const TYPE_HEADER_MISMATCH: StorageError = StorageError {
    reason: "SignatureDoesNotMatch: the header Content-Type is not the contentType of file/uploadurl",
    ..MD5_HEADER_MISMATCH
};
/// The body differs from the declared digest.
const DIGEST_MISMATCH: StorageError = StorageError {
    code: "InvalidDigest",
    message: "The Content-MD5 you specified did not match what we received.",
    reason: "InvalidDigest: the MD5 of the body is not its Content-MD5",
};
/// The body differs from the declared size.
const SIZE_MISMATCH: StorageError = StorageError {
    reason: "InvalidDigest: the size of the body is not the fileSize of file/uploadurl",
    ..DIGEST_MISMATCH
};

/// Checks an upload against its declaration. Returns the file with the kind of its content.
pub(crate) fn check_upload(
    world: &World,
    now: Timestamp,
    key: &FileKey,
    md5: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<StoredFile, StorageError> {
    let file = world.files.get(key).ok_or(NO_SUCH_KEY)?;
    if file.expires < now.as_millisecond() {
        return Err(EXPIRED);
    }
    if md5 != Some(&file.md5) {
        return Err(MD5_HEADER_MISMATCH);
    }
    if content_type != Some(&file.content_type) {
        return Err(TYPE_HEADER_MISMATCH);
    }
    if content_md5(body) != file.md5 {
        return Err(DIGEST_MISMATCH);
    }
    if i64::try_from(body.len()).ok() != Some(file.size) {
        return Err(SIZE_MISMATCH);
    }
    let uploaded = match pdf::check(body) {
        Ok(()) => UploadedKind::Pdf,
        Err(PdfError::Encrypted) => UploadedKind::EncryptedPdf,
        Err(_) => UploadedKind::Other,
    };
    Ok(StoredFile {
        uploaded: Some(uploaded),
        ..file.clone()
    })
}

/// Builds an error response of the object storage.
pub(crate) fn error_response(
    status: StatusCode,
    StorageError { code, message, .. }: StorageError,
) -> HttpResponse {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message></Error>\n"
    );
    response(status, "application/xml", body)
}
