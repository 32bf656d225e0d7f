//! The description of a served request.

use serde_json::Value;

use crate::api::ErrorCode;

/// A served operation, upload or download, for logs and records.
#[derive(Debug)]
pub struct ServedCall<'a> {
    /// The path of the operation, `upload` or `download`.
    pub operation: &'a str,
    /// The app id of the request.
    pub app: Option<&'a str>,
    /// The HTTP status of the response.
    pub status: u16,
    /// The error code of an operation.
    pub code: Option<ErrorCode>,
    /// The reason of a refusal.
    pub refusal: Option<&'a str>,
    /// The values that came in another spelling than that of the API document, as sentences.
    pub coercions: &'a [String],
    /// The request in the types of the API document, if it could be read; for an upload, its key
    /// and size.
    pub request: Option<&'a Value>,
    /// The data of the response.
    pub data: Option<&'a Value>,
}
