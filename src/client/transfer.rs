//! Uploads and downloads (sections 5.1 and 5.7): the address comes from the API and carries its own permission. Credentials never go
//! there.

use bytes::Bytes;
use http::{Method, StatusCode, header};
use tracing::{debug, info};

use super::call::Client;
use super::failure::{Failure, LossCause, public};
use super::transport::Problem;
use crate::api::{Envelope, ErrorCode, UploadUrl, content_md5, encoded, is_safe};
use crate::crash::point;
use crate::id::FileKey;

impl Client {
    /// Uploads a file. Both requests leave at most a file that nobody sees, so a retry begins with a new address.
    pub async fn upload(
        &self,
        file_name: &str,
        content_type: &str,
        bytes: &Bytes,
    ) -> Result<FileKey, Failure> {
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
                    point("upload.put");
                    return Ok(target.file_key);
                }
                Err(failure) => failure,
            };
            let may_pass = failure.is_transient() || matches!(failure, Failure::Throttled { .. });
            let Some(delay) = delays.next().filter(|_| may_pass) else {
                return Err(failure);
            };
            info!(target: "treaty::client", "retrying the upload: {failure}");
            self.wait(delay).await;
        }
    }

    /// Downloads the file of an address.
    pub async fn download(&self, url: &str) -> Result<Bytes, String> {
        let url = encoded(url);
        if !self.is_sandbox(&url) && !is_safe(&url) {
            return Err("the download address is not HTTPS".to_owned());
        }
        let request = http::Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .body(Bytes::new())
            .map_err(|error| error.to_string())?;
        let response = self.dispatcher.transfer(request).await;
        let response = response.map_err(|failure| failure.to_string())?;
        let status = response.status();
        debug!(target: "treaty::client", http_status = status.as_u16(), bytes = response.body().len(), "download");
        if !status.is_success() {
            return Err(format!("HTTP {} to a download", status.as_u16()));
        }
        let length = response.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let body = response.into_body();
        match length {
            Some(length) if length != body.len() => Err(format!(
                "{length} bytes were announced, and {} came",
                body.len()
            )),
            _ => Ok(body),
        }
    }

    /// Whether an address is one of the sandbox in this process, which nothing else can reach.
    fn is_sandbox(&self, url: &str) -> bool {
        self.settings.credentials.is_none() && url.starts_with(&self.settings.endpoint)
    }

    async fn put(&self, url: &str, file: &UploadUrl, bytes: &Bytes) -> Result<(), Failure> {
        let url = encoded(url);
        if !self.is_sandbox(&url) && !is_safe(&url) {
            return Err(Failure::Refused {
                code: ErrorCode(0),
                message: "the upload address is not HTTPS".to_owned(),
            });
        }
        let request = http::Request::builder()
            .method(Method::PUT)
            .uri(url.as_str())
            .header("Content-MD5", &file.content_md5)
            .header(header::CONTENT_TYPE, &file.content_type)
            .body(bytes.clone())
            .map_err(|error| Failure::NotSent(Problem::permanent(error.to_string(), "")))?;
        let response = self.dispatcher.transfer(request).await?;
        let status = response.status();
        debug!(target: "treaty::client", http_status = status.as_u16(), bytes = bytes.len(), "upload");
        let envelope: Option<Envelope> = serde_json::from_slice(response.body()).ok();
        match (status, envelope) {
            (status, Some(envelope)) if status.is_success() && envelope.err_code != 0 => Err(Failure::Refused {
                code: ErrorCode(envelope.err_code),
                message: public(&envelope.msg.unwrap_or_default()),
            }),
            (status, Some(_)) if status.is_success() => Ok(()),
            (status, None) if status.is_success() && response.body().is_empty() => Ok(()),
            (StatusCode::TOO_MANY_REQUESTS, _) => Err(Failure::Throttled { retry_after: None }),
            (status, _) if status.is_client_error() => Err(Failure::Refused {
                code: ErrorCode(i64::from(status.as_u16())),
                message: "the upload was refused: its MD5 or its type differs from the announced one, or its address has expired".to_owned(),
            }),
            (status, _) => Err(Failure::lost(
                format!("HTTP {} to an upload", status.as_u16()),
                LossCause::Garbled,
            )),
        }
    }
}
