//! Warnings about characters that the embedded font cannot display.
//!
//! The real service has more fonts. In the sandbox such a character is an empty box in a form, and
//! is left out of seals and signatures.

use serde_json::Value;

use crate::api::operation::Op;
use crate::pdf;

/// Returns the texts of a request that may be drawn, each with its field name.
fn drawn_texts(op: Op, request: &Value) -> Vec<(&str, &str)> {
    let fields: &[&str] = match op {
        Op::CreatePerson | Op::CreateOrganization | Op::UpdatePerson | Op::UpdateOrganization => {
            &["name"]
        }
        Op::CreatePersonSeal | Op::CreateOrganizationSeal => &["text", "hText", "qText"],
        Op::CreateByTemplate => {
            let fields = request["simpleFormFields"].as_object();
            let texts = fields.into_iter().flatten();
            return texts
                .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
                .collect();
        }
        _ => &[],
    };
    let texts = fields.iter();
    texts
        .filter_map(|name| Some((*name, request[*name].as_str()?)))
        .collect()
}

/// Returns a warning if a request has characters that the font lacks. The warning contains the
/// code points and the field names, but no other data of the request.
pub(super) fn missing_glyphs_warning(op: Op, request: &Value) -> Option<String> {
    let texts = drawn_texts(op, request);
    if texts.iter().all(|(_, text)| text.is_ascii()) {
        return None;
    }
    let (mut fields, mut missing) = (Vec::new(), Vec::new());
    for (name, text) in texts {
        for character in pdf::missing_characters(text) {
            if !missing.contains(&character) {
                missing.push(character);
            }
            if !fields.contains(&name) {
                fields.push(name);
            }
        }
    }
    if missing.is_empty() {
        return None;
    }
    let code_points: Vec<String> = missing
        .into_iter()
        .map(|character| format!("U+{:04X}", u32::from(character)))
        .collect();
    Some(format!(
        "{op}: the sandbox font cannot display {} in {}",
        code_points.join(", "),
        fields.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_of_missing_glyphs_by_code_point_and_field() {
        let person = |name: &str| {
            let request = serde_json::json!({ "name": name, "idNo": "😀" });
            missing_glyphs_warning(Op::CreatePerson, &request)
        };
        assert_eq!(person("张三丰 Zhang"), None);
        let warning = person("𠮷😀三").expect("a warning");
        assert!(warning.starts_with("account/create/person: "), "{warning}");
        assert!(warning.ends_with("U+20BB7, U+1F600 in name"), "{warning}");
        let form = serde_json::json!({ "lender": "甲", "borrower": "𠮷" });
        let fields = serde_json::json!({ "simpleFormFields": form, "name": "😀" });
        let warning = missing_glyphs_warning(Op::CreateByTemplate, &fields);
        let warning = warning.expect("a warning");
        assert!(warning.ends_with("U+20BB7 in borrower"), "{warning}");
        let other = missing_glyphs_warning(Op::ExchangeId, &fields);
        assert_eq!(other, None);
    }
}
