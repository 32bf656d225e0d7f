//! Uploads and downloads of files (sections 5.1 and 5.7). The API provides signed addresses of a
//! storage service, which never receives the credentials.

use bytes::Bytes;
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use tracing::{debug, info};

use super::call::Client;
use super::failure::{CallFailure, LossCause};
use super::redactor::Redactor;
use super::response::{self, RetryAfter};
use super::transport::Problem;
use crate::address::FileKey;
use crate::api::{Envelope, ErrorCode, UploadUrl, content_md5, is_safe, percent_encoded};
use crate::util::failpoint::failpoint;

impl Client {
    /// Uploads a file, and returns its key. A failed attempt leaves at most an unused file, so each
    /// retry requests a new address.
    pub async fn upload(
        &self,
        file_name: &str,
        content_type: &str,
        bytes: &Bytes,
    ) -> Result<FileKey, CallFailure> {
        let request = UploadUrl {
            file_name: file_name.to_owned(),
            file_size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            content_type: content_type.to_owned(),
            content_md5: content_md5(bytes),
        };
        let mut delays = self.retry_delays();
        loop {
            let target = self.call(&request).await?;
            let failure = match self.put(&target.upload_url, &request, bytes).await {
                Ok(()) => {
                    failpoint("upload.put");
                    return Ok(target.file_key);
                }
                Err(failure) => failure,
            };
            let may_pass =
                failure.is_transient() || matches!(failure, CallFailure::Throttled { .. });
            let Some(delay) = delays.next().filter(|_| may_pass) else {
                return Err(failure);
            };
            info!(target: "treaty::client", "retrying the upload: {failure}");
            self.wait(delay).await?;
        }
    }

    /// Downloads a file from an address.
    pub async fn download(&self, url: &str) -> Result<Bytes, CallFailure> {
        let url = percent_encoded(url);
        if !self.is_sandbox(&url) && !is_safe(&url) {
            return Err(refused(0, &t!("the download address is not HTTPS")));
        }
        let request = http::Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .body(Bytes::new())
            .map_err(|error| CallFailure::NotSent(Problem::permanent(error.to_string(), "")))?;
        let response = self.dispatcher.transfer(request).await?;
        let status = response.status();
        debug!(target: "treaty::client", http_status = status.as_u16(), bytes = response.body().len(), "download");
        if !status.is_success() {
            return Err(status_failure(&response, "a download", &self.redactor(&[])));
        }
        let length = response.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let body = response.into_body();
        match length {
            Some(length) if length != body.len() => {
                let why = t!(
                    "the response has %{count} of %{length} declared bytes",
                    count = body.len(),
                    length = length
                )
                .into_owned();
                Err(CallFailure::lost(why, LossCause::Garbled))
            }
            _ => Ok(body),
        }
    }

    /// Returns whether an address belongs to the sandbox in this process.
    fn is_sandbox(&self, url: &str) -> bool {
        self.settings.credentials.is_none() && url.starts_with(&self.settings.endpoint)
    }

    async fn put(&self, url: &str, file: &UploadUrl, bytes: &Bytes) -> Result<(), CallFailure> {
        let url = percent_encoded(url);
        if !self.is_sandbox(&url) && !is_safe(&url) {
            return Err(refused(0, &t!("the upload address is not HTTPS")));
        }
        let request = http::Request::builder()
            .method(Method::PUT)
            .uri(url.as_str())
            .header("Content-MD5", &file.content_md5)
            .header(header::CONTENT_TYPE, &file.content_type)
            .body(bytes.clone())
            .map_err(|error| CallFailure::NotSent(Problem::permanent(error.to_string(), "")))?;
        let response = self.dispatcher.transfer(request).await?;
        let status = response.status();
        debug!(target: "treaty::client", http_status = status.as_u16(), bytes = bytes.len(), "upload");
        let envelope: Option<Envelope> = serde_json::from_slice(response.body()).ok();
        let declared = serde_json::to_vec(file).unwrap_or_default();
        let redactor = self.redactor(&declared);
        match (status, envelope) {
            (status, Some(envelope)) if status.is_success() && envelope.err_code != 0 => {
                Err(CallFailure::Refused {
                    code: ErrorCode(envelope.err_code),
                    message: redactor.clean(&envelope.msg.unwrap_or_default()),
                })
            }
            (status, Some(_)) if status.is_success() => Ok(()),
            (status, None) if status.is_success() && response.body().is_empty() => Ok(()),
            (status, _) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                Err(refused(
                    status.as_u16(),
                    &t!(
                        "the upload was refused: its MD5 or its type differs from the declared one, or its address has expired"
                    ),
                ))
            }
            _ => Err(status_failure(&response, &t!("an upload"), &redactor)),
        }
    }
}

fn refused(code: u16, message: &str) -> CallFailure {
    CallFailure::Refused {
        code: ErrorCode(code.into()),
        message: message.to_owned(),
    }
}

/// Returns the failure for an error response of the storage. Its `Retry-After` delays only this
/// transfer, because the storage is another service.
fn status_failure(
    response: &http::Response<Bytes>,
    what: &str,
    redactor: &Redactor<'_>,
) -> CallFailure {
    let status = response.status();
    let retry_after = response::retry_after(response.headers(), Timestamp::now());
    let retry_after = retry_after.and_then(RetryAfter::delay);
    let code = status.as_u16();
    match status {
        StatusCode::TOO_MANY_REQUESTS => CallFailure::Throttled { retry_after },
        _ if status.is_redirection() => response::redirected(response, redactor),
        _ if status.is_client_error() => refused(
            code,
            &t!("HTTP %{code} to %{what}", code = code, what = what),
        ),
        _ => CallFailure::Unknown {
            why: t!("HTTP %{code} to %{what}", code = code, what = what).into_owned(),
            retry_after,
            cause: LossCause::Garbled,
        },
    }
}
