//! Characters that the shipped font cannot show: a request that was served → a line that says so.
//!
//! The service has more fonts. Here such a character is an empty box in a form, and is left out of seals and signatures.

use serde_json::Value;
use ttf_parser::Face;

use crate::api::operation::Op;
use crate::pdf;

/// The texts of a request that are drawn sooner or later, each with its field.
fn texts(op: Op, request: &Value) -> Vec<(&str, &str)> {
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

/// What cannot be shown of a request, if anything. It names characters by their numbers, and nothing else of what was sent.
pub(super) fn unshown(op: Op, body: &[u8]) -> Option<String> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let texts = texts(op, &request);
    if texts.iter().all(|(_, text)| text.is_ascii()) {
        return None;
    }
    let face = Face::parse(pdf::font(), 0).ok()?;
    let is_missing = |character: &char| {
        let is_drawn = !character.is_whitespace() && !character.is_control();
        is_drawn && face.glyph_index(*character).is_none()
    };
    let (mut fields, mut missing) = (Vec::new(), Vec::new());
    for (name, text) in texts {
        for character in text.chars().filter(is_missing) {
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
    let numbers: Vec<String> = missing
        .into_iter()
        .map(|character| format!("U+{:04X}", u32::from(character)))
        .collect();
    Some(format!(
        "{op}: the sandbox's font has no {}, which {} has: it is not shown here",
        numbers.join(", "),
        fields.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_font_lacks_is_told_by_number_and_field() {
        let person = |name: &str| {
            let request = serde_json::json!({ "name": name, "idNo": "😀" });
            unshown(Op::CreatePerson, request.to_string().as_bytes())
        };
        assert_eq!(person("张三丰 Zhang"), None);
        let line = person("𠮷😀三").expect("a line");
        assert!(line.starts_with("account/create/person: "), "{line}");
        assert!(line.contains("U+20BB7, U+1F600, which name has"), "{line}");
        let fields = r#"{"simpleFormFields":{"lender":"甲","borrower":"𠮷"},"name":"😀"}"#;
        let line = unshown(Op::CreateByTemplate, fields.as_bytes()).expect("a line");
        assert!(line.contains("U+20BB7, which borrower has"), "{line}");
        assert_eq!(unshown(Op::ExchangeId, fields.as_bytes()), None);
    }
}
