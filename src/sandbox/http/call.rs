//! Serves operations of the API.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

use super::envelope::envelope;
use super::response::{HttpResponse, header_text};
use super::served::ServedCall;
use super::service::Sandbox;
use super::state::ServiceState;
use crate::api::operation::{Op, Refusal, dispatch};
use crate::api::{APP_ID_HEADER, APP_SECRET_HEADER, ErrorCode};
use crate::sandbox::handlers::Session;
use crate::sandbox::links::Links;
use crate::sandbox::missing_glyphs::missing_glyphs_warning;
use crate::sandbox::requests;

/// A request, as far as it could be read, and its result.
struct Outcome {
    request: Option<Value>,
    coercions: Vec<String>,
    result: Result<Value, Refusal>,
}

impl Sandbox {
    pub(super) fn call(&self, op: Op, request: &Request<Bytes>, now: Timestamp) -> HttpResponse {
        let mut state = self.state.lock();
        let base_url = self.base_url_of(request);
        let Outcome {
            request: fields,
            coercions,
            result,
        } = self.dispatch_call(&mut state, op, request, &base_url, now);
        if let Some(observer) = &self.call_observer {
            let refusal = result.as_ref().err();
            observer(&ServedCall {
                operation: op.path(),
                app: header_text(request.headers(), APP_ID_HEADER),
                status: StatusCode::OK.as_u16(),
                code: Some(refusal.map_or(ErrorCode(0), |refusal| refusal.code)),
                refusal: refusal.map(|refusal| refusal.message.as_str()),
                coercions: &coercions,
                request: fields.as_ref(),
                data: result.as_ref().ok(),
            });
        }
        if let (Ok(_), Some(fields), Some(handler)) = (&result, &fields, &self.warning_handler)
            && let Some(warning) = missing_glyphs_warning(op, fields)
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
        base_url: &str,
        now: Timestamp,
    ) -> Outcome {
        let refused = |refusal: Refusal| Outcome {
            request: None,
            coercions: Vec::new(),
            result: Err(refusal),
        };
        let content_type = header_text(request.headers(), header::CONTENT_TYPE.as_str());
        if !content_type.is_some_and(is_json) {
            return refused(Refusal::new(
                ErrorCode::PARAMETER,
                "Content-Type is not application/json",
            ));
        }
        let id = header_text(request.headers(), APP_ID_HEADER);
        let secret = header_text(request.headers(), APP_SECRET_HEADER);
        let is_present = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
        if self.needs_credentials && !(is_present(id) && is_present(secret)) {
            return refused(ErrorCode::NO_PROJECT.into());
        }
        if let Some(remote) = &self.remote
            && !remote.is_secret(secret.unwrap_or_default())
        {
            return refused(Refusal::new(
                ErrorCode::NO_PROJECT,
                "X-Tsign-Open-App-Secret is not the secret of this sandbox",
            ));
        }
        let app = match (id, secret) {
            (Some(id), Some(secret)) => Some(state.remember_app(id, secret)),
            _ => None,
        };
        let parsed = match requests::parse(op, request.body(), self.spelling) {
            Ok(parsed) => parsed,
            Err(refusal) => return refused(refusal),
        };
        let request = self.call_observer.is_some() || self.warning_handler.is_some();
        let request = request.then(|| parsed.fields.clone());
        state
            .world
            .complete_automatic_signatures(self.signing_duration, now);
        let link_key = state.link_key;
        let mut session = Session {
            world: &mut state.world,
            documents: &mut state.documents,
            app,
            now,
            links: Links {
                base_url,
                key: &link_key,
                now,
            },
            id_form: self.id_form,
            signing_duration: self.signing_duration,
        };
        let result = dispatch(&mut session, op, parsed.fields);
        Outcome {
            request,
            coercions: parsed.coercions,
            result: result.map(|data| with_both_lists(op, data)),
        }
    }
}

/// Adds the signers of a detail under the second name that services use for the list.
fn with_both_lists(op: Op, mut data: Value) -> Value {
    if let (Op::Detail | Op::ContractsDetail, Some(fields)) = (op, data.as_object_mut())
        && let Some(signers) = fields.get("signDetail").cloned()
    {
        fields.insert("signDetailList".to_owned(), signers);
    }
    data
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
