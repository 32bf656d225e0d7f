//! Converts a response into the operation's answer or a failure.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Uri, header};
use jiff::Timestamp;

use super::failure::{CallFailure, LossCause};
use super::redactor::Redactor;
use crate::api::{Envelope, ErrorCode, Operation};

/// The longest `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// The headers with which services and gateways identify a request.
const REQUEST_IDS: [&str; 4] = [
    "x-request-id",
    "x-tsign-request-id",
    "x-trace-id",
    "eagleeye-traceid",
];

/// Reads the response to an operation's request. `throttle_codes` are error codes that mean "slow
/// down". If the endpoint has responded before (`has_answered`), a 403 of a gateway concerns this
/// call and not the credentials.
pub(super) fn read<O: Operation>(
    response: &Response<Bytes>,
    throttle_codes: &[i64],
    has_answered: bool,
    redactor: &Redactor<'_>,
) -> Result<O::Answer, CallFailure> {
    let status = response.status();
    let retry_after = retry_after(response.headers(), Timestamp::now());
    let retry_after = retry_after.and_then(RetryAfter::delay);
    let cause = match status {
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => LossCause::TimedOut,
        _ => LossCause::Garbled,
    };
    let unknown = |why: String| {
        Err(CallFailure::Unknown {
            why,
            retry_after,
            cause,
        })
    };
    let envelope: Option<Envelope> = serde_json::from_slice(response.body()).ok();
    match status {
        StatusCode::TOO_MANY_REQUESTS => return Err(CallFailure::Throttled { retry_after }),
        StatusCode::FORBIDDEN if envelope.is_none() && has_answered => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let message = envelope
                .and_then(|envelope| envelope.msg)
                .unwrap_or_default();
            let message = redactor.clean(&message);
            return Err(CallFailure::Credentials(format!(
                "HTTP {} {message}",
                status.as_u16()
            )));
        }
        // After a 408 of a gateway, the call may have taken effect.
        _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            return unknown(format!("HTTP {}", status.as_u16()));
        }
        _ if status.is_redirection() => return Err(redirected(response, redactor)),
        _ => {}
    }
    let Some(envelope) = envelope else {
        if status.is_client_error() {
            return Err(CallFailure::Refused {
                code: ErrorCode(i64::from(status.as_u16())),
                message: t!("the response is not from the API: check the address of the endpoint, and the gateway in front of it").into_owned(),
            });
        }
        return unknown(t!("the response is not JSON of the API").into_owned());
    };
    let code = ErrorCode(envelope.err_code);
    if code.0 == 0 {
        let data = envelope.data.unwrap_or(serde_json::Value::Null);
        return serde_json::from_value(data).or_else(|error| {
            let why = redactor.clean(&without_values(&error.to_string()));
            unknown(
                t!(
                    "the response differs from the API document: %{why}",
                    why = why
                )
                .into_owned(),
            )
        });
    }
    if throttle_codes.contains(&code.0) {
        return Err(CallFailure::Throttled { retry_after });
    }
    let message = envelope
        .msg
        .map(|message| redactor.clean(&message))
        .filter(|message| !message.is_empty());
    let message = message.unwrap_or_else(|| code.message().to_owned());
    if code.is_credential_error() {
        return Err(CallFailure::Credentials(format!("{code} {message}")));
    }
    Err(CallFailure::Refused { code, message })
}

/// Removes the values that a parser's message quotes, because they may be private.
fn without_values(message: &str) -> String {
    let parts = message.split('"').enumerate();
    let parts = parts.map(|(nth, part)| if nth % 2 == 0 { part } else { "\"***\"" });
    parts.collect()
}

/// Returns the service's id of the request, if the response has one.
pub(super) fn request_id(response: &Response<Bytes>) -> Option<&str> {
    let mut ids = REQUEST_IDS.iter();
    ids.find_map(|name| response.headers().get(*name)?.to_str().ok())
}

/// Returns the error code of a response, for the log.
pub(super) fn err_code(response: &Response<Bytes>) -> Option<i64> {
    let envelope: Envelope = serde_json::from_slice(response.body()).ok()?;
    Some(envelope.err_code)
}

/// A `Retry-After` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAfter {
    /// The requested delay.
    Delay(Duration),
    /// An invalid value, or a delay longer than [`MAX_RETRY_AFTER`].
    Ignored,
}

impl RetryAfter {
    /// Returns the delay to honour.
    pub(super) fn delay(self) -> Option<Duration> {
        match self {
            Self::Delay(delay) => Some(delay),
            Self::Ignored => None,
        }
    }
}

/// Reads the `Retry-After` header of a response, which has seconds or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<RetryAfter> {
    let text = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .unwrap_or_default();
    let text = text.trim();
    let delay = match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok().and_then(|date| {
            let date = Timestamp::try_from(date).ok()?;
            // A date in the past means no delay.
            Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
        }),
    };
    let honoured = delay.filter(|delay| *delay <= MAX_RETRY_AFTER);
    Some(honoured.map_or(RetryAfter::Ignored, RetryAfter::Delay))
}

/// Returns the failure of a redirect. Redirects are not followed, because they would send the
/// credentials to another host.
pub(super) fn redirected(response: &Response<Bytes>, redactor: &Redactor<'_>) -> CallFailure {
    let status = response.status().as_u16();
    let location = response.headers().get(header::LOCATION);
    let location = location.and_then(|location| location.to_str().ok()?.parse::<Uri>().ok());
    let host = location.and_then(|location| location.host().map(str::to_owned));
    let to = host.map_or(t!("another address").into_owned(), |host| {
        redactor.clean(&host)
    });
    CallFailure::Refused {
        code: ErrorCode(i64::from(status)),
        message: t!(
            "the endpoint redirects to %{to}, and redirects are not followed: set the endpoint in treaty.yaml to the final address",
            to = to
        ).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_values_that_a_parser_quotes() {
        let message = r#"invalid type: string "张三", expected i64 for `flowStatus`"#;
        assert_eq!(
            without_values(message),
            r#"invalid type: string "***", expected i64 for `flowStatus`"#
        );
    }

    #[test]
    fn honours_retry_after_up_to_five_minutes() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("7", Some(7)),
            (" 300 ", Some(300)),
            ("301", None),
            ("999999", None),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999", None),
            ("Sun, 29 Nov 2026 12:01:00 GMT", Some(60)),
            ("Sun, 29 Nov 2026 11:00:00 GMT", Some(0)),
            ("Fri, 01 Jan 2100 00:00:00 GMT", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().expect("a header"));
            let delay = retry_after(&headers, now).expect("a header");
            let delay = delay.delay().map(|delay| delay.as_secs());
            assert_eq!(delay, expected, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
