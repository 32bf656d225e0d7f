//! The envelope of responses (API 4.1).

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::response::{HttpResponse, JSON, response};
use crate::api::ErrorCode;
use crate::api::operation::Refusal;

/// The envelope of a response, with the member `errShow` that real responses have.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    err_code: i64,
    msg: String,
    err_show: bool,
    data: Value,
}

/// Builds the response of an operation. Business errors have HTTP status 200 (API 4.1).
pub(super) fn envelope(result: Result<Value, Refusal>) -> HttpResponse {
    let (err_code, msg, data) = match result {
        Ok(data) => (0, "SUCCESS".to_owned(), data),
        Err(refusal) => (refusal.code.0, refusal.message, Value::Null),
    };
    let answer = Answer {
        err_code,
        msg,
        err_show: true,
        data,
    };
    // Serialization cannot fail: an envelope is plain data with text keys.
    let body = serde_json::to_vec(&answer).unwrap_or_default();
    response(StatusCode::OK, JSON, body)
}

/// Builds the response to a request that is not an operation: an envelope as for operations
/// (API 4.1), but with another HTTP status.
pub(super) fn not_an_operation(status: StatusCode, message: &str) -> HttpResponse {
    let mut response = envelope(Err(Refusal::new(ErrorCode::PARAMETER, message)));
    *response.status_mut() = status;
    response
}
