//! Characters that look like YAML's own and are not: full-width and typographic punctuation, tabs
//! and special spaces. An input method or a word processor inserts them.

use crate::expr::has_expression;

/// Returns the description of a character that is often typed by mistake, and its replacement.
pub(super) fn look_alike(c: char) -> Option<(&'static str, &'static str)> {
    Some(match c {
        '：' => ("a full-width colon", "a colon and a space: name: value"),
        '，' => ("a full-width comma", "a comma"),
        '“' | '”' | '＂' | '「' | '」' => {
            ("a typographic quotation mark", "straight quotes \"")
        }
        '‘' | '’' | '＇' => ("a typographic apostrophe", "straight quotes '"),
        '｛' | '｝' => ("a full-width brace", "{ and }"),
        '［' | '］' => ("a full-width bracket", "[ and ]"),
        '＃' => ("a full-width number sign", "#"),
        '－' => ("a full-width hyphen", "- and a space"),
        '\t' => ("a tab", "spaces: YAML is indented by spaces, never by tabs"),
        '\u{a0}' => ("a no-break space", "a space"),
        '\u{3000}' => ("a full-width space", "a space"),
        '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' => {
            ("an invisible character", "remove it")
        }
        _ => return None,
    })
}

/// Returns a hint that names the first look-alike character of a text.
pub(super) fn hint(text: &str) -> Option<String> {
    let (c, (name, replacement)) = text.chars().find_map(|c| Some((c, look_alike(c)?)))?;
    Some(format!(
        "it contains {name} (U+{:04X}): use {replacement}",
        u32::from(c)
    ))
}

/// Returns a warning and a hint for a value that was probably meant as an expression.
pub(super) fn almost_expression(text: &str) -> Option<(String, &'static str)> {
    if text.contains('<') || text.contains("{% raw") || text.contains("\"{\"") {
        return None;
    }
    let quotes = [
        ('“', '”'),
        ('”', '”'),
        ('‘', '’'),
        ('＂', '＂'),
        ('＇', '＇'),
    ];
    let trimmed = text.trim();
    let is_quoted = |(open, close): (char, char)| {
        let inner = trimmed.strip_prefix(open);
        let inner = inner.and_then(|inner| inner.strip_suffix(close));
        // Quotes inside belong to the text.
        inner.is_some_and(|inner| !inner.contains([open, close]))
    };
    if has_expression(text) && quotes.into_iter().any(is_quoted) {
        return Some((
            "the typographic quotes around the expression become part of the value".to_owned(),
            "use straight quotes: \"{{ … }}\"",
        ));
    }
    let braces = single_braces(text);
    let is_name = |c: char| c.is_alphanumeric() || "._-[]'\" ".contains(c);
    let (found, _) = braces.into_iter().find(|(inner, has_dollar)| {
        let inner = inner.trim();
        let names = ["row.", "row[", "var.", "env.", "run."];
        let is_reference = inner == "key" || names.iter().any(|name| inner.starts_with(name));
        is_reference || (*has_dollar && !inner.is_empty() && inner.chars().all(is_name))
    })?;
    Some((
        format!("{{{found}}} is not an expression and stays as it is"),
        "expressions have two braces: \"{{ … }}\"",
    ))
}

/// Returns the texts in single braces outside of expressions, and whether `$` is before them.
fn single_braces(text: &str) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let has_dollar = rest[..at].ends_with('$');
        let inner = &rest[at + 1..];
        let end = match inner.chars().next() {
            Some('{') => "}}",
            Some('%') => "%}",
            Some('#') => "#}",
            _ => "}",
        };
        let Some((within, after)) = inner.split_once(end) else {
            break;
        };
        if end == "}" {
            found.push((within, has_dollar));
        }
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_of_values_that_are_almost_expressions() {
        for (text, expected) in [
            ("“{{ row.name }}”", true),
            ("‘{{ key }}’", true),
            ("${row.name}", true),
            ("合同-${AMOUNT}", true),
            ("{ row.name }", true),
            ("{row[\"客户\"]}", true),
            ("{key}-{{ key }}", true),
            ("{{ key }}-{ var.lender }", true),
            ("{{ row.name }}", false),
            ("{{ {'a': 1}[row.kind] }}", false),
            (".treaty/{environment}.db", false),
            ("{% if row.a %}b{% endif %}", false),
            ("“天谷”", false),
            ("“{{ row.a }}”诉“{{ key }}”", false),
            ("「{{ key }}」", false),
            ("<p style='{key}'>${name}</p>", false),
            ("{% raw %}{row.x}{% endraw %}", false),
            ("costs $5 {net}", false),
            ("{", false),
            ("{{", false),
        ] {
            assert_eq!(almost_expression(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn names_look_alike_characters() {
        let hint = hint("name：张三").expect("a hint");
        assert!(hint.contains("a full-width colon (U+FF1A)"), "{hint}");
        assert_eq!(super::hint("name"), None);
    }
}
