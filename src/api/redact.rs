//! Redacts request and response bodies for logs: field names stay, possibly private values do not.

use serde_json::Value;

/// The fields without personal data: ids, codes, positions, sizes, times.
const PUBLIC: [&str; 46] = [
    "accountId",
    "addSignTime",
    "agentAccountId",
    "authorizationOrgId",
    "color",
    "contentMd5",
    "contentType",
    "creatorId",
    "docId",
    "docType",
    "encryption",
    "errCode",
    "errShow",
    "fileKey",
    "fileSize",
    "flowId",
    "flowStatus",
    "height",
    "idType",
    "initiatorAccountId",
    "legalIdType",
    "mimeType",
    "noticeType",
    "organType",
    "payer",
    "posPage",
    "posType",
    "posX",
    "posY",
    "receiveTime",
    "scale",
    "sealId",
    "sealType",
    "sequence",
    "signPlatform",
    "signStatus",
    "signTime",
    "signType",
    "signValidity",
    "templateId",
    "templateType",
    "thirdOrderNo",
    "timestamp",
    "type",
    "width",
    "willType",
];

/// The fields with secrets.
const SECRET: [&str; 1] = ["docPwd"];

/// Returns a JSON body in which the values of all other fields are replaced by `***`. For any other
/// body, returns its size.
pub(crate) fn redacted(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            redact(&mut value);
            value.to_string()
        }
        Err(_) => format!("{} bytes that are not JSON", body.len()),
    }
}

/// A private value of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrivateValue {
    /// The value as text.
    pub(crate) text: String,
    /// Whether it is a secret, such as a password.
    pub(crate) is_secret: bool,
}

/// Returns the private texts and numbers of a request, so that they can be masked in messages.
pub(crate) fn private_values(body: &[u8]) -> Vec<PrivateValue> {
    let mut found = Vec::new();
    if let Ok(mut value) = serde_json::from_slice(body) {
        each_private("", &mut value, &mut |field, value| {
            found.push(PrivateValue {
                text: match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                },
                is_secret: SECRET.contains(&field),
            });
        });
    }
    found
}

fn redact(value: &mut Value) {
    each_private("", value, &mut |_, value| *value = Value::from("***"));
}

/// Visits all texts and numbers outside of public fields, with the names of their fields.
fn each_private(field: &str, value: &mut Value, visit: &mut impl FnMut(&str, &mut Value)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_public =
                    PUBLIC.contains(&name.as_str()) && !value.is_object() && !value.is_array();
                if !is_public {
                    each_private(name, value, visit);
                }
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| each_private(field, value, visit)),
        Value::String(_) | Value::Number(_) => visit(field, value),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacts_all_values_except_ids_and_codes() {
        let body = r#"{"errCode":0,"msg":"ok 张三","data":[{"accountId":"a","name":"张三","idNo":330106,"posX":1.5,"ok":true,"docId":{"mobile":"135"},"type":["张三"]}]}"#;
        assert_eq!(
            redacted(body.as_bytes()),
            r#"{"data":[{"accountId":"a","docId":{"mobile":"***"},"idNo":"***","name":"***","ok":true,"posX":1.5,"type":["***"]}],"errCode":0,"msg":"***"}"#
        );
        assert_eq!(redacted(b"<html>"), "6 bytes that are not JSON");
    }

    #[test]
    fn finds_the_private_values_of_a_request() {
        let body = r#"{"accountId":"a1","docPwd":"pw","fields":{"n":"伍万","x":7,"y":true},"list":["王"]}"#;
        let values = private_values(body.as_bytes()).into_iter();
        let values: Vec<_> = values.map(|value| (value.text, value.is_secret)).collect();
        let expected = [("pw", true), ("伍万", false), ("7", false), ("王", false)];
        assert_eq!(
            values,
            expected.map(|(text, secret)| (text.to_owned(), secret))
        );
    }
}
