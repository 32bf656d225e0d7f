//! Redacts request and response bodies for logs: field names stay, possibly private values do not.

use serde_json::Value;

/// The fields without personal data: ids, codes, positions, sizes, times.
const PUBLIC: [&str; 44] = [
    "accountId",
    "addSignTime",
    "agentAccountId",
    "authorizationOrgId",
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
    "thirdOrderNo",
    "timestamp",
    "type",
    "width",
    "willType",
];

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

/// Returns the private texts of a request, so that they can be removed from error messages. Texts
/// of one character are left out.
pub(crate) fn private_values(body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(mut value) = serde_json::from_slice(body) {
        each_private(&mut value, &mut |value| {
            if let Value::String(text) = value
                && text.chars().nth(1).is_some()
            {
                found.push(text.clone());
            }
        });
    }
    found
}

fn redact(value: &mut Value) {
    each_private(value, &mut |value| *value = Value::from("***"));
}

/// Visits all texts and numbers outside of public fields.
fn each_private(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_public =
                    PUBLIC.contains(&name.as_str()) && !value.is_object() && !value.is_array();
                if !is_public {
                    each_private(value, visit);
                }
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| each_private(value, visit)),
        Value::String(_) | Value::Number(_) => visit(value),
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
        let body =
            r#"{"name":"张三","accountId":"a1","fields":{"n":"伍万","x":"y"},"list":["王"]}"#;
        assert_eq!(private_values(body.as_bytes()), ["伍万", "张三"]);
    }
}
