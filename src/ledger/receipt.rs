//! The fields of receipts that later steps, commands and reports read.
//!
//! A receipt is stored as JSON and has all fields of the response; the others are ignored here. A
//! field that is missing or has another type is absent.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::address::{AccountId, DocId, FlowId};

/// The JSON path of [`Receipt::flow_id`].
pub(super) const FLOW_ID: &str = "$.flowId";
/// The JSON path of [`Receipt::account_id`].
pub(super) const ACCOUNT_ID: &str = "$.accountId";
/// The JSON path of [`Receipt::sign_url`].
pub(super) const SIGN_URL: &str = "$.signUrl";

/// The fields of [`Receipt`] that treaty adds to a response.
pub const ADDED_MARKS: [&str; 2] = ["both", "platform"];

/// The receipt of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Receipt {
    /// The document that the step created.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub doc_id: Option<DocId>,
    /// The flow that the step created, or to which it added an automatic signer.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<FlowId>,
    /// The account of the signer that the step added.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// The organization for which the signer signs.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub authorization_org_id: Option<AccountId>,
    /// Whether the signer may also sign for itself beside the organization. One of [`ADDED_MARKS`].
    #[serde(deserialize_with = "is_present", skip_serializing_if = "is_unset")]
    pub both: bool,
    /// Whether the signer is the platform, so that `account_id` is the account that the response
    /// names, if any. One of [`ADDED_MARKS`].
    #[serde(deserialize_with = "is_present", skip_serializing_if = "is_unset")]
    pub platform: bool,
    /// The signing link of a signer who was asked to sign; empty if the link is unknown. Absent for
    /// automatic signers.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub sign_url: Option<String>,
    /// The short signing link.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub sign_short_url: Option<String>,
    /// The files that the step downloaded. Their receipt is a list.
    #[serde(skip)]
    pub files: Vec<DownloadedFile>,
}

/// A downloaded document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DownloadedFile {
    /// The document.
    #[serde(deserialize_with = "text")]
    pub doc_id: Option<DocId>,
    /// The path, relative to the project's folder.
    #[serde(deserialize_with = "text")]
    pub path: Option<String>,
    /// The size in bytes.
    pub size: usize,
    /// The SHA-256 digest, hexadecimal.
    #[serde(deserialize_with = "text")]
    pub sha256: Option<String>,
}

impl Receipt {
    /// Reads a receipt as the ledger stores it.
    pub fn from_json(json: &Value) -> Self {
        match json {
            Value::Object(_) => Self::deserialize(json).unwrap_or_default(),
            Value::Array(files) => {
                let files = files.iter().map(DownloadedFile::deserialize);
                Self {
                    files: files.flatten().collect(),
                    ..Self::default()
                }
            }
            _ => Self::default(),
        }
    }

    /// Returns the receipt as the ledger stores it, without downloaded files.
    pub fn to_json(&self) -> Value {
        // Plain data with text keys, which JSON can always express.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Deserializes a text, which may be empty; none for any other type.
fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> From<&'a str>,
{
    Ok(Value::deserialize(deserializer)?.as_str().map(T::from))
}

/// Deserializes a mark: a field of any value sets it.
fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_unset(mark: &bool) -> bool {
    !mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_receipts_of_older_versions() {
        let person = Receipt {
            account_id: Some("a1".into()),
            sign_url: Some("https://sign".to_owned()),
            ..Receipt::default()
        };
        let company = Receipt {
            authorization_org_id: Some("o1".into()),
            both: true,
            sign_url: Some(String::new()),
            sign_short_url: Some("https://s".to_owned()),
            ..person.clone()
        };
        let platform = Receipt {
            flow_id: Some("f1".into()),
            account_id: Some("a1".into()),
            platform: true,
            ..Receipt::default()
        };
        for (json, expected) in [
            (
                json!({ "accountId": "a1", "signUrl": "https://sign", "thirdOrderNo": "1", "new": [1] }),
                person,
            ),
            (
                json!({ "accountId": "a1", "authorizationOrgId": "o1", "both": true, "signUrl": "",
                    "signShortUrl": "https://s" }),
                company,
            ),
            (
                json!({ "flowId": "f1", "accountId": "a1", "platform": true }),
                platform,
            ),
            (json!({}), Receipt::default()),
            (json!(null), Receipt::default()),
            (json!("text"), Receipt::default()),
        ] {
            assert_eq!(Receipt::from_json(&json), expected, "{json}");
        }
    }

    #[test]
    fn an_absent_text_differs_from_an_empty_one() {
        let sign_url = |json: Value| Receipt::from_json(&json).sign_url;
        assert_eq!(sign_url(json!({ "signUrl": "" })), Some(String::new()));
        for absent in [
            json!({}),
            json!({ "signUrl": null }),
            json!({ "signUrl": 1 }),
        ] {
            assert_eq!(sign_url(absent), None);
        }
        let receipt = Receipt::from_json(&json!({ "flowId": "", "docId": 1, "accountId": "a1" }));
        assert_eq!(receipt.flow_id, Some("".into()));
        assert_eq!(receipt.doc_id, None);
        assert_eq!(receipt.account_id, Some("a1".into()));
    }

    #[test]
    fn reads_the_files_of_a_download() {
        let file = json!({ "docId": "d1", "path": "a.pdf", "size": 9, "sha256": "0f", "new": 1 });
        let files = Receipt::from_json(&json!([file, { "path": "b.pdf" }, "c.pdf"])).files;
        let paths: Vec<_> = files.iter().map(|file| file.path.as_deref()).collect();
        assert_eq!(paths, [Some("a.pdf"), Some("b.pdf")]);
        let known = json!({ "docId": "d1", "path": "a.pdf", "size": 9, "sha256": "0f" });
        assert_eq!(serde_json::to_value(&files[0]).expect("JSON"), known);
    }

    #[test]
    fn writes_only_the_fields_that_are_set() {
        let receipt = Receipt {
            account_id: Some("a1".into()),
            both: true,
            sign_url: Some(String::new()),
            ..Receipt::default()
        };
        let json = json!({ "accountId": "a1", "both": true, "signUrl": "" });
        assert_eq!(receipt.to_json(), json);
        assert_eq!(Receipt::default().to_json(), json!({}));
    }

    #[test]
    fn the_constants_name_the_fields() {
        let receipt = Receipt {
            both: true,
            platform: true,
            flow_id: Some("f1".into()),
            account_id: Some("a1".into()),
            sign_url: Some("https://sign".to_owned()),
            ..Receipt::default()
        };
        let json = receipt.to_json();
        let values = [FLOW_ID, ACCOUNT_ID, SIGN_URL].map(|path| &json[&path[2..]]);
        assert_eq!(values, ["f1", "a1", "https://sign"]);
        assert!(ADDED_MARKS.iter().all(|mark| json[mark] == true));
    }
}
