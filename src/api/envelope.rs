//! The envelope of all responses (section 4.1).

use serde::{Deserialize, Deserializer, Serialize};

use super::liberal;

/// `{"errCode": 0, "msg": "...", "data": ...}`. Unknown members are ignored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// The error code: 0 is success; section 6 lists the others.
    #[serde(rename = "errCode", deserialize_with = "liberal::integer")]
    pub err_code: i64,
    /// The error message of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
    /// The answer of the operation; absent or null if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

/// The answer of an operation without an answer. Any `data` is accepted and ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer)?;
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_codes_from_numbers_and_text() {
        for body in [
            r#"{"errCode":1435204,"msg":"账号不存在"}"#,
            r#"{"errCode":"1435204","msg":null,"data":null,"errShow":true}"#,
        ] {
            let envelope: Envelope = serde_json::from_str(body).expect("an envelope");
            assert_eq!(envelope.err_code, 1_435_204);
        }
        assert!(serde_json::from_str::<Envelope>("<html>").is_err());
    }
}
