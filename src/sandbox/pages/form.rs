//! The forms of the sign page.

use jiff::Timestamp;

use super::content::{encrypted_docs, sign};
use super::render::see_other;
use super::values::{
    FormError, MISSING_ACTION, MISSING_REASON, REASON_TOO_LONG, WRONG_PASSWORD, action_error,
    choice_key,
};
use crate::sandbox::http::{HttpResponse, ServiceState};
use crate::sandbox::world::{ActionError, MAX_REASON_LENGTH, SealChoice, UserAction};

/// Carries out the action of a form and redirects to the page. Shows the page with an error if the
/// form is not valid.
pub(super) fn submit(
    state: &mut ServiceState,
    token: &str,
    body: &[u8],
    now: Timestamp,
) -> Option<HttpResponse> {
    let (_, task) = state.world.task(token)?;
    if task.token != token {
        return None;
    }
    let result = action(state, token, &Form::parse(body))
        .and_then(|action| state.world.act(token, &action, now).map_err(action_error));
    match result {
        Ok(()) => Some(state.persist(see_other(&format!("/sign/{token}")))),
        Err(error) => sign(state, token, Some(error), now),
    }
}

/// Returns the action that a form requests.
fn action(state: &ServiceState, token: &str, form: &Form) -> Result<UserAction, FormError> {
    let unknown_task = || action_error(ActionError::UnknownTask);
    let (flow, task) = state.world.task(token).ok_or_else(unknown_task)?;
    match form.field("action") {
        Some("refuse") => {
            let reason = form.field("reason").ok_or(MISSING_REASON)?;
            if reason.chars().count() > MAX_REASON_LENGTH {
                return Err(REASON_TOO_LONG);
            }
            Ok(UserAction::Refuse {
                reason: reason.to_owned(),
            })
        }
        Some("sign") => {
            let password = form.field("password").unwrap_or_default();
            let opens = |doc| state.documents.opens_with(&state.world, doc, password);
            if !encrypted_docs(flow, task).all(|doc| !password.is_empty() && opens(doc)) {
                return Err(WRONG_PASSWORD);
            }
            let [own, organization] = state.world.choices(task);
            // A signer with an organization signs for both at once (API 5.5.6).
            let seals = [
                chosen(form.field("own"), own)?,
                chosen(form.field("organization"), organization)?,
            ];
            Ok(UserAction::Sign(seals.into_iter().flatten().collect()))
        }
        _ => Err(MISSING_ACTION),
    }
}

/// Returns the seal of `all` with the requested key. A choice is required unless `all` is empty.
fn chosen(key: Option<&str>, all: Vec<SealChoice>) -> Result<Option<SealChoice>, FormError> {
    if all.is_empty() && key.is_none() {
        return Ok(None);
    }
    all.into_iter()
        .find(|seal| Some(&choice_key(seal)[..]) == key)
        .map(Some)
        .ok_or_else(|| action_error(ActionError::SealNotAllowed))
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// Returns the trimmed value of a field. `None` if it is blank.
    fn field(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }
}
