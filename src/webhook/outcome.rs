//! What becomes of a callback, and how it is answered.
//!
//! Whatever is answered with 200 to 399 is not sent again (5.9.1). So everything that was written down is, and what is
//! authentic but means nothing here, too.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::api::callback::Refused;
use crate::ledger::CallbackReceipt;

/// What becomes of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is written down, and the flow will be asked for.
    New,
    /// It came before.
    Repeated,
    /// It is authentic, and its flow or its kind is none of ours.
    Unknown,
    /// It is not signed, is signed wrongly, or is for another app.
    Forged,
    /// It was signed too long ago, or for later.
    Stale,
    /// Its body is too large.
    Oversized,
    /// It is no callback, or never came to its end.
    Malformed,
    /// It could not be written down.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::New,
        Self::Repeated,
        Self::Unknown,
        Self::Forged,
        Self::Stale,
        Self::Oversized,
        Self::Malformed,
        Self::Failed,
    ];

    /// Its name in the metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Repeated => "repeated",
            Self::Unknown => "unknown",
            Self::Forged => "forged",
            Self::Stale => "stale",
            Self::Oversized => "oversized",
            Self::Malformed => "malformed",
            Self::Failed => "failed",
        }
    }

    /// Whether its sender is told that it arrived.
    pub const fn is_taken(self) -> bool {
        matches!(self, Self::New | Self::Repeated | Self::Unknown)
    }
}

impl From<CallbackReceipt> for Outcome {
    fn from(noted: CallbackReceipt) -> Self {
        match noted {
            CallbackReceipt::New => Self::New,
            CallbackReceipt::Unknown => Self::Unknown,
            CallbackReceipt::Repeated => Self::Repeated,
        }
    }
}

/// How one callback is answered.
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    status: StatusCode,
    /// What its sender is told; and why it was not taken, for the operator, where that is another thing.
    said: String,
    pub(super) why: Option<String>,
}

impl Verdict {
    pub(super) fn taken(outcome: Outcome) -> Self {
        Self::of(outcome, StatusCode::OK, "success")
    }

    pub(super) fn oversized() -> Self {
        let said = "the body is too large";
        Self::of(Outcome::Oversized, StatusCode::PAYLOAD_TOO_LARGE, said)
    }

    /// Its body did not come to its end in time, or at all.
    pub(super) fn cut_off(said: &str) -> Self {
        Self::of(Outcome::Malformed, StatusCode::REQUEST_TIMEOUT, said)
    }

    /// It is to be sent again. Its sender learns nothing of what is wrong here.
    pub(super) fn failed(why: String) -> Self {
        let said = "it could not be written down: send it again";
        let verdict = Self::of(Outcome::Failed, StatusCode::SERVICE_UNAVAILABLE, said);
        Self {
            why: Some(why),
            ..verdict
        }
    }

    fn of(outcome: Outcome, status: StatusCode, said: impl Into<String>) -> Self {
        Self {
            outcome,
            status,
            said: said.into(),
            why: None,
        }
    }

    /// What the operator is told.
    pub(super) fn told(&self) -> &str {
        self.why.as_deref().unwrap_or(&self.said)
    }
}

impl From<Refused> for Verdict {
    fn from(refused: Refused) -> Self {
        let (outcome, status) = match refused {
            Refused::Unsigned(_) | Refused::OtherApp | Refused::Algorithm | Refused::Forged => {
                (Outcome::Forged, StatusCode::UNAUTHORIZED)
            }
            Refused::Stale(_) => (Outcome::Stale, StatusCode::FORBIDDEN),
            Refused::Malformed => (Outcome::Malformed, StatusCode::BAD_REQUEST),
        };
        Self::of(outcome, status, refused.to_string())
    }
}

impl IntoResponse for Verdict {
    fn into_response(self) -> Response {
        let code = if self.outcome.is_taken() {
            0
        } else {
            self.status.as_u16()
        };
        let body = serde_json::json!({ "errCode": code, "msg": self.said });
        let json = [(header::CONTENT_TYPE, "application/json")];
        let mut answer = (self.status, json, body.to_string()).into_response();
        if matches!(
            self.status,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT
        ) {
            // What is still to come is not read.
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        answer
    }
}
