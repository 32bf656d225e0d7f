//! Verification of callbacks (sections 5.9.2 to 5.9.4): headers, query and body → the id of the
//! changed flow, or the reason of the refusal.
//!
//! The signature is verified before the body is parsed. Only the flow id of the body is used. The
//! state of the flow is always read with the detail operation.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use super::{ALGORITHM, ALGORITHM_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::address::FlowId;
use crate::api::{APP_ID_HEADER, liberal};

/// The maximum length of a flow id in bytes.
const MAX_ID_BYTES: usize = 128;

/// The content of a verified callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifiedCallback {
    /// A flow changed: a signer acted (5.9.3), or the flow ended (5.9.4).
    Flow(FlowId),
    /// A callback type that the API document does not list.
    Other,
}

/// The reason why a callback is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A required header is missing or malformed.
    #[error("{0} is missing or malformed")]
    Unsigned(&'static str),
    /// The callback is for another app.
    #[error("the callback is for another app")]
    OtherApp,
    /// The signature algorithm is not HMAC-SHA256.
    #[error("the signature algorithm is not hmac-sha256")]
    Algorithm,
    /// The signature does not match timestamp, query and body.
    #[error("the signature does not match")]
    Forged,
    /// The timestamp is too far from the current time; the difference in seconds, positive for the
    /// past.
    #[error("the timestamp differs from the current time by {0} s")]
    Stale(i64),
    /// The body is not a callback.
    #[error("the body is not a callback of section 5.9")]
    Malformed,
}

/// Verifies callbacks to one app.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// The app id.
    pub app_id: String,
    /// The app secret.
    pub app_secret: SecretString,
    /// The maximum difference between the timestamp and the current time.
    pub max_age: SignedDuration,
}

impl Verifier {
    /// Verifies a callback and returns its content. `query` is the part of the URL after `?`, as it
    /// was sent.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<VerifiedCallback, Refused> {
        self.authenticate(headers, query.unwrap_or_default(), body, now)?;
        read(body)
    }

    fn authenticate(
        &self,
        headers: &HeaderMap,
        query: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Refused> {
        if header(headers, APP_ID_HEADER).is_some_and(|app| app != self.app_id.as_bytes()) {
            return Err(Refused::OtherApp);
        }
        let hmac_sha256 = |name: &[u8]| name.eq_ignore_ascii_case(ALGORITHM.as_bytes());
        if header(headers, ALGORITHM_HEADER).is_some_and(|name| !hmac_sha256(name)) {
            return Err(Refused::Algorithm);
        }
        let timestamp = header(headers, TIMESTAMP_HEADER).filter(|text| is_timestamp(text));
        let timestamp = timestamp.ok_or(Refused::Unsigned(TIMESTAMP_HEADER))?;
        let signature = header(headers, SIGNATURE_HEADER).and_then(decode_signature);
        let signature = signature.ok_or(Refused::Unsigned(SIGNATURE_HEADER))?;
        if !self.is_signature_valid(timestamp, query, body, &signature) {
            return Err(Refused::Forged);
        }
        // Thirteen digits fit into an i64.
        let milliseconds = timestamp
            .iter()
            .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        let difference = now.as_millisecond() - milliseconds;
        if SignedDuration::from_millis(difference.abs()) > self.max_age {
            return Err(Refused::Stale(difference / 1000));
        }
        Ok(())
    }

    /// Whether the signature matches timestamp, query and body, with the query in any form that
    /// senders use.
    fn is_signature_valid(
        &self,
        timestamp: &[u8],
        query: &str,
        body: &[u8],
        signature: &[u8],
    ) -> bool {
        let secret = self.app_secret.expose_secret().as_bytes();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
            // HMAC takes a key of any length.
            return false;
        };
        mac.update(timestamp);
        signed_query_forms(query).iter().any(|values| {
            let mut mac = mac.clone();
            mac.update(values);
            mac.update(body);
            // Compares in constant time.
            mac.verify_slice(signature).is_ok()
        })
    }
}

/// Returns the trimmed value of a header.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get(name).map(|value| value.as_bytes().trim_ascii())
}

/// Whether the text is a timestamp: milliseconds since 1970, in thirteen digits.
fn is_timestamp(text: &[u8]) -> bool {
    text.len() == 13 && text.iter().all(u8::is_ascii_digit)
}

/// Decodes a signature from hexadecimal, in upper or lower case, or from Base64.
fn decode_signature(text: &[u8]) -> Option<Vec<u8>> {
    let bytes = match text.len() {
        64 => hex::decode(text).ok(),
        _ => STANDARD.decode(text).ok(),
    };
    bytes.filter(|bytes| bytes.len() == 32)
}

