//! Uploads (section 5.1).

use base64::Engine;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::address::FileKey;

/// The only type of file that templates and documents are made of (5.3.1).
pub const MIME_PDF: &str = "application/pdf";

/// Asks where to upload a file (5.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadUrl {
    /// The file's name, with its ending.
    pub file_name: String,
    /// Its size in bytes.
    pub file_size: i64,
    /// Its MIME type; the upload must carry the same.
    pub content_type: String,
    /// Base64 of the MD5 of its bytes; the upload must carry the same.
    pub content_md5: String,
}

/// Where to upload. The URL lives for one hour: it is used at once and never kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadUrlAnswer {
    /// The file, once uploaded.
    pub file_key: FileKey,
    /// Takes one PUT of the bytes (5.1.2).
    pub upload_url: String,
}

/// The value of `contentMd5` and of the `Content-MD5` header: Base64 of the 16 raw bytes.
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
