//! Writes the retained items as JSON for the script of the page.
//!
//! The JSON is embedded in the page. Characters that could end its element or a script line are
//! written as escapes. Texts that several items share are written once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{Error, Write};

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::ser::Formatter;

use super::retained::RetainedItem;
use super::words;
use crate::util::escape::{is_unsafe, write_json_escape};

/// The sentences of the script.
const SENTENCES: [&str; 9] = [
    t_key!("(no key)"),
    t_key!("sign link"),
    t_key!("%{first} to %{last}"),
    t_key!("%{shown} of %{total} items"),
    t_key!("%{count} items"),
    t_key!("No matching items."),
    t_key!(
        "Printed here: %{printed} of %{selected} items that match. The page has %{total}; the tables in the same folder have all."
    ),
    t_key!(
        "Printed here: %{printed} of %{selected} items. The page has %{total}; the tables in the same folder have all."
    ),
    t_key!(
        "Printed here: %{printed} of %{selected} items that need attention. The page has %{total}; the tables in the same folder have all."
    ),
];

/// The data of the script.
#[derive(Serialize)]
struct Data<'a> {
    /// The names of the statuses in reports and their labels.
    statuses: [(&'static str, String); words::STATUSES.len()],
    /// The sentences of the script in the language of the page.
    sentences: BTreeMap<&'static str, Cow<'static, str>>,
    /// Shared texts (flows, messages, hints, signers), which items reference by index.
    texts: &'a [&'a str],
    #[serde(serialize_with = "serialize_items")]
    items: (&'a [&'a RetainedItem], &'a HashMap<&'a str, usize>),
}

/// Writes the items as JSON.
pub(super) fn write(items: &[&RetainedItem], into: &mut impl Write) -> Result<(), Error> {
    let (mut texts, mut indexes) = (Vec::new(), HashMap::new());
    for item in items {
        let signers = item.signers.iter().map(|signer| &signer.name);
        for text in [&item.flow, &item.message, &item.hint]
            .into_iter()
            .chain(signers)
        {
            indexes.entry(&**text).or_insert_with(|| {
                texts.push(&**text);
                texts.len() - 1
            });
        }
    }
    let data = Data {
        statuses: words::STATUSES.map(|status| (status.word(), words::label(status))),
        sentences: SENTENCES.map(|sentence| (sentence, t!(sentence))).into(),
        texts: &texts,
        items: (items, &indexes),
    };
    let mut json = serde_json::Serializer::with_formatter(into, HtmlSafe);
    data.serialize(&mut json).map_err(Error::other)
}

/// Serializes an item as a list, in the order in which the script destructures it.
fn serialize_items<S: Serializer>(
    (items, indexes): &(&[&RetainedItem], &HashMap<&str, usize>),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let index = |text: &str| indexes[text];
    serializer.collect_seq(items.iter().map(|item| {
        let signers = item.signers.iter().map(|signer| {
            let state = words::signer(&signer.status);
            (
                index(&signer.name),
                state,
                &signer.link,
                &signer.time,
                &signer.odd_link,
            )
        });
        let files = item.files.iter().map(|file| (&file.path, &file.url));
        (
            (
                index(&item.flow),
                &item.key,
                item.row,
                words::index(item.status),
            ),
            (&item.flow_id, item.sent(), item.ended()),
            (item.code, index(&item.message), index(&item.hint)),
            signers.collect::<Vec<_>>(),
            files.collect::<Vec<_>>(),
        )
    }))
}

/// Writes JSON that is safe within an HTML page.
struct HtmlSafe;

impl Formatter for HtmlSafe {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> Result<(), Error> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c| matches!(c, '<' | '>' | '&') || is_unsafe(c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let character = rest[at..].chars().next().unwrap_or_default();
            let mut escape = String::new();
            write_json_escape(&mut escape, character).map_err(Error::other)?;
            writer.write_all(escape.as_bytes())?;
            rest = &rest[at + character.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::PageItem;
    use super::super::item::tests::item;
    use super::super::retained::RetainedItems;
    use super::*;

    #[test]
    fn escapes_hostile_texts_without_changing_them() {
        let hostile = [
            "</script><img src=x onerror=alert(1)>",
            "<!-- ]]> \"'&<>",
            "=HYPERLINK(\"http://a\")",
            "\\u003c\\n\\u{0}",
            "张\u{e0100}",
        ];
        let mut retained = RetainedItems::default();
        for key in hostile {
            retained.add(&PageItem {
                flow: key,
                key,
                files: &[key],
                ..item()
            });
        }
        let mut out = Vec::new();
        write(&retained.listed(), &mut out).expect("written");
        let text = String::from_utf8(out).expect("text");
        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}', '\n', '\u{0}']));
        let data: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for (at, key) in hostile.into_iter().enumerate() {
            let item = &data["items"][at];
            assert_eq!(item[0][1], key);
            assert_eq!(item[4][0][0], key);
            let flow = item[0][0].as_u64().expect("a number");
            assert_eq!(data["texts"][usize::try_from(flow).expect("small")], key);
        }
    }

    #[test]
    fn has_the_sentences_of_the_script() {
        let parts = super::super::template::SCRIPT.split(" t(\"").skip(1);
        let used = parts.map(|part| part.split('"').next().unwrap_or_default());
        let mut used: Vec<&str> = used.collect();
        used.sort_unstable();
        used.dedup();
        let mut listed = SENTENCES;
        listed.sort_unstable();
        assert_eq!(used, listed);
    }

    #[test]
    fn escapes_control_characters() {
        let mut out = Vec::new();
        let mut json = serde_json::Serializer::with_formatter(&mut out, HtmlSafe);
        let text = "a\u{1b}\n\u{9b}\u{202e}\u{e0041}";
        text.serialize(&mut json).expect("written");
        let written = String::from_utf8(out).expect("text");
        assert!(!written.contains(is_unsafe), "{written}");
        let read: String = serde_json::from_str(&written).expect("JSON");
        assert_eq!(read, text);
    }
}
