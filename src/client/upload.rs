//! Uploads: ask for a URL, put the bytes there (section 5.1).

use bytes::Bytes;
use http::{Method, StatusCode, header};

use super::call::{Calling, Client};
use super::failure::{Failure, Lost, public};
use crate::api::{Envelope, ErrorCode, UploadUrl, content_md5, encoded, is_safe};
use crate::crash::point;
use crate::id::FileKey;

impl Client {
    /// Uploads a file. Both calls leave at most a file that nobody sees, so all of it is done again when it fails.
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
        let mut attempt = 1;
        loop {
            let place = self.call(&request).await?;
            let failure = match self.put(&place.upload_url, &request, bytes).await {
                Ok(()) => {
                    point("upload.put");
                    return Ok(place.file_key);
                }
                Err(
                    failure @ (Failure::Refused { .. }
                    | Failure::Credentials(_)
                    | Failure::Barred(_)),
                ) => {
                    return Err(failure);
                }
                Err(failure) => failure,
            };
            if attempt >= self.attempts() {
                return Err(failure);
            }
            self.wait_after(attempt, None).await;
            attempt += 1;
        }
    }

    /// Downloads what an address gives. It carries its own permission: credentials never go there.
    pub async fn download(&self, url: &str) -> Result<Bytes, String> {
        let url = encoded(url);
        if !self.is_inside(&url) && !is_safe(&url) {
            return Err("the download address is not HTTPS".to_owned());
        }
        let request = http::Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .body(Bytes::new())
            .map_err(|error| error.to_string())?;
        let response = self
            .line
            .send(None, request)
            .await
            .map_err(|failure| failure.to_string())?;
        let status = response.status();
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

    /// The emulator in this process has no address that anything could be sent to.
    fn is_inside(&self, url: &str) -> bool {
        self.settings.credentials.is_none() && url.starts_with(&self.settings.endpoint)
    }

    /// The address carries its own permission: credentials never go there.
    async fn put(&self, url: &str, file: &UploadUrl, bytes: &Bytes) -> Result<(), Failure> {
        let url = encoded(url);
        if !self.is_inside(&url) && !is_safe(&url) {
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
            .map_err(|error| Failure::NotSent(error.to_string()))?;
        let _calling = Calling::begin(&self.calling);
        let response = self.line.send(None, request).await?;
        let status = response.status();
        let envelope: Option<Envelope> = serde_json::from_slice(response.body()).ok();
        match (status, envelope) {
            (status, Some(envelope)) if status.is_success() && envelope.err_code != 0 => Err(Failure::Refused {
                code: ErrorCode(envelope.err_code),
                message: public(&envelope.msg.unwrap_or_default()),
            }),
            (status, Some(_)) if status.is_success() => Ok(()),
            (status, None) if status.is_success() && response.body().is_empty() => Ok(()),
            (StatusCode::TOO_MANY_REQUESTS, _) => Err(Failure::Throttled { after: None }),
            (status, _) if status.is_client_error() => Err(Failure::Refused {
                code: ErrorCode(i64::from(status.as_u16())),
                message: "the upload was refused: its MD5 or its type differs from what was announced, or its address has expired".to_owned(),
            }),
            (status, _) => Err(Failure::Unknown {
                why: format!("HTTP {} to an upload", status.as_u16()),
                after: None,
                lost: Lost::Garbled,
            }),
        }
    }
}
