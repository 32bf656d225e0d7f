//! Masks the values of a request in what the service says about it.
//!
//! The service may repeat a value in another way of writing: with spaces or hyphens, in full-width
//! characters, in another letter case, escaped, or cut off. Values are therefore compared character
//! by character, without anything that is neither a letter nor a digit.
//!
//! Short values also occur by chance, and masking them would make messages unreadable:
//!
//! | value | rule |
//! |---|---|
//! | with a character outside of ASCII, such as a name | masked everywhere from two characters |
//! | one character outside of ASCII | not masked |
//! | ASCII, six characters or more | masked everywhere |
//! | ASCII, four or five characters | masked as a whole word or number |
//! | ASCII, shorter; `true`, `false`, `null`, `none` | not masked |
//! | the app secret, the password of a document | masked; below six characters as a whole word or number |
//!
//! Of a value of up to 500 bytes, parts between spaces and punctuation are masked by the same rules,
//! if they are Chinese or contain a digit.

use std::collections::BTreeSet;
use std::ops::Range;

use super::public::public;
use super::written_form::{Written, normalized, readings};
use crate::api::{PrivateValue, private_values};

/// The text in the place of a value.
const MASK: &str = "***";
/// The length from which an ASCII value is masked inside of words, too.
const ANYWHERE: usize = 6;
/// The length from which an ASCII value is masked at all.
const SHORTEST: usize = 4;
/// The length from which the beginning of a value counts as the value: messages cut long ones off.
const BEGINNING: usize = 8;
/// The maximum number of characters of a message that are searched.
const MAX_SEARCHED: usize = 8192;
/// The maximum number of characters of a message that are read. A value that begins there is found,
/// although the rest of the message is not searched: it ends, or its beginning is long enough.
const MAX_READ: usize = 6144;
/// The maximum number of characters of a message that are shown.
const MAX_SHOWN: usize = 1000;
/// The maximum length of a value in bytes whose parts are looked for, too. A page of HTML has parts
/// that occur in any message.
const MAX_PARTED: usize = 500;
/// Words that are values of fields, but tell nothing about a person.
const WORDS: [&str; 4] = ["true", "false", "null", "none"];

/// Masks the private values of one request.
pub(super) struct Redactor<'a> {
    /// The body of the request.
    pub(super) request: &'a [u8],
    /// The app secret.
    pub(super) secret: Option<&'a str>,
}

/// A value to look for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Value {
    characters: Vec<char>,
    /// Whether characters other than letters and digits belong to it.
    is_exact: bool,
    /// Whether it is masked as a whole word or number only.
    is_word: bool,
}

impl Redactor<'_> {
    /// Masks values, and removes everything that [`public`] removes. For messages of the service.
    pub(super) fn clean(&self, message: &str) -> String {
        let end = |characters: usize| {
            let mut indices = message.char_indices();
            indices.nth(characters).map_or(message.len(), |(at, _)| at)
        };
        let searched = &message[..end(MAX_SEARCHED)];
        let clean = public(&self.masked_until(searched, end(MAX_READ)));
        match clean.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => format!("{}…", &clean[..end]),
            None => clean,
        }
    }

    /// Masks values, and leaves the rest of the text as it is.
    pub(super) fn masked(&self, text: &str) -> String {
        self.masked_until(text, text.len())
    }

    /// Masks values in the first `limit` bytes of a text, and leaves out the rest.
    fn masked_until(&self, text: &str, limit: usize) -> String {
        let values = self.values();
        let mut found = Vec::new();
        for reading in readings(text) {
            for value in &values {
                value.find(&reading, &mut found);
            }
        }
        found.retain(|range: &Range<usize>| range.start < limit);
        found.sort_by_key(|range| range.start);
        let mut masked = String::new();
        let mut end = 0;
        for range in found {
            if range.start > end || masked.is_empty() {
                masked += &text[end..range.start];
                masked += MASK;
            }
            end = end.max(range.end);
        }
        masked + &text[end.min(limit)..limit]
    }

    /// Returns the values to look for.
    fn values(&self) -> BTreeSet<Value> {
        let mut values = BTreeSet::new();
        let secret = self.secret.map(|text| PrivateValue {
            text: text.to_owned(),
            is_secret: true,
        });
        for value in private_values(self.request).into_iter().chain(secret) {
            add_value(&mut values, &value.text, value.is_secret);
            if value.is_secret || value.text.len() > MAX_PARTED {
                continue;
            }
            let parts = value.text.split(|part: char| !part.is_alphanumeric());
            for part in parts.filter(|part| is_telling(part)) {
                add_value(&mut values, part, false);
            }
        }
        values
    }
}

