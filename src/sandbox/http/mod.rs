//! The HTTP interface: requests from a socket or from the same process, and their responses.

mod object_storage;
mod origin;
mod response;
mod state;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use object_storage::{EXPIRED, NO_SUCH_KEY, check_upload, error_response};

use super::document_store::FileStorage;
use super::handlers::{MAX_FILE_BYTES, Session};
use super::missing_glyphs::missing_glyphs_warning;
use super::world::{
    ActionError, AutoSign, Change, PendingCallback, StoreError, UserAction, World, WorldStore,
};
use super::{links, pages};
use crate::address::{DocId, FileKey, FlowId, SealId};
use crate::api::operation::{Op, Refusal, dispatch};
use crate::api::{APP_ID_HEADER, APP_SECRET_HEADER, Envelope, ErrorCode};
use crate::pdf::PdfError;

pub(crate) use origin::is_own;
pub use response::HttpResponse;
pub(crate) use response::{body_too_large, header_text, internal_error, relative_path, response};
pub(crate) use state::{App, ServiceState, SharedState};

/// An emulated service. Clones share the same world.
#[derive(Clone)]
pub struct Sandbox {
    state: SharedState,
    base_url: Arc<str>,
    needs_credentials: bool,
    call_observer: Option<Arc<CallObserver>>,
    warning_handler: Option<Arc<WarningHandler>>,
    signing_duration: SignedDuration,
}

/// A function that is called after each operation with the operation and its result code.
pub type CallObserver = dyn Fn(Op, ErrorCode) + Send + Sync;

/// A function that is called with each warning about data that the sandbox cannot display.
pub type WarningHandler = dyn Fn(&str) + Send + Sync;

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// The limit of a request body, in bytes: a file is the largest one.
pub(crate) const MAX_BODY_BYTES: usize = MAX_FILE_BYTES;

impl Sandbox {
    /// Creates a sandbox with an empty world in memory. `base_url` is the address of the sandbox;
    /// the links in its responses start with it.
    pub fn in_memory(base_url: &str) -> Self {
        let storage = FileStorage::Memory(HashMap::new());
        Self::new(World::default(), storage, base_url)
    }

    /// Opens the world in a folder. Creates the folder if it does not exist.
    pub fn open(folder: &Path, base_url: &str) -> Result<Self, StoreError> {
        let (store, world) = WorldStore::open(folder)?;
        Ok(Self::new(world, FileStorage::Folder(store), base_url))
    }

    fn new(world: World, storage: FileStorage, base_url: &str) -> Self {
        Self {
            state: SharedState::new(world, storage),
            base_url: base_url.trim_end_matches('/').into(),
            needs_credentials: false,
            call_observer: None,
            warning_handler: None,
            signing_duration: SignedDuration::ZERO,
        }
    }

    /// Sets the duration of an automatic signature (API 5.9.1).
    #[must_use]
    pub fn with_signing_duration(self, signing_duration: SignedDuration) -> Self {
        Self {
            signing_duration,
            ..self
        }
    }

    /// Sets a function that is called after each operation.
    #[must_use]
    pub fn on_call(self, call_observer: Arc<CallObserver>) -> Self {
        Self {
            call_observer: Some(call_observer),
            ..self
        }
    }

    /// Sets a function that is called with each warning.
    #[must_use]
    pub fn on_warning(self, warning_handler: Arc<WarningHandler>) -> Self {
        Self {
            warning_handler: Some(warning_handler),
            ..self
        }
    }

    /// Requires an app id and a secret in each request. All values are accepted.
    #[must_use]
    pub fn with_credentials(self) -> Self {
        Self {
            needs_credentials: true,
            ..self
        }
    }

