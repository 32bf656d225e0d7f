//! The scalars of a manifest: expressions that read columns, and quoted texts.

use super::column::Column;
use super::draft::Filter;
use crate::util::escape::is_unsafe;

/// Returns the expression of a column, without blanks around its value if some values have them.
pub(super) fn trimmed(column: &Column) -> String {
    let has_blanks = column.any(|value| value.trim().len() < value.len());
    cell(&column.name) + if has_blanks { " | trim" } else { "" }
}

/// Returns the expression of a mobile number of 11 digits.
pub(super) fn mobile(column: &Column) -> String {
    let cell = cell(&column.name);
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    if column.any(|value| digits(value) == 13) {
        format!("({cell} | digits)[-11:]")
    } else if column.any(|value| digits(value) == 11 && value.len() > 11) {
        format!("{cell} | digits")
    } else {
        cell
    }
}

pub(super) fn filtered(column: &Column, filter: Filter) -> String {
    let cell = cell(&column.name);
    let filter = match filter {
        Filter::Plain => return trimmed(column),
        Filter::Money => "money",
        Filter::Rmb => "rmb",
        Filter::Date => "date('%Y年%m月%d日')",
    };
    if column.has_empty() {
        format!("{cell} | {filter} if {cell} else ''")
    } else {
        format!("{cell} | {filter}")
    }
}

/// Returns the expression that reads a column.
pub(super) fn cell(name: &str) -> String {
    let is_letter =
        |c: char| c == '_' || c.is_ascii_alphabetic() || matches!(c, '\u{4e00}'..='\u{9fff}');
    let is_name = |c: char| is_letter(c) || c.is_ascii_digit();
    if name.starts_with(is_letter) && name.chars().all(is_name) {
        format!("row.{name}")
    } else if name.contains('\'') {
        format!("row[\"{name}\"]")
    } else {
        format!("row['{name}']")
    }
}

pub(super) fn expression(inner: &str) -> String {
    quoted(&format!("{{{{ {inner} }}}}"))
}

/// Quotes a scalar: a JSON string is a YAML scalar. Characters that nobody sees are escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for c in serde_json::Value::from(text).to_string().chars() {
        if is_unsafe(c) {
            let escape = format!("\\U{:08x}", u32::from(c));
            quoted.push_str(&escape);
        } else {
            quoted.push(c);
        }
    }
    quoted
}

pub(super) fn quoted_if_needed(text: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphabetic() || matches!(c, '\u{4e00}'..='\u{9fff}');
    let is_plain = |c: char| is_letter(c) || c.is_ascii_digit() || c == '_' || c == '-';
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
    );
    if text.starts_with(is_letter) && text.chars().all(is_plain) && !is_word {
        text.to_owned()
    } else {
        quoted(text)
    }
}
