//! Parses YAML into a tree of nodes with their locations.
//!
//! Only this file uses the YAML library. Scalars keep their source text (`NO`, `0755`, an 18-digit
//! number); the decoder of a field interprets it.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

use super::characters::look_alike;
use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// A node of a YAML document.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Null,
    /// The text of a scalar. Plain scalars keep their source text.
    Scalar(String),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// Returns the entries of a mapping with plain names: name, location of the name, and value.
    pub(super) fn entries(&self) -> Option<impl Iterator<Item = (&str, &Span, &Self)>> {
        let Kind::Mapping(pairs) = &self.kind else {
            return None;
        };
        Some(pairs.iter().filter_map(|(key, node)| match &key.kind {
            Kind::Scalar(name) => Some((name.as_str(), &key.span, node)),
            _ => None,
        }))
    }

    /// Returns the value of a field of a mapping, and the location of its name.
    pub(super) fn field(&self, name: &str) -> Option<(&Span, &Self)> {
        let mut entries = self.entries()?;
        let (_, span, node) = entries.find(|(known, ..)| *known == name)?;
        Some((span, node))
    }
}

/// Parser limits. They are far above real manifests and bound the memory for malicious ones.
const MAX_NODES: usize = 200_000;
const MAX_DEPTH: usize = 64;

/// Parses the documents of a YAML file; empty ones are left out. Returns a syntax error with its
/// location and a hint.
pub(super) fn parse(file: &Arc<SourceFile>) -> Result<Vec<Node>, Diagnostic> {
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! { max_nodes: MAX_NODES, max_depth: MAX_DEPTH },
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    let raw: Vec<Raw> = serde_yaml::from_multiple_with_options(&file.text, options)
        .map_err(|error| syntax_error(file, &error))?;
    Ok(raw.into_iter().map(|raw| raw.into_node(file)).collect())
}

/// Deserializes a YAML file that is not a manifest. Returns the first error with its location.
pub fn read_yaml<T: DeserializeOwned>(file: &Arc<SourceFile>) -> Result<T, Diagnostic> {
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! { max_nodes: MAX_NODES, max_depth: MAX_DEPTH },
        with_snippet: false,
    };
    serde_yaml::from_str_with_options(&file.text, options).map_err(|error| {
        let (message, span) = message_and_span(file, &error);
        Diagnostic::error(message).at(span)
    })
}

/// A value of a file that [`read_yaml`] reads, with its location.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    line: usize,
    column: usize,
}

impl<T> Located<T> {
    /// Returns the location of the value in its file.
    pub fn span(&self, file: &Arc<SourceFile>) -> Span {
        at(file, self.line, self.column)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            line: index(spanned.referenced.line()),
            column: index(spanned.referenced.column()),
            value: spanned.value,
        })
    }
}

/// Returns the message of the YAML library and its location.
fn message_and_span(file: &Arc<SourceFile>, error: &serde_yaml::Error) -> (String, Span) {
    let (line, column) = error
        .location()
        .map_or((1, 1), |at| (index(at.line()), index(at.column())));
    let text = error.without_snippet().to_string();
    let message = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(message, _)| message)
        .replace('\n', " ");
    (message, at(file, line, column))
}

/// Converts a syntax error and adds a hint for common mistakes.
fn syntax_error(file: &Arc<SourceFile>, error: &serde_yaml::Error) -> Diagnostic {
    let (message, span) = message_and_span(file, error);
    let diagnostic = Diagnostic::error(format!("invalid YAML: {message}"));
    let line = file.text.lines().nth(span.line.saturating_sub(1));
    let unquoted = [": {{", "- {{", "[{{", "[ {{", ", {{"];
    if unquoted
        .iter()
        .any(|unquoted| line.is_some_and(|line| line.contains(unquoted)))
    {
        return diagnostic.at(span).hint(QUOTE_IT);
    }
    let cause = look_alike_before(file, span.line).or_else(|| tab_after(file, span.line));
    if let Some((cause, name, replacement)) = cause {
        let code = u32::from(
            file.text[cause.bytes.clone()]
                .chars()
                .next()
                .unwrap_or_default(),
        );
        return diagnostic
            .at(cause)
            .hint(format!("this is {name} (U+{code:04X}): use {replacement}"));
    }
    diagnostic
        .at(span)
        .hint("check the indentation, colons and quotes of this line and the line before")
}

/// The number of lines before a syntax error that may have caused it.
const LINES_BEFORE: usize = 3;

