//! Uploads (section 5.1).

use base64::Engine;
use md5::{Digest, Md5};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::FileKey;

/// The only file type accepted for templates and documents (5.3.1).
pub const MIME_PDF: &str = "application/pdf";

/// Requests an upload URL for a file (5.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadUrl {
    /// The file name with its extension.
    pub file_name: String,
    /// The size in bytes.
    pub file_size: i64,
    /// The MIME type. The upload must have the same `Content-Type`.
    pub content_type: String,
    /// The Base64 of the MD5 of the content. The upload must have the same `Content-MD5`.
    pub content_md5: String,
}

/// The upload URL. It is valid for one hour and is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadUrlAnswer {
    /// The key of the uploaded file.
    pub file_key: FileKey,
    /// The URL for a single PUT of the content (5.1.2).
    pub upload_url: String,
}

/// Returns the value of `contentMd5` and of the `Content-MD5` header: the Base64 of the 16 bytes of
/// the MD5.
pub fn content_md5(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(Md5::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5_is_base64_of_the_raw_bytes() {
        assert_eq!(content_md5(b""), "1B2M2Y8AsgTpgAmY7PhCfg==");
    }
}
