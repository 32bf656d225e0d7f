//! The outcome of a callback, and the response to it.
//!
//! The service does not repeat a callback that is answered with 200 to 399 (5.9.1). Recorded
//! callbacks are answered so, and authentic ones that do not concern this ledger.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::api::callback::Refused;
use crate::ledger::CallbackReceipt;

/// The outcome of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackOutcome {
    /// It is recorded, and its flow will be polled.
    New,
    /// It was recorded before.
    Repeated,
    /// It is authentic, but its flow is not in this ledger or its action is unknown.
    Unknown,
    /// Its signature is missing, wrong, or for another app.
    Forged,
    /// Its timestamp is too old, or in the future.
    Stale,
    /// Its body is too large.
    Oversized,
    /// It is not a callback, or it is incomplete.
    Malformed,
    /// It could not be recorded.
    Failed,
}

impl CallbackOutcome {
    /// All outcomes.
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

    /// Returns the name in the metrics.
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

    /// Returns whether the response acknowledges the callback.
    pub const fn is_accepted(self) -> bool {
        matches!(self, Self::New | Self::Repeated | Self::Unknown)
    }
}

impl From<CallbackReceipt> for CallbackOutcome {
    fn from(receipt: CallbackReceipt) -> Self {
        match receipt {
            CallbackReceipt::New => Self::New,
            CallbackReceipt::Unknown => Self::Unknown,
            CallbackReceipt::Repeated => Self::Repeated,
        }
    }
}

/// The response to a callback, and the reason for it.
pub(super) struct CallbackResponse {
    pub(super) outcome: CallbackOutcome,
    status: StatusCode,
    /// The message in the response.
    message: String,
    /// The reason for the operator, where it differs from the message.
    details: Option<String>,
}

impl CallbackResponse {
    pub(super) fn accepted(outcome: CallbackOutcome) -> Self {
        Self::of(outcome, StatusCode::OK, "success")
    }

    pub(super) fn oversized() -> Self {
        let message = "the body is too large";
        Self::of(
            CallbackOutcome::Oversized,
            StatusCode::PAYLOAD_TOO_LARGE,
            message,
        )
    }

    /// The response to a body that broke off or did not arrive in time.
    pub(super) fn incomplete(message: &str) -> Self {
        Self::of(
            CallbackOutcome::Malformed,
            StatusCode::REQUEST_TIMEOUT,
            message,
        )
    }

    /// Requests a repeat. The details are for the operator and not sent.
    pub(super) fn failed(details: String) -> Self {
        let message = "the callback could not be recorded: send it again";
        let response = Self::of(
            CallbackOutcome::Failed,
            StatusCode::SERVICE_UNAVAILABLE,
            message,
        );
        Self {
            details: Some(details),
            ..response
        }
    }

    fn of(outcome: CallbackOutcome, status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            outcome,
            status,
            message: message.into(),
            details: None,
        }
    }

    /// Returns the reason for the operator.
    pub(super) fn reason(&self) -> &str {
        self.details.as_deref().unwrap_or(&self.message)
    }
}

impl From<Refused> for CallbackResponse {
    fn from(refused: Refused) -> Self {
        let (outcome, status) = match refused {
            Refused::Unsigned(_) | Refused::OtherApp | Refused::Algorithm | Refused::Forged => {
                (CallbackOutcome::Forged, StatusCode::UNAUTHORIZED)
            }
            Refused::Stale(_) => (CallbackOutcome::Stale, StatusCode::FORBIDDEN),
            Refused::Malformed => (CallbackOutcome::Malformed, StatusCode::BAD_REQUEST),
        };
        Self::of(outcome, status, refused.to_string())
    }
}

impl IntoResponse for CallbackResponse {
    fn into_response(self) -> Response {
        let code = if self.outcome.is_accepted() {
            0
        } else {
            self.status.as_u16()
        };
        let body = serde_json::json!({ "errCode": code, "msg": self.message });
        let json = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status, json, body.to_string()).into_response();
        if matches!(
            self.status,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT
        ) {
            // The rest of the body is not read.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }
}