/// Adds the forms of a value that are looked for.
fn add_value(values: &mut BTreeSet<Value>, text: &str, is_secret: bool) {
    let whole: Vec<char> = text.trim().chars().map(normalized).collect();
    let plain = whole.iter().copied();
    let plain: Vec<char> = plain.filter(|part| part.is_alphanumeric()).collect();
    let mut add = |characters: Vec<char>, is_exact| {
        let is_ascii = characters.iter().all(char::is_ascii);
        let shortest = match (is_secret, is_ascii) {
            (true, _) => 1,
            (false, true) => SHORTEST,
            (false, false) => 2,
        };
        let is_word_of_fields = WORDS
            .iter()
            .any(|word| word.chars().eq(characters.iter().copied()));
        if characters.len() >= shortest && (is_secret || !is_word_of_fields) {
            values.insert(Value {
                is_word: is_ascii && characters.len() < ANYWHERE,
                is_exact,
                characters,
            });
        }
    };
    if let Some(mobile) = mobile(&plain) {
        add(mobile.to_vec(), false);
    }
    if is_secret && plain != whole {
        // Without its other characters, a short password is part of other words.
        if plain.len() >= SHORTEST {
            add(plain, false);
        }
        add(whole, true);
    } else {
        add(plain, false);
    }
}

/// Returns whether a part of a value is looked for by itself: a Chinese word, or one with digits.
fn is_telling(part: &str) -> bool {
    let is_ascii = part.is_ascii();
    !is_ascii || part.contains(|character: char| character.is_ascii_digit())
}

/// Returns a mobile number without the country code.
fn mobile(digits: &[char]) -> Option<&[char]> {
    let text: String = digits.iter().collect();
    let number = text.strip_prefix("0086").or(text.strip_prefix("86"))?;
    let is_mobile = number.len() == 11
        && number.starts_with('1')
        && number.bytes().all(|byte| byte.is_ascii_digit());
    is_mobile.then(|| &digits[digits.len() - 11..])
}

impl Value {
    /// Adds the places of the value in a text.
    fn find(&self, text: &[Written], found: &mut Vec<Range<usize>>) {
        let mut from = 0;
        while from < text.len() {
            match self.match_at(text, from) {
                Some(end) => {
                    found.push(text[from].range.start..text[end - 1].range.end);
                    from = end;
                }
                None => from += 1,
            }
        }
    }

    /// Returns the end of the value, or of its beginning, at a place of a text.
    fn match_at(&self, text: &[Written], from: usize) -> Option<usize> {
        if text[from].character != self.characters[0] {
            return None;
        }
        let (mut matched, mut end) = (0, from);
        for (at, written) in text.iter().enumerate().skip(from) {
            if matched == self.characters.len() {
                break;
            }
            if written.character == self.characters[matched] {
                matched += 1;
                end = at + 1;
            } else if self.is_exact || !written.is_separator() {
                break;
            }
        }
        let is_whole = matched == self.characters.len();
        if !is_whole && matched < BEGINNING {
            return None;
        }
        let is_bounded = || {
            let before = from.checked_sub(1).map(|at| &text[at]);
            !continues(before, &text[from]) && !continues(text.get(end), &text[end - 1])
        };
        (!self.is_word || is_bounded()).then_some(end)
    }
}