/// Returns the last character at or shortly before `line` that stands where YAML expects
/// punctuation, looks like it and is not, with its name and replacement.
fn look_alike_before(
    file: &Arc<SourceFile>,
    line: usize,
) -> Option<(Span, &'static str, &'static str)> {
    let lines: Vec<&str> = file.text.lines().take(line).collect();
    let first = line.saturating_sub(LINES_BEFORE + 1);
    let mut block = None;
    let mut found = None;
    for (number, text) in lines.iter().enumerate() {
        let indentation = text.chars().take_while(|c| *c == ' ').count();
        // The text of a block scalar is indented deeper than the line that begins it.
        if block.is_some_and(|outer| indentation > outer || text.trim().is_empty()) {
            continue;
        }
        let code = text.split(" #").next().unwrap_or_default().trim_end();
        let begins_block =
            code.ends_with(['|', '>']) || code.ends_with("|-") || code.ends_with(">-");
        block = begins_block.then_some(indentation);
        if number < first || code.trim_start().starts_with('#') {
            continue;
        }
        let misplaced = misplaced(code, number + 1 == line);
        found = misplaced.map_or(found, |(column, name, replacement)| {
            Some((at(file, number + 1, column + 1), name, replacement))
        });
    }
    found
}

/// Returns the tab that indents the next line: the parser reports it as part of the value before.
fn tab_after(file: &Arc<SourceFile>, line: usize) -> Option<(Span, &'static str, &'static str)> {
    let mut below = file.text.lines().enumerate().skip(line);
    let (number, text) = below.find(|(_, text)| !text.trim().is_empty())?;
    let mut indentation = text.chars().take_while(|c| c.is_whitespace());
    let column = indentation.position(|c| c == '\t')?;
    let (name, replacement) = look_alike('\t')?;
    Some((at(file, number + 1, column + 1), name, replacement))
}

/// Returns the column of the first character of a line that looks like punctuation and stands where
/// YAML expects it. `is_error_line`: the error is in this line.
fn misplaced(code: &str, is_error_line: bool) -> Option<(usize, &'static str, &'static str)> {
    let is_flow = code.contains(['[', '{']);
    let mut before = None;
    let mut is_quoted = false;
    for (column, c) in code.chars().enumerate() {
        let is_first = before.is_none();
        let begins_value = is_first || matches!(before, Some(':' | '-' | '[' | '{' | ','));
        if matches!(c, '"' | '\'') && (begins_value || is_quoted) {
            is_quoted = !is_quoted;
        }
        let has_colon = code.chars().take(column).any(|c| c == ':');
        let is_expected = match c {
            // Tabs are allowed between words.
            '\t' => is_first,
            _ if c.is_whitespace() || "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}".contains(c) => {
                begins_value
            }
            '：' => !has_colon || (is_flow && is_error_line),
            '，' | '＃' | '－' => is_flow && is_error_line,
            _ => begins_value,
        };
        if let Some((name, replacement)) = look_alike(c).filter(|_| is_expected && !is_quoted) {
            return Some((column, name, replacement));
        }
        if c != ' ' {
            before = Some(c);
        }
    }
    None
}

/// The hint for an expression without quotes, which YAML parses as a mapping.
pub(super) const QUOTE_IT: &str = "put the expression in quotes: \"{{ … }}\"";

