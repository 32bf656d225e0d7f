//! The HTTP face: requests in, responses out, whether they came over a socket or from the same process.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use super::file::{Denied, EXPIRED, NO_KEY};
use super::papers::{DocumentStore, Keeper};
use super::serve::Session;
use super::signing::{AutoSign, NotPossible, UserAction};
use super::store::{Store, StoreError};
use super::world::{AppId, Change, Notice, World};
use super::{file, links, pages};
use crate::address::{DocId, FileKey, FlowId, SealId};
use crate::api::operation::{Op, Refusal, dispatch};
use crate::api::{APP_ID_HEADER, APP_SECRET_HEADER, Envelope, ErrorCode};
use crate::pdf::PdfError;

/// An emulated service.
#[derive(Clone)]
pub struct Sandbox {
    state: Arc<Mutex<State>>,
    base: Arc<str>,
    needs_credentials: bool,
    hear: Option<Arc<Hear>>,
    warn: Option<Arc<Warn>>,
    signing_takes: SignedDuration,
}

/// DiagnosticListener of every call: which operation, and the code of its answer.
pub type Hear = dyn Fn(Op, ErrorCode) + Send + Sync;

/// DiagnosticListener what the sandbox cannot show of what it was given.
pub type Warn = dyn Fn(&str) + Send + Sync;

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// A response of the emulator.
pub type Answer = Response<Bytes>;

pub(super) struct State {
    pub(super) world: World,
    pub(super) papers: DocumentStore,
    /// The apps that have called since the start, each with the secret that it showed last.
    apps: BTreeMap<AppId, String>,
    /// The app that called last: it is told of what no app has made.
    last: Option<AppId>,
}

/// An app's id and secret.
#[derive(Clone)]
pub(super) struct App {
    pub(super) id: AppId,
    pub(super) secret: String,
}

/// The path that the real service has; it may be left out here.
const PREFIX: &str = "/opentreaty-service";

impl Sandbox {
    /// A world in memory. `base` is where it can be reached: links begin with it.
    pub fn in_memory(base: &str) -> Self {
        Self::new(World::default(), Keeper::Memory(HashMap::new()), base)
    }

    /// A world in a folder.
    pub fn open(folder: &Path, base: &str) -> Result<Self, StoreError> {
        let (store, world) = Store::open(folder)?;
        Ok(Self::new(world, Keeper::Folder(store), base))
    }