/// Returns the forms in which senders sign a query: nothing, or the values in ascending order of
/// their keys, decoded as a form, percent-decoded, or as sent.
fn signed_query_forms(query: &str) -> Vec<Vec<u8>> {
    let mut texts = vec![Vec::new()];
    if !query.is_empty() {
        let forms: [fn(&str) -> Vec<u8>; 3] = [
            |part| percent_decode(part, true),
            |part| percent_decode(part, false),
            |part| part.as_bytes().to_vec(),
        ];
        for form in forms {
            let text = sorted_values(query, form);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

fn sorted_values(query: &str, form: fn(&str) -> Vec<u8>) -> Vec<u8> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (form(key), form(value)))
        .collect();
    pairs.sort();
    pairs.into_iter().flat_map(|(_, value)| value).collect()
}

/// Percent-decodes a text. Invalid sequences stay unchanged.
fn percent_decode(text: &str, plus_is_space: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let decoded = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| hex::decode(digits).ok());
        rest = match decoded {
            Some(byte) => {
                bytes.extend(byte);
                &after[2..]
            }
            None => {
                let is_space = first == b'+' && plus_is_space;
                bytes.push(if is_space { b' ' } else { first });
                after
            }
        };
    }
    bytes
}

/// The fields that are used. All other fields are ignored.
#[derive(Deserialize)]
struct Payload {
    #[serde(deserialize_with = "liberal::text")]
    action: String,
    #[serde(default, rename = "flowId", deserialize_with = "liberal::optional_id")]
    flow_id: Option<FlowId>,
}

fn read(body: &[u8]) -> Result<VerifiedCallback, Refused> {
    let payload: Payload = serde_json::from_slice(body).map_err(|_| Refused::Malformed)?;
    match (payload.action.as_str(), payload.flow_id) {
        ("SIGN_FLOW_UPDATE" | "SIGN_FLOW_FINISH", Some(flow))
            if flow.as_str().len() <= MAX_ID_BYTES =>
        {
            Ok(VerifiedCallback::Flow(flow))
        }
        ("SIGN_FLOW_UPDATE" | "SIGN_FLOW_FINISH", _) => Err(Refused::Malformed),
        _ => Ok(VerifiedCallback::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_all_signed_forms_of_a_query() {
        let texts = |query: &str| -> Vec<String> {
            let texts = signed_query_forms(query).into_iter();
            texts
                .map(|text| String::from_utf8_lossy(&text).into_owned())
                .collect()
        };
        assert_eq!(texts(""), [""]);
        assert_eq!(texts("b=2&a=1&&c"), ["", "12"]);
        assert_eq!(texts("a=x+y%20z"), ["", "x y z", "x+y z", "x+y%20z"]);
        assert_eq!(texts("b=%E4%B8%9C&a=%"), ["", "%东", "%%E4%B8%9C"]);
        // The order of the decoded keys can differ from that of the raw keys.
        assert_eq!(texts("%62=1&a=2"), ["", "21", "12"]);
    }

    #[test]
    fn reads_only_action_and_flow_id() {
        let flow = |id: &str| Ok(VerifiedCallback::Flow(FlowId::from(id)));
        let long = format!(
            r#"{{"action":"SIGN_FLOW_FINISH","flowId":"{}"}}"#,
            "1".repeat(129)
        );
        for (body, expected) in [
            (r#"{"action":"SIGN_FLOW_UPDATE","flowId":"1"}"#, flow("1")),
            (
                r#"{"action":"SIGN_FLOW_FINISH","flowId":123456789012345678,"flowStatus":"x"}"#,
                flow("123456789012345678"),
            ),
            (
                r#"{"flowId":7,"signResult":99,"action":"SIGN_FLOW_UPDATE"}"#,
                flow("7"),
            ),
            (
                r#"{"action":"SOMETHING_NEW","flowId":"1"}"#,
                Ok(VerifiedCallback::Other),
            ),
            (r#"{"action":"SOMETHING_NEW"}"#, Ok(VerifiedCallback::Other)),
            (
                r#"{"action":"SIGN_FLOW_UPDATE","flowId":""}"#,
                Err(Refused::Malformed),
            ),
            (r#"{"action":"SIGN_FLOW_UPDATE"}"#, Err(Refused::Malformed)),
            (
                r#"{"action":"SIGN_FLOW_UPDATE","flowId":["1"]}"#,
                Err(Refused::Malformed),
            ),
            (
                r#"{"action":"SIGN_FLOW_UPDATE","flowId":"1","flowId":"2"}"#,
                Err(Refused::Malformed),
            ),
            (&long, Err(Refused::Malformed)),
            (r#"{"flowId":"1"}"#, Err(Refused::Malformed)),
            ("[]", Err(Refused::Malformed)),
            ("", Err(Refused::Malformed)),
        ] {
            assert_eq!(read(body.as_bytes()), expected, "{body}");
        }
    }
}
