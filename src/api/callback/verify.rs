//! Whether a callback is the service's own, and what it tells (sections 5.9.2 to 5.9.4): headers, query and body → the
//! flow that something has happened to, or why it is refused.
//!
//! The signature is checked before the body is looked into. Of the body nothing is taken but the flow: a callback is a
//! hint, and the detail operation is the truth.

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

/// An id that is longer is none.
const LONGEST_ID: usize = 128;

/// What a verified callback tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifiedCallback {
    /// Something has happened to a flow: a signer acted (5.9.3), or it ended (5.9.4).
    Flow(FlowId),
    /// It is of a kind that the document does not know.
    Other,
}

/// Why a callback is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A header that a signed callback has is missing or is no such thing.
    #[error("{0} is missing or malformed")]
    Unsigned(&'static str),
    /// It is for another app.
    #[error("it is for another app")]
    OtherApp,
    /// It is signed in another way than by HMAC-SHA256.
    #[error("it is not signed by hmac-sha256")]
    Algorithm,
    /// The signature does not belong to what was sent.
    #[error("the signature is wrong")]
    Forged,
    /// It was signed too long ago, or is signed for later: the seconds between its clock and ours.
    #[error("its timestamp is {0} s away from now")]
    Stale(i64),
    /// What it says is no callback.
    #[error("the body is no callback of section 5.9")]
    Malformed,
}

/// What callbacks to one app are held against.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// The app's id.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: SecretString,
    /// How far a timestamp may lie in the past or in the future.
    pub max_age: SignedDuration,
}

impl Verifier {
    /// What a callback tells, if it is the service's own and not older than it may be. `query` is what stands after the
    /// `?` of the address, as it was sent.
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
        if text(headers, APP_ID_HEADER).is_some_and(|app| app != self.app_id.as_bytes()) {
            return Err(Refused::OtherApp);
        }
        let hmac_sha256 = |name: &[u8]| name.eq_ignore_ascii_case(ALGORITHM.as_bytes());
        if text(headers, ALGORITHM_HEADER).is_some_and(|name| !hmac_sha256(name)) {
            return Err(Refused::Algorithm);
        }
        let timestamp = text(headers, TIMESTAMP_HEADER).filter(|text| is_timestamp(text));
        let timestamp = timestamp.ok_or(Refused::Unsigned(TIMESTAMP_HEADER))?;
        let signature = text(headers, SIGNATURE_HEADER).and_then(signature);
        let signature = signature.ok_or(Refused::Unsigned(SIGNATURE_HEADER))?;
        if !self.has_signed(timestamp, query, body, &signature) {
            return Err(Refused::Forged);
        }
        // Thirteen digits are far below what the type holds.
        let milliseconds = timestamp
            .iter()
            .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        let away = now.as_millisecond() - milliseconds;
        if SignedDuration::from_millis(away.abs()) > self.max_age {
            return Err(Refused::Stale(away / 1000));
        }
        Ok(())
    }

    /// Whether the signature is ours over timestamp, query and body, the query in any of the forms that senders use.
    fn has_signed(&self, timestamp: &[u8], query: &str, body: &[u8], signature: &[u8]) -> bool {
        let secret = self.app_secret.expose_secret().as_bytes();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
            // HMAC takes a key of any length.
            return false;
        };
        mac.update(timestamp);
        query_texts(query).iter().any(|values| {
            let mut mac = mac.clone();
            mac.update(values);
            mac.update(body);
            // Compares in constant time.
            mac.verify_slice(signature).is_ok()
        })
    }
}

/// The value of a header, without blanks around it.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get(name).map(|value| value.as_bytes().trim_ascii())
}

/// Milliseconds since 1970, in thirteen digits.
fn is_timestamp(text: &[u8]) -> bool {
    text.len() == 13 && text.iter().all(u8::is_ascii_digit)
}

/// The bytes of a signature in hexadecimal, in either case, or in Base64.
fn signature(text: &[u8]) -> Option<Vec<u8>> {
    let bytes = match text.len() {
        64 => hex::decode(text).ok(),
        _ => STANDARD.decode(text).ok(),
    };
    bytes.filter(|bytes| bytes.len() == 32)
}

/// What senders sign of a query: the values in ascending order of their keys, decoded as forms are, decoded as
/// addresses are, or as they were sent; or nothing of it.
fn query_texts(query: &str) -> Vec<Vec<u8>> {
    let mut texts = vec![Vec::new()];
    if !query.is_empty() {
        let forms: [fn(&str) -> Vec<u8>; 3] = [
            |part| decoded(part, true),
            |part| decoded(part, false),
            |part| part.as_bytes().to_vec(),
        ];
        for form in forms {
            let text = values(query, form);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

fn values(query: &str, form: fn(&str) -> Vec<u8>) -> Vec<u8> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (form(key), form(value)))
        .collect();
    pairs.sort();
    pairs.into_iter().flat_map(|(_, value)| value).collect()
}

/// Bytes for their percent signs; what is no such sign stands for itself.
fn decoded(text: &str, plus_is_blank: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let coded = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| hex::decode(digits).ok());
        rest = match coded {
            Some(byte) => {
                bytes.extend(byte);
                &after[2..]
            }
            None => {
                let blank = first == b'+' && plus_is_blank;
                bytes.push(if blank { b' ' } else { first });
                after
            }
        };
    }
    bytes
}

/// The part of a callback that matters. Whatever else it says may be there, be missing, or be new.
#[derive(Deserialize)]
struct Said {
    #[serde(deserialize_with = "liberal::text")]
    action: String,
    #[serde(default, rename = "flowId", deserialize_with = "liberal::optional_id")]
    flow_id: Option<FlowId>,
}

fn read(body: &[u8]) -> Result<VerifiedCallback, Refused> {
    let said: Said = serde_json::from_slice(body).map_err(|_| Refused::Malformed)?;
    match (said.action.as_str(), said.flow_id) {
        ("SIGN_FLOW_UPDATE" | "SIGN_FLOW_FINISH", Some(flow))
            if flow.as_str().len() <= LONGEST_ID =>
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
    fn queries_are_taken_in_every_form_that_senders_sign() {
        let texts = |query: &str| -> Vec<String> {
            let texts = query_texts(query).into_iter();
            texts
                .map(|text| String::from_utf8_lossy(&text).into_owned())
                .collect()
        };
        assert_eq!(texts(""), [""]);
        assert_eq!(texts("b=2&a=1&&c"), ["", "12"]);
        assert_eq!(texts("a=x+y%20z"), ["", "x y z", "x+y z", "x+y%20z"]);
        assert_eq!(texts("b=%E4%B8%9C&a=%"), ["", "%东", "%%E4%B8%9C"]);
        // Ordered by what the keys mean, and by how they are written.
        assert_eq!(texts("%62=1&a=2"), ["", "21", "12"]);
    }

    #[test]
    fn only_flow_and_action_matter() {
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
