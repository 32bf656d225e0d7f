//! Serves the emulated object storage: uploads, documents and images of seals.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

use super::object_storage::{EXPIRED, NO_SUCH_KEY, StorageError, check_upload, error_response};
use super::response::{HttpResponse, JSON, header_text, internal_error, response};
use super::served::ServedCall;
use super::service::Sandbox;
use super::state::ServiceState;
use crate::address::{DocId, FileKey, FlowId, SealId};
use crate::pdf::PdfError;
use crate::sandbox::links;
use crate::sandbox::world::Change;

impl Sandbox {
    /// Stores an upload. `path` is the key, and the name of the file if the address has one.
    pub(super) fn upload(
        &self,
        path: &str,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> HttpResponse {
        let (headers, body) = (request.headers(), request.body());
        // Some clients percent-encode the `$` of a key.
        let key = path.split('/').next().unwrap_or_default();
        let key = FileKey(key.replace("%24", "$"));
        let query = request.uri().query().unwrap_or_default();
        let mut state = self.state.lock();
        let md5 = header_text(headers, "content-md5");
        let content_type = header_text(headers, header::CONTENT_TYPE.as_str());
        let is_signed = links::is_valid(&state.link_key, &format!("upload/{key}"), query, now);
        let checked = check_upload(&state.world, now, &key, md5, content_type, body);
        let checked = match checked {
            Ok(_) if !is_signed => Err(EXPIRED),
            checked => checked,
        };
        let about = json!({ "fileKey": key, "bytes": body.len(), "contentType": content_type });
        match checked {
            Err(error) => {
                self.observe_file("upload", StatusCode::FORBIDDEN, Some(error), &about);
                error_response(StatusCode::FORBIDDEN, error)
            }
            Ok(file) => {
                if let Err(error) = state.documents.put(&key, body) {
                    return internal_error(error);
                }
                state.world.put(Change::File(file));
                self.observe_file("upload", StatusCode::OK, None, &about);
                state.persist(response(
                    StatusCode::OK,
                    JSON,
                    r#"{"errCode":0,"msg":"成功"}"#,
                ))
            }
        }
    }

    /// Serves a document or a seal's image at an address that expires.
    pub(super) fn download(&self, path: &str, query: &str, now: Timestamp) -> HttpResponse {
        let mut state = self.state.lock();
        let parts: Vec<&str> = path.split('/').collect();
        let signed_path = match parts[..] {
            // The name of the file is not signed.
            ["download", .., _] => parts[..parts.len() - 1].join("/"),
            _ => path.to_owned(),
        };
        let about = json!({ "path": signed_path });
        let refuse = |status: StatusCode, error: StorageError| {
            self.observe_file("download", status, Some(error), &about);
            error_response(status, error)
        };
        if !links::is_valid(&state.link_key, &signed_path, query, now) {
            return refuse(StatusCode::FORBIDDEN, EXPIRED);
        }
        let ServiceState {
            world, documents, ..
        } = &mut *state;
        let found = match parts[..] {
            ["seal", name] => name.strip_suffix(".png").and_then(|id| {
                let seal = world.seals.get(&SealId(id.to_owned()))?;
                Some(("image/png", documents.seal_image(seal)?))
            }),
            ["download", id, _] => {
                let doc = world.docs.get(&DocId(id.to_owned()));
                doc.and_then(|doc| pdf_content(documents.document(doc)))
            }
            ["download", flow, id, _] => {
                let id = DocId(id.to_owned());
                let flow = world.flows.get(&FlowId(flow.to_owned()));
                flow.and_then(|flow| pdf_content(documents.signed_document(world, flow, &id)))
            }
            _ => None,
        };
        match found {
            Some((content_type, bytes)) => {
                self.observe_file("download", StatusCode::OK, None, &about);
                response(StatusCode::OK, content_type, bytes)
            }
            None => refuse(StatusCode::NOT_FOUND, NO_SUCH_KEY),
        }
    }

    fn observe_file(
        &self,
        operation: &str,
        status: StatusCode,
        error: Option<StorageError>,
        about: &serde_json::Value,
    ) {
        if let Some(observer) = &self.call_observer {
            observer(&ServedCall {
                operation,
                app: None,
                status: status.as_u16(),
                code: None,
                refusal: error.map(|error| error.reason),
                coercions: &[],
                request: Some(about),
                data: None,
            });
        }
    }
}

fn pdf_content(bytes: Result<Vec<u8>, PdfError>) -> Option<(&'static str, Vec<u8>)> {
    Some(("application/pdf", bytes.ok()?))
}