    /// Reads the world.
    pub fn with_world<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.state.lock().world)
    }

    /// Changes the world in a way that no request can, for example to simulate data loss.
    pub fn modify_world(&self, change: impl FnOnce(&mut World)) {
        let mut state = self.state.lock();
        change(&mut state.world);
        state.persist(HttpResponse::default());
    }

    /// Serves one request as of `now`. Refuses requests of other sites, before they have an effect.
    pub fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> HttpResponse {
        let path = relative_path(request.uri().path());
        if !is_own(request) {
            return refuse_other_site(request.method(), path);
        }
        if let Some(page) = pages::serve(&self.state, request, path, now) {
            return page;
        }
        match (request.method(), path.split_once('/')) {
            (&Method::PUT, Some(("upload", key))) => {
                self.upload(key, request.headers(), request.body(), now)
            }
            (&Method::GET, Some(("download" | "seal", _))) => {
                self.download(path, request.uri().query().unwrap_or_default(), now)
            }
            (&Method::POST, _) => match Op::at(path) {
                Some(op) => self.call(op, request, now),
                None => not_an_operation(StatusCode::NOT_FOUND, "the operation does not exist"),
            },
            _ if Op::at(path).is_some() => {
                let mut response =
                    not_an_operation(StatusCode::METHOD_NOT_ALLOWED, "operations require POST");
                let post = header::HeaderValue::from_static("POST");
                response.headers_mut().insert(header::ALLOW, post);
                response
            }
            _ => pages::with_security_headers(pages::not_found(now)),
        }
    }

    /// Carries out a signer's action on the task with this token, as its sign page does.
    pub fn act(&self, token: &str, action: &UserAction, now: Timestamp) -> Result<(), ActionError> {
        let mut state = self.state.lock();
        let result = state.world.act(token, action, now);
        state.persist(HttpResponse::default());
        result
    }

    /// Advances the world to `now`: completes automatic signatures, expires flows, and with `auto`
    /// acts on the tasks that are due.
    pub fn advance(&self, auto: Option<&AutoSign>, now: Timestamp) {
        let mut state = self.state.lock();
        state
            .world
            .complete_automatic_signatures(self.signing_duration, now);
        state.world.expire(now);
        if let Some(auto) = auto {
            state.world.auto_sign(auto, now);
        }
        state.persist(HttpResponse::default());
    }

    /// Removes and returns the callbacks that can be sent, each with the app that signs it.
    pub(crate) fn take_callbacks(&self) -> Vec<(App, PendingCallback)> {
        self.state.lock().take_callbacks()
    }

    /// Returns an axum router that serves the sandbox.
    pub fn router(&self) -> axum::Router {
        let sandbox = self.clone();
        axum::Router::new().fallback(move |request: axum::extract::Request| async move {
            let (parts, body) = request.into_parts();
            let response = match axum::body::to_bytes(body, MAX_BODY_BYTES).await {
                Ok(body) => sandbox.handle(&Request::from_parts(parts, body), Timestamp::now()),
                Err(_) => body_too_large(),
            };
            response.map(axum::body::Body::from)
        })
    }

    fn call(&self, op: Op, request: &Request<Bytes>, now: Timestamp) -> HttpResponse {
        let mut state = self.state.lock();
        let result = self.dispatch_call(&mut state, op, request, now);
        if let Some(observer) = &self.call_observer {
            let code = result.as_ref().err().map(|refusal| refusal.code);
            observer(op, code.unwrap_or(ErrorCode(0)));
        }
        if let (Ok(_), Some(handler)) = (&result, &self.warning_handler)
            && let Some(warning) = missing_glyphs_warning(op, request.body())
        {
            handler(&warning);
        }
        state.persist(envelope(result))
    }

    fn dispatch_call(
        &self,
        state: &mut ServiceState,
        op: Op,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<serde_json::Value, Refusal> {
        let content_type = header_text(request.headers(), header::CONTENT_TYPE.as_str());
        if !content_type.is_some_and(is_json) {
            return Err(Refusal::new(
                ErrorCode::PARAMETER,
                "Content-Type is not application/json",
            ));
        }
        let id = header_text(request.headers(), APP_ID_HEADER);
        let secret = header_text(request.headers(), APP_SECRET_HEADER);
        let is_present = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
        if self.needs_credentials && !(is_present(id) && is_present(secret)) {
            return Err(ErrorCode::NO_PROJECT.into());
        }
        let app = match (id, secret) {
            (Some(id), Some(secret)) => Some(state.remember_app(id, secret)),
            _ => None,
        };
        state
            .world
            .complete_automatic_signatures(self.signing_duration, now);
        let mut session = Session {
            world: &mut state.world,
            documents: &mut state.documents,
            app,
            now,
            base_url: &self.base_url,
            signing_duration: self.signing_duration,
        };
        dispatch(&mut session, op, request.body())
    }

    fn upload(&self, key: &str, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> HttpResponse {
        // Some clients percent-encode the `$` of a key.
        let key = FileKey(key.replace("%24", "$"));
        let mut state = self.state.lock();
        let md5 = header_text(headers, "content-md5");
        let content_type = header_text(headers, header::CONTENT_TYPE.as_str());
        match check_upload(&state.world, now, &key, md5, content_type, body) {
            Err(error) => error_response(StatusCode::FORBIDDEN, error),
            Ok(file) => {
                if let Err(error) = state.documents.put(&key, body) {
                    return internal_error(error);
                }
                state.world.put(Change::File(file));
                state.persist(response(
                    StatusCode::OK,
                    "application/json",
                    r#"{"errCode":0,"msg":"成功"}"#,
                ))
            }
        }
    }

    /// Serves a document or a seal's image at an address that expires.
    fn download(&self, path: &str, query: &str, now: Timestamp) -> HttpResponse {
        if !links::is_valid(path, query, now) {
            return error_response(StatusCode::FORBIDDEN, EXPIRED);
        }
        let mut state = self.state.lock();
        let ServiceState {
            world, documents, ..
        } = &mut *state;
        let parts: Vec<&str> = path.split('/').collect();
        let found = match parts[..] {
            ["seal", name] => name.strip_suffix(".png").and_then(|id| {
                let seal = world.seals.get(&SealId(id.to_owned()))?;
                Some(("image/png", documents.seal_image(seal)?))
            }),
            ["download", name] => {
                let id = DocId(name.trim_end_matches(".pdf").to_owned());
                let doc = world.docs.get(&id);
                doc.and_then(|doc| pdf_content(documents.document(doc)))
            }
            ["download", flow, name] => {
                let id = DocId(name.trim_end_matches(".pdf").to_owned());
                let flow = world.flows.get(&FlowId(flow.to_owned()));
                flow.and_then(|flow| pdf_content(documents.signed_document(world, flow, &id)))
            }
            _ => None,
        };
        match found {
            Some((content_type, bytes)) => response(StatusCode::OK, content_type, bytes),
            None => error_response(StatusCode::NOT_FOUND, NO_SUCH_KEY),
        }
    }
}

/// Builds the response to a request of another site.
pub(crate) fn refuse_other_site(method: &Method, path: &str) -> HttpResponse {
    if method == Method::POST && Op::at(path).is_some() {
        return not_an_operation(StatusCode::FORBIDDEN, origin::REFUSED);
    }
    pages::with_security_headers(response(
        StatusCode::FORBIDDEN,
        "text/plain; charset=utf-8",
        origin::REFUSED,
    ))
}

/// Returns whether a `Content-Type` is JSON in UTF-8. Case and other parameters are ignored.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase());
    let is_json = parts.next().is_some_and(|kind| kind == "application/json");
    let is_other_charset = |part: String| {
        let charset = part
            .strip_prefix("charset=")
            .map(|charset| charset.trim_matches('"'));
        charset.is_some_and(|charset| charset != "utf-8" && charset != "utf8")
    };
    is_json && !parts.any(is_other_charset)
}

fn pdf_content(bytes: Result<Vec<u8>, PdfError>) -> Option<(&'static str, Vec<u8>)> {
    Some(("application/pdf", bytes.ok()?))
}

/// Builds the response of an operation. Business errors have HTTP status 200 (API 4.1).
fn envelope(result: Result<serde_json::Value, Refusal>) -> HttpResponse {
    let envelope = match result {
        Ok(data) => Envelope {
            err_code: 0,
            msg: Some("SUCCESS".to_owned()),
            data: (!data.is_null()).then_some(data),
        },
        Err(refusal) => Envelope {
            err_code: refusal.code.0,
            msg: Some(refusal.message),
            data: None,
        },
    };
    // Serialization cannot fail: an envelope is plain data with text keys.
    response(
        StatusCode::OK,
        "application/json",
        serde_json::to_vec(&envelope).unwrap_or_default(),
    )
}

/// Builds the response to a request that is not an operation: an envelope as for operations
/// (API 4.1), but with another HTTP status.
fn not_an_operation(status: StatusCode, message: &str) -> HttpResponse {
    let mut response = envelope(Err(Refusal::new(ErrorCode::PARAMETER, message)));
    *response.status_mut() = status;
    response
}