    fn new(world: World, keeper: Keeper, base: &str) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                world,
                papers: DocumentStore::new(keeper),
                apps: BTreeMap::new(),
                last: None,
            })),
            base: base.trim_end_matches('/').into(),
            needs_credentials: false,
            hear: None,
            warn: None,
            signing_takes: SignedDuration::ZERO,
        }
    }

    /// The same world, in which a signature without a person takes so long.
    #[must_use]
    pub fn signing_takes(self, signing_takes: SignedDuration) -> Self {
        Self {
            signing_takes,
            ..self
        }
    }

    /// The same world, for somebody who wants to hear of every call.
    #[must_use]
    pub fn heard_by(self, hear: Arc<Hear>) -> Self {
        Self {
            hear: Some(hear),
            ..self
        }
    }

    /// The same world, for somebody who wants to hear what it cannot show.
    #[must_use]
    pub fn warns(self, warn: Arc<Warn>) -> Self {
        Self {
            warn: Some(warn),
            ..self
        }
    }

    /// The same world for callers who must show an app id and secret; which ones does not matter.
    #[must_use]
    pub fn with_credentials(self) -> Self {
        Self {
            needs_credentials: true,
            ..self
        }
    }

    /// Looks at the world.
    pub fn with_world<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.state().world)
    }

    /// Changes the world as no call could: what somebody else does at a service, or what goes wrong there.
    pub fn tamper(&self, deed: impl FnOnce(&mut World)) {
        let mut state = self.state();
        deed(&mut state.world);
        state.keep(Answer::default());
    }

    /// Serves one request at a moment.
    pub fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> Answer {
        let path = below(request.uri().path());
        if let Some(page) = pages::serve(self, request, path, now) {
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
                None => none(StatusCode::NOT_FOUND, "there is no such operation"),
            },
            _ if Op::at(path).is_some() => {
                let mut answer = none(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "operations are called with POST",
                );
                let post = header::HeaderValue::from_static("POST");
                answer.headers_mut().insert(header::ALLOW, post);
                answer
            }
            _ => plain(StatusCode::NOT_FOUND, "text/plain", "nothing here"),
        }
    }

    /// A person acts on his task, as he would on its page.
    pub fn act(&self, token: &str, deed: &UserAction, now: Timestamp) -> Result<(), NotPossible> {
        let mut state = self.state();
        let done = state.world.act(token, deed, now);
        state.keep(Answer::default());
        done
    }

    /// Lets time pass: flows run out, and with `auto` everybody signs who was asked long enough ago.
    pub fn pass(&self, auto: Option<&AutoSign>, now: Timestamp) {
        let mut state = self.state();
        state.world.end_signing(self.signing_takes, now);
        state.world.expire(now);
        if let Some(auto) = auto {
            state.world.act_for_all(auto, now);
        }
        state.keep(Answer::default());
    }

    /// The callbacks that are to be sent, each with the app that signs it (5.9.2). Until that app has called they wait:
    /// after a restart people may sign before the first call comes.
    pub(super) fn take_notices(&self) -> Vec<(App, Notice)> {
        let mut state = self.state();
        let mut signed = Vec::new();
        for notice in std::mem::take(&mut state.world.outbox) {
            match state.signer(&notice) {
                Some(app) => signed.push((app, notice)),
                None => state.world.outbox.push(notice),
            }
        }
        signed
    }

    /// The same as a service of axum's.
    pub fn router(&self) -> axum::Router {
        let sandbox = self.clone();
        axum::Router::new().fallback(move |request: axum::extract::Request| async move {
            let (parts, body) = request.into_parts();
            match axum::body::to_bytes(body, LARGEST).await {
                Ok(body) => {
                    let answer =
                        sandbox.handle(&Request::from_parts(parts, body), Timestamp::now());
                    answer.map(axum::body::Body::from)
                }
                Err(_) => plain(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "too large")
                    .map(axum::body::Body::from),
            }
        })
    }

    fn call(&self, op: Op, request: &Request<Bytes>, now: Timestamp) -> Answer {
        let mut state = self.state();
        let result = self.served(&mut state, op, request, now);
        if let Some(hear) = &self.hear {
            let code = result.as_ref().err().map(|refusal| refusal.code);
            hear(op, code.unwrap_or(ErrorCode(0)));
        }
        if let (Ok(_), Some(warn)) = (&result, &self.warn)
            && let Some(line) = super::unshown::unshown(op, request.body())
        {
            warn(&line);
        }
        state.keep(envelope(result))
    }

    fn served(
        &self,
        state: &mut State,
        op: Op,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<serde_json::Value, Refusal> {
        let kind = header_text(request.headers(), header::CONTENT_TYPE.as_str());
        if !kind.is_some_and(is_json) {
            return Err(Refusal::new(
                ErrorCode::PARAMETER,
                "Content-Type is not application/json",
            ));
        }
        let shown =
            |name| header_text(request.headers(), name).is_some_and(|value| !value.is_empty());
        if self.needs_credentials && !(shown(APP_ID_HEADER) && shown(APP_SECRET_HEADER)) {
            return Err(ErrorCode::NO_PROJECT.into());
        }
        let app = match (
            header_text(request.headers(), APP_ID_HEADER),
            header_text(request.headers(), APP_SECRET_HEADER),
        ) {
            (Some(id), Some(secret)) => {
                state.apps.insert(id.to_owned(), secret.to_owned());
                state.last = Some(id.to_owned());
                state.last.clone()
            }
            _ => None,
        };
        state.world.end_signing(self.signing_takes, now);
        let mut session = Session {
            world: &mut state.world,
            papers: &mut state.papers,
            app,
            now,
            base: &self.base,
            signing_takes: self.signing_takes,
        };
        dispatch(&mut session, op, request.body())
    }

    fn upload(&self, key: &str, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> Answer {
        // Some callers write the `$` of a key in percents.
        let key = FileKey(key.replace("%24", "$"));
        let mut state = self.state();
        let md5 = header_text(headers, "content-md5");
        let kind = header_text(headers, header::CONTENT_TYPE.as_str());
        match file::check_upload(&state.world, now, &key, md5, kind, body) {
            Err(why) => denied(StatusCode::FORBIDDEN, why),
            Ok(file) => {
                let kept = state.papers.put(&key, body);
                if let Err(error) = kept {
                    return plain(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "text/plain",
                        error.to_string(),
                    );
                }
                state.world.put(Change::File(file));
                state.keep(plain(
                    StatusCode::OK,
                    "application/json",
                    r#"{"errCode":0,"msg":"成功"}"#,
                ))
            }
        }
    }

    /// A document or a seal, at an address that lives for a while.
    fn download(&self, path: &str, query: &str, now: Timestamp) -> Answer {
        if !links::alive(path, query, now) {
            return denied(StatusCode::FORBIDDEN, EXPIRED);
        }
        let mut state = self.state();
        let State { world, papers, .. } = &mut *state;
        let parts: Vec<&str> = path.split('/').collect();
        let found = match parts[..] {
            ["seal", name] => name.strip_suffix(".png").and_then(|id| {
                let seal = world.seals.get(&SealId(id.to_owned()))?;
                Some(("image/png", papers.seal_picture(seal)?))
            }),
            ["download", name] => {
                let id = DocId(name.trim_end_matches(".pdf").to_owned());
                let doc = world.docs.get(&id);
                doc.and_then(|doc| given(papers.document(doc)))
            }
            ["download", flow, name] => {
                let id = DocId(name.trim_end_matches(".pdf").to_owned());
                let flow = world.flows.get(&FlowId(flow.to_owned()));
                flow.and_then(|flow| given(papers.signed(world, flow, &id)))
            }
            _ => None,
        };
        match found {
            Some((kind, bytes)) => plain(StatusCode::OK, kind, bytes),
            None => denied(StatusCode::NOT_FOUND, NO_KEY),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic while serving leaves a world that was not answered for yet; the next caller sees it as it is.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path below the service's own.
pub(super) fn below(path: &str) -> &str {
    path.strip_prefix(PREFIX)
        .unwrap_or(path)
        .trim_start_matches('/')
}

/// No request of the API is larger, and no file.
pub(super) const LARGEST: usize = 64 * 1024 * 1024;

impl State {
    /// The app that signs a callback, once it has called.
    fn signer(&self, notice: &Notice) -> Option<App> {
        let id = notice.app.as_ref().or(self.last.as_ref())?;
        let secret = self.apps.get(id)?;
        Some(App {
            id: id.clone(),
            secret: secret.clone(),
        })
    }

    /// Writes down what has changed; only then may the answer go out.
    pub(super) fn keep(&mut self, answer: Answer) -> Answer {
        let changes = self.world.take_changes();
        match &mut self.papers.keeper {
            Keeper::Memory(_) => answer,
            Keeper::Folder(store) => match store.append(&changes) {
                Ok(()) => answer,
                Err(error) => plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "text/plain",
                    error.to_string(),
                ),
            },
        }
    }
}

pub(super) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a `Content-Type` is that of a call: its case does not matter, and neither does a charset that says what JSON is.
fn is_json(kind: &str) -> bool {
    let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_json = parts.next().is_some_and(|kind| kind == "application/json");
    let other = |part: String| {
        let charset = part
            .strip_prefix("charset=")
            .map(|set| set.trim_matches('"'));
        charset.is_some_and(|set| set != "utf-8" && set != "utf8")
    };
    is_json && !parts.any(other)
}

fn given(bytes: Result<Vec<u8>, PdfError>) -> Option<(&'static str, Vec<u8>)> {
    Some(("application/pdf", bytes.ok()?))
}

/// Business errors come with HTTP 200 (section 4.1).
fn envelope(result: Result<serde_json::Value, Refusal>) -> Answer {
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
    // An envelope is plain data with text keys, which JSON can always say.
    plain(
        StatusCode::OK,
        "application/json",
        serde_json::to_vec(&envelope).unwrap_or_default(),
    )
}

/// Storage speaks XML.
fn denied(status: StatusCode, Denied(code, message): Denied) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message></Error>\n"
    );
    plain(status, "application/xml", body)
}

/// What is no operation is answered in JSON, as everything is that is called (section 4.1).
fn none(status: StatusCode, why: &str) -> Answer {
    let mut answer = envelope(Err(Refusal::new(ErrorCode::PARAMETER, why)));
    *answer.status_mut() = status;
    answer
}

pub(super) fn plain(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    answer
}
