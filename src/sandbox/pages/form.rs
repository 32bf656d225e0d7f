//! The forms of the page behind a `signUrl`: what a person has sent, as a deed.

use jiff::Timestamp;

use super::super::face::{Answer, State};
use super::super::signing::{NotPossible, UserAction};
use super::super::world::Used;
use super::view::{self, LONG_REASON, NO_DEED, NO_REASON, WRONG_PASSWORD, Wrong};
use super::{locked_docs, see_other, sign};

/// No reason is longer; the page's field says the same.
const LONGEST_REASON: usize = 200;

/// Does what a form says, and sends the browser back to the page; or shows the page with what is wrong.
pub(super) fn act(state: &mut State, token: &str, body: &[u8], now: Timestamp) -> Option<Answer> {
    let (_, task) = state.world.task(token)?;
    if task.token != token {
        return None;
    }
    let done = deed(state, token, &Form::read(body))
        .and_then(|deed| state.world.act(token, &deed, now).map_err(view::wrong));
    match done {
        Ok(()) => Some(state.keep(see_other(&format!("/sign/{token}")))),
        Err(wrong) => sign(state, token, Some(wrong), now),
    }
}

fn deed(state: &State, token: &str, form: &Form) -> Result<UserAction, Wrong> {
    let unknown = || view::wrong(NotPossible::Unknown);
    let (flow, task) = state.world.task(token).ok_or_else(unknown)?;
    match form.field("deed") {
        Some("refuse") => {
            let reason = form.field("reason").ok_or(NO_REASON)?;
            if reason.chars().count() > LONGEST_REASON {
                return Err(LONG_REASON);
            }
            Ok(UserAction::Refuse {
                reason: reason.to_owned(),
            })
        }
        Some("sign") => {
            let password = form.field("password").unwrap_or_default();
            let opens = |doc| state.papers.opens(&state.world, doc, password);
            if !locked_docs(flow, task).all(|doc| !password.is_empty() && opens(doc)) {
                return Err(WRONG_PASSWORD);
            }
            let [own, organization] = state.world.choices(task);
            // A person who signs for an organization too signs for both at once (5.5.6).
            let used = [
                chosen(form.field("own"), own)?,
                chosen(form.field("organization"), organization)?,
            ];
            Ok(UserAction::Sign(used.into_iter().flatten().collect()))
        }
        _ => Err(NO_DEED),
    }
}

/// The one of `all` that was chosen: one must be, where there is something to choose.
fn chosen(wanted: Option<&str>, all: Vec<Used>) -> Result<Option<Used>, Wrong> {
    if all.is_empty() && wanted.is_none() {
        return Ok(None);
    }
    all.into_iter()
        .find(|used| Some(&view::choice_key(used)[..]) == wanted)
        .map(Some)
        .ok_or_else(|| view::wrong(NotPossible::Seal))
}

/// The fields of a form that a browser has sent.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field that holds more than spaces.
    fn field(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }
}