/// Returns the span of the character at a 1-based line and column.
fn at(file: &Arc<SourceFile>, line: usize, column: usize) -> Span {
    let before: usize = file
        .text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = &file.text[before..];
    let within: usize = rest
        .chars()
        .take(column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    let start = before + within;
    let length = file.text[start..]
        .chars()
        .next()
        .filter(|c| *c != '\n')
        .map_or(0, char::len_utf8);
    Span {
        file: file.clone(),
        line,
        column,
        bytes: start..start + length,
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A node as the YAML library parses it.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Raw(Spanned<RawKind>);

enum RawKind {
    Null,
    /// A number or a boolean. Its text is read from the source.
    Plain,
    Text(String),
    Sequence(Vec<Raw>),
    Mapping(Vec<(Raw, Raw)>),
}

impl Raw {
    fn into_node(self, file: &Arc<SourceFile>) -> Node {
        // The text of an alias is read at its anchor, and errors point to the alias.
        let definition = self.0.defined.span();
        let reference = self.0.referenced;
        let bytes = |span: serde_yaml::Span| {
            let start = index(span.byte_offset().unwrap_or(0)).min(file.text.len());
            start..(start + index(span.byte_len().unwrap_or(0))).min(file.text.len())
        };
        let span = Span {
            file: file.clone(),
            line: index(reference.line()),
            column: index(reference.column()),
            bytes: bytes(reference.span()),
        };
        let kind = match self.0.value {
            RawKind::Null => Kind::Null,
            RawKind::Plain => Kind::Scalar(file.text[bytes(definition)].to_owned()),
            RawKind::Text(text) => Kind::Scalar(text),
            RawKind::Sequence(nodes) => {
                Kind::Sequence(nodes.into_iter().map(|node| node.into_node(file)).collect())
            }
            RawKind::Mapping(entries) => Kind::Mapping(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.into_node(file), value.into_node(file)))
                    .collect(),
            ),
        };
        Node { span, kind }
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML node")
    }

    fn visit_unit<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<RawKind, E> {
        Ok(RawKind::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element()? {
            nodes.push(node);
        }
        Ok(RawKind::Sequence(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(RawKind::Mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Node, Diagnostic> {
        let file = SourceFile {
            path: "treaty.yaml".into(),
            text: text.to_owned(),
        };
        let documents = parse(&Arc::new(file))?;
        Ok(documents.into_iter().next().expect("a document"))
    }

    fn check(node: &Node, seen: &mut Vec<String>) {
        assert!(node.span.line > 0 && node.span.column > 0, "{node:?}");
        match &node.kind {
            Kind::Null => seen.push("∅".to_owned()),
            Kind::Scalar(text) => seen.push(text.clone()),
            Kind::Sequence(nodes) => nodes.iter().for_each(|node| check(node, seen)),
            Kind::Mapping(entries) => entries.iter().for_each(|(key, value)| {
                check(key, seen);
                check(value, seen);
            }),
        }
    }

    #[test]
    fn scalars_keep_their_source_text_and_every_node_has_a_location() {
        let text = "版本: [1, 0755, NO, on, true, ~, 1e5, 330106199001011234, 12345678901234567890123, 2027-12-31]\n\
                    a: &a { b: \"q{{ x }}\", c: 'it''s' }\nd: *a\ne: |\n  foo\n  bar\nf:\n";
        let mut seen = Vec::new();
        check(&parsed(text).expect("parsed"), &mut seen);
        let expected = [
            "版本",
            "1",
            "0755",
            "NO",
            "on",
            "true",
            "∅",
            "1e5",
            "330106199001011234",
            "12345678901234567890123",
            "2027-12-31",
            "a",
            "b",
            "q{{ x }}",
            "c",
            "it's",
            "d",
            "b",
            "q{{ x }}",
            "c",
            "it's",
            "e",
            "foo\nbar\n",
            "f",
            "∅",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_syntax_error_has_a_location() {
        let error = parsed("a: 1\nb: [1\nc: 2\n").expect_err("refused");
        assert!(
            error
                .place
                .expect("a place")
                .to_string()
                .starts_with("treaty.yaml:")
        );
        let error = parsed("a: {{ row.x }}-1\n").expect_err("refused");
        assert_eq!(error.hint.as_deref(), Some(QUOTE_IT));
    }

    #[test]
    fn a_syntax_error_names_the_character_and_its_line() {
        for (text, place, name) in [
            (
                "a:\n  name： 张三\n  b: 1\n",
                "2:7",
                "a full-width colon (U+FF1A)",
            ),
            ("a:\n\tb: 1\n", "2:1", "a tab (U+0009)"),
            ("a:\n  b: x\n\n \tc: 1\n", "4:2", "a tab (U+0009)"),
            (
                "a: [“x”, y\nb: 1\n",
                "1:5",
                "a typographic quotation mark (U+201C)",
            ),
            ("a: ｛ b: 1 ｝\n", "1:4", "a full-width brace (U+FF5B)"),
            (
                "a: { b: 1， c: 2 }\n",
                "1:10",
                "a full-width comma (U+FF0C)",
            ),
        ] {
            let error = parsed(text).expect_err(text);
            let at = error.place.expect("a place").to_string();
            let hint = error.hint.expect("a hint");
            assert_eq!(at, format!("treaty.yaml:{place}"), "{text}");
            assert!(hint.contains(name), "{text}: {hint}");
        }
    }

    /// Chinese punctuation inside a value is not the cause of an error below.
    #[test]
    fn a_syntax_error_does_not_blame_the_text_of_a_value() {
        for (text, place) in [
            ("a: 借款合同，补充协议\nb: 1\nc: x: y\n", "3:5"),
            ("a: |\n  甲方：天谷\nb: [1\nc: 2\n", "4:"),
            ("a: 名：合同（“补充”）\nb: x: y\n", "2:5"),
            ("# 甲方：天谷\nb: x: y\n", "2:5"),
            ("a: \"甲方：天谷\"\nb: x: y\n", "2:5"),
        ] {
            let error = parsed(text).expect_err(text);
            let at = error.place.expect("a place").to_string();
            assert!(
                at.starts_with(&format!("treaty.yaml:{place}")),
                "{text}: {at}"
            );
            let hint = error.hint.expect("a hint");
            assert!(!hint.contains("U+"), "{text}: {hint}");
        }
    }

    #[test]
    fn an_unquoted_expression_is_a_mapping_with_a_mapping_as_key() {
        let node = parsed("a: {{ row.x }}\nb: 2\n").expect("parsed");
        let Kind::Mapping(entries) = node.kind else {
            panic!("a mapping")
        };
        let Kind::Mapping(inner) = &entries[0].1.kind else {
            panic!("a mapping")
        };
        assert!(matches!(inner[0].0.kind, Kind::Mapping(_)));
    }
}
