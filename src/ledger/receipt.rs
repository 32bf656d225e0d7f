//! The fields of receipts that later steps, commands and reports read.
//!
//! A receipt is stored as JSON and has all fields of the response; the others are ignored here. A
//! field that is missing or has another type is absent.

use serde::Serialize;
use serde_json::Value;

use crate::address::{AccountId, DocId, FlowId};

/// The JSON path of [`Receipt::doc_id`].
pub(super) const DOC_ID: &str = "$.docId";
/// The JSON path of [`Receipt::flow_id`].
pub(super) const FLOW_ID: &str = "$.flowId";
/// The JSON path of [`Receipt::account_id`].
pub(super) const ACCOUNT_ID: &str = "$.accountId";
/// The JSON path of [`Receipt::sign_url`].
pub(super) const SIGN_URL: &str = "$.signUrl";
/// The JSON path of [`Receipt::sign_short_url`].
pub(super) const SIGN_SHORT_URL: &str = "$.signShortUrl";

/// The fields of [`Receipt`] that treaty adds to a response.
pub const ADDED_MARKS: [&str; 2] = ["both", "platform"];

/// The receipt of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The document that the step created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc_id: Option<DocId>,
    /// The flow that the step created, or to which it added an automatic signer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<FlowId>,
    /// The account of the signer that the step added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// The organization for which the signer signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_org_id: Option<AccountId>,
    /// Whether the signer may also sign for itself beside the organization: whether the field is
    /// there, with any value. One of [`ADDED_MARKS`].
    #[serde(skip_serializing_if = "is_unset")]
    pub both: bool,
    /// Whether the signer is the platform, so that `account_id` is the account that the response
    /// names, if any: whether the field is there, with any value. One of [`ADDED_MARKS`].
    #[serde(skip_serializing_if = "is_unset")]
    pub platform: bool,
    /// The signing link of a signer who was asked to sign; empty if the link is unknown. Absent for
    /// automatic signers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_url: Option<String>,
    /// The short signing link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_short_url: Option<String>,
    /// The files that the step downloaded. Their receipt is a list.
    #[serde(skip)]
    pub files: Vec<DownloadedFile>,
}

/// A downloaded document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DownloadedFile {
    /// The document.
    pub doc_id: Option<DocId>,
    /// The path, relative to the project's folder.
    pub path: Option<String>,
    /// The size in bytes.
    pub size: Option<u64>,
    /// The SHA-256 digest, hexadecimal.
    pub sha256: Option<String>,
}

impl Receipt {
    /// Reads a receipt as the ledger stores it.
    pub fn from_json(json: &Value) -> Self {
        let text = |name: &str| json.get(name)?.as_str();
        let is_present = |name: &str| json.get(name).is_some();
        let files = json.as_array().into_iter().flatten();
        Self {
            doc_id: text("docId").map(DocId::from),
            flow_id: text("flowId").map(FlowId::from),
            account_id: text("accountId").map(AccountId::from),
            authorization_org_id: text("authorizationOrgId").map(AccountId::from),
            both: is_present("both"),
            platform: is_present("platform"),
            sign_url: text("signUrl").map(str::to_owned),
            sign_short_url: text("signShortUrl").map(str::to_owned),
            files: files.map(DownloadedFile::from_json).collect(),
        }
    }

    /// Returns the receipt as the ledger stores it, without downloaded files.
    pub fn to_json(&self) -> Value {
        // Plain data with text keys, which JSON can always express.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl DownloadedFile {
    fn from_json(json: &Value) -> Self {
        let text = |name: &str| json.get(name)?.as_str();
        Self {
            doc_id: text("docId").map(DocId::from),
            path: text("path").map(str::to_owned),
            size: json.get("size").and_then(Value::as_u64),
            sha256: text("sha256").map(str::to_owned),
        }
    }
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
        let files = Receipt::from_json(&json!([file, { "path": "b.pdf" }, 1])).files;
        let paths: Vec<_> = files.iter().map(|file| file.path.as_deref()).collect();
        assert_eq!(paths, [Some("a.pdf"), Some("b.pdf"), None]);
        let known = json!({ "docId": "d1", "path": "a.pdf", "size": 9, "sha256": "0f" });
        assert_eq!(serde_json::to_value(&files[0]).expect("JSON"), known);
    }

    #[test]
    fn writes_only_the_fields_that_are_set() {
        let receipt = Receipt {
            account_id: Some("a1".into()),
            sign_url: Some(String::new()),
            ..Receipt::default()
        };
        let json = json!({ "accountId": "a1", "signUrl": "" });
        assert_eq!(receipt.to_json(), json);
    }

    #[test]
    fn reads_the_fields_that_it_writes() {
        let receipt = Receipt {
            doc_id: Some("d1".into()),
            flow_id: Some("f1".into()),
            account_id: Some("a1".into()),
            authorization_org_id: Some("o1".into()),
            both: true,
            platform: true,
            sign_url: Some("https://sign".to_owned()),
            sign_short_url: Some("https://s".to_owned()),
            files: Vec::new(),
        };
        let json = receipt.to_json();
        assert_eq!(Receipt::from_json(&json), receipt);
        let paths = [DOC_ID, FLOW_ID, ACCOUNT_ID, SIGN_URL, SIGN_SHORT_URL];
        let values = paths.map(|path| &json[&path[2..]]);
        assert_eq!(values, ["d1", "f1", "a1", "https://sign", "https://s"]);
        assert!(ADDED_MARKS.iter().all(|mark| json[mark] == true));
    }
}
