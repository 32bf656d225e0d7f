//! Shows links of the service. A link that is not safe to open is shown as text. On terminals, links
//! are masked: a link lets anyone sign; files and pipes receive it complete.

use serde_json::Value;

use crate::util::link;

/// Replaces the path of a safe link with `…`, and describes others.
pub(in crate::cli) fn masked(text: &str) -> String {
    let shown = link::shown(text);
    match shown.split_once("://") {
        Some((before, rest)) => {
            let host = rest.split('/').next().unwrap_or_default();
            format!("{before}://{host}/…")
        }
        None => shown,
    }
}

/// Masks all links in a receipt.
pub(in crate::cli) fn masked_in(value: &Value) -> Value {
    mapped(value, "", &|text, is_link| {
        if is_link || text.starts_with("http") {
            masked(text)
        } else {
            text.to_owned()
        }
    })
}

/// Describes the links in a response or receipt that are not safe to open.
pub(in crate::cli) fn checked(value: &Value) -> Value {
    mapped(value, "", &|text, is_link| {
        if is_link {
            link::shown(text)
        } else {
            text.to_owned()
        }
    })
}

/// Replaces the texts of a JSON value. The function also gets whether a text is the value of a field
/// for links, such as `signUrl`.
fn mapped(value: &Value, name: &str, text: &impl Fn(&str, bool) -> String) -> Value {
    match value {
        Value::String(own) => text(own, name.ends_with("Url")).into(),
        Value::Array(all) => all.iter().map(|value| mapped(value, name, text)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), mapped(value, name, text)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn masks_safe_links_and_describes_others() {
        assert_eq!(masked("https://a.example/s/1"), "https://a.example/…");
        let odd = masked("javascript://a/\u{1b}secret");
        assert!(
            odd.starts_with("not a safe link (") && odd.ends_with("javascript://a/…"),
            "{odd}"
        );
        let receipt = json!({ "signUrl": "http://evil/s", "id": "x://\u{1b}", "docs": [{ "fileUrl": "https://a/b" }] });
        let shown = checked(&receipt);
        assert!(
            shown["signUrl"]
                .as_str()
                .is_some_and(|text| text.starts_with("not a safe link ("))
        );
        assert_eq!(
            (&shown["id"], &shown["docs"]),
            (&receipt["id"], &receipt["docs"])
        );
        assert_eq!(masked_in(&receipt)["docs"][0]["fileUrl"], "https://a/…");
    }
}