/// Returns whether a character and its neighbour belong to one word or number.
fn continues(neighbour: Option<&Written>, written: &Written) -> bool {
    let kind = |written: &Written| {
        let character = written.character;
        (character.is_ascii_alphabetic(), character.is_ascii_digit())
    };
    neighbour.is_some_and(|neighbour| {
        kind(neighbour) == kind(written) && kind(written) != (false, false)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = r#"{
        "name": "张三", "idNo": "33010619900101123X", "mobile": "+8613800138000", "cardNo": "6222 0212 3456 7890",
        "email": "Zhang.San@example.com", "accountId": "a1b2c3d4", "signType": 1, "docPwd": "p@1!",
        "formFields": {
            "amount": "50000", "copies": "1", "agreed": "true", "price": 1234567.5, "sex": "男", "note": "",
            "address": "浙江省 杭州市西湖区文三路 138 号, 王小明转", "title": "Mr", "name": "Anna", "flag": "RED"
        }
    }"#;

    const REDACTOR: Redactor<'_> = Redactor {
        request: REQUEST.as_bytes(),
        secret: Some("hush-hush"),
    };

    #[test]
    fn masks_values_in_all_ways_of_writing() {
        for (message, expected) in [
            (
                "姓名张三与证件号33010619900101123X不符",
                "姓名***与证件号***不符",
            ),
            ("张 三 / 张·三 / 张\u{200b}三", "*** / *** / ***"),
            ("330106 19900101 123x", "***"),
            ("３３０１０６１９９００１０１１２３Ｘ", "***"),
            ("3301061990***", "******"),
            (
                "mobile 138-0013-8000 or +86 138 0013 8000",
                "mobile *** or +***",
            ),
            ("(0086)13800138000", "(00***"),
            (
                "card 6222021234567890, 6222-0212-3456-7890",
                "card ***, ***",
            ),
            ("ZHANG.SAN@EXAMPLE.COM", "***"),
            (
                "%E5%BC%A0%E4%B8%89 %D5%C5%C8%FD %25E5%25BC%25A0%25E4%25B8%2589",
                "*** *** ***",
            ),
            (r#"{"name":"\u5F20\u4e09"}"#, r#"{"name":"***"}"#),
            ("&#24352;&#19977;", "***"),
            ("浙江省杭州市西湖区文三路138号", "***"),
            ("收件人王小明转", "收件人***"),
            ("password p@1! or P@1!", "password *** or ***"),
            ("hush-hush, HUSH HUSH", "***, ***"),
            ("price 1234567.5", "price ***"),
            ("amount50000元 and Anna", "amount***元 and ***"),
        ] {
            assert_eq!(REDACTOR.clean(message), expected, "{message}");
        }
    }

    #[test]
    fn leaves_short_values_that_occur_by_chance() {
        for message in [
            "143601: 1 of 11 signers, true, RED, Mr, 男",
            "a1b2c3d4 has 150000 or 500001",
            "Annapolis, Susanna",
            "p1 and p@12 1!",
        ] {
            assert_eq!(REDACTOR.clean(message), message);
        }
    }

    #[test]
    fn shows_no_part_of_a_value_at_the_end_of_a_long_message() {
        let value = "王".repeat(5000);
        let request = serde_json::json!({ "name": value }).to_string();
        let redactor = Redactor {
            request: request.as_bytes(),
            secret: None,
        };
        let message = format!("{}{value}{}", "x ".repeat(490), "y".repeat(9000));
        let shown = redactor.clean(&message);
        assert!(!shown.contains('王') && shown.ends_with('…'), "{shown}");
        assert!(shown.chars().count() <= MAX_SHOWN + 1);
        // Masking makes the message so short that its end would be shown.
        let short = Redactor {
            request: br#"{"name":"\u5f20\u4e09"}"#,
            secret: None,
        };
        let message = format!("{}x张三", "张三".repeat(MAX_SEARCHED / 2 - 1));
        assert_eq!(short.clean(&message), "***");
    }

    proptest::proptest! {
        #[test]
        fn masks_a_value_between_any_texts(
            before in ".{0,20}", value in "[a-zA-Z0-9\u{4e00}-\u{4eff}]{6,20}", after in ".{0,20}",
        ) {
            let request = serde_json::json!({ "name": value }).to_string();
            let redactor = Redactor { request: request.as_bytes(), secret: None };
            let message = format!("{before}{value}{after}");
            proptest::prop_assert!(!redactor.masked(&message).contains(&value));
            proptest::prop_assert!(!redactor.clean(&message).contains(&value));
        }
    }
}
