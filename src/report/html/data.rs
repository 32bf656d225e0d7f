//! The items that are kept, turned into the JSON that the page's script reads.
//!
//! It stands within the page, so nothing in it may end its element or a line of script: what could is written as an
//! escape, which reads the same. Texts that many items share are written once.

use std::collections::HashMap;
use std::io::{Error, Write};

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::ser::Formatter;

use super::kept::Kept;
use super::words;

/// What the script reads.
#[derive(Serialize)]
struct Data<'a> {
    /// The words of the reports, and what the page calls them.
    statuses: [(&'static str, &'static str); 10],
    /// What the items' numbers stand for: flows, messages, hints, signers.
    texts: &'a [&'a str],
    #[serde(serialize_with = "items")]
    items: (&'a [&'a Kept], &'a HashMap<&'a str, usize>),
}

/// Writes the items.
pub(super) fn write(kept: &[&Kept], into: &mut impl Write) -> Result<(), Error> {
    let (mut texts, mut places) = (Vec::new(), HashMap::new());
    for kept in kept {
        let signers = kept.signers.iter().map(|signer| &signer.name);
        for text in [&kept.flow, &kept.message, &kept.hint]
            .into_iter()
            .chain(signers)
        {
            places.entry(&**text).or_insert_with(|| {
                texts.push(&**text);
                texts.len() - 1
            });
        }
    }
    let data = Data {
        statuses: words::STATUSES.map(|status| (status.word(), words::label(status))),
        texts: &texts,
        items: (kept, &places),
    };
    let mut json = serde_json::Serializer::with_formatter(into, Inert);
    data.serialize(&mut json).map_err(Error::other)
}

/// An item as a list, in the order in which the script names its parts.
fn items<S: Serializer>(
    (kept, places): &(&[&Kept], &HashMap<&str, usize>),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let place = |text: &str| places[text];
    serializer.collect_seq(kept.iter().map(|kept| {
        let signers = kept.signers.iter().map(|signer| {
            let state = words::signer(&signer.status);
            (place(&signer.name), state, &signer.link, &signer.time)
        });
        (
            (
                place(&kept.flow),
                &kept.key,
                kept.row,
                words::place(kept.status),
            ),
            (&kept.flow_id, kept.sent(), kept.ended(), &kept.file),
            (kept.code, place(&kept.message), place(&kept.hint)),
            signers.collect::<Vec<_>>(),
        )
    }))
}

/// Writes JSON that is inert within a page.
struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> Result<(), Error> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let unsafe_one = rest[at..].chars().next().unwrap_or_default();
            write!(writer, "\\u{:04x}", u32::from(unsafe_one))?;
            rest = &rest[at + unsafe_one.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::kept::Rows;
    use super::super::seen::Seen;
    use super::super::seen::tests::item;
    use super::*;

    #[test]
    fn hostile_texts_are_inert_and_read_the_same() {
        let hostile = [
            "</script><img src=x onerror=alert(1)>",
            "<!-- ]]> \"'&<>",
            "a\u{2028}b\u{2029}c",
            "=HYPERLINK(\"http://a\")",
            "\\u003c\n\u{0}",
        ];
        let mut rows = Rows::default();
        for key in hostile {
            let (flow, file) = (key, key);
            rows.add(&Seen {
                flow,
                key,
                file,
                ..item()
            });
        }
        let mut out = Vec::new();
        write(&rows.listed(), &mut out).expect("written");
        let text = String::from_utf8(out).expect("text");
        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}', '\n', '\u{0}']));
        let data: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for (at, key) in hostile.into_iter().enumerate() {
            let item = &data["items"][at];
            assert_eq!(item[0][1], key);
            assert_eq!(item[1][3], key);
            let flow = item[0][0].as_u64().expect("a number");
            assert_eq!(data["texts"][usize::try_from(flow).expect("small")], key);
        }
    }
}
