//! Checks the form of identity numbers, social credit codes, mobile numbers and addresses.
//!
//! Each check returns a message and a hint. Neither contains the value, which may be private.

use std::borrow::Cow;

/// An error message, to be put after a field's name, and a hint.
pub(super) type Problem = (Cow<'static, str>, Cow<'static, str>);

/// Creates a problem.
pub(super) fn problem(
    message: impl Into<Cow<'static, str>>,
    hint: impl Into<Cow<'static, str>>,
) -> Problem {
    (message.into(), hint.into())
}

fn retype() -> Cow<'static, str> {
    t!("compare it with the document: a digit may be mistyped, or two may be swapped")
}
/// Returns the code point of a character for messages, such as `U+200B`.
pub(super) fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

/// Checks that a spreadsheet has not rounded the number, as in `3.30106E+17`.
pub(super) fn not_rounded(text: &str) -> Result<(), Problem> {
    let is_number_like = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".+-eE".contains(&byte));
    if is_number_like && text.contains(['e', 'E']) && text.parse::<f64>().is_ok() {
        let shown = first_digits(text);
        return Err(problem(
            t!(
                "is %{shown}: a spreadsheet rounded the number and lost digits",
                shown = shown
            ),
            t!("format the column as text, enter the numbers again, and save the sheet"),
        ));
    }
    Ok(())
}

/// Masks a rounded number after three digits, as in `3.30***E+17`: a rounded mobile number may be
/// complete.
fn first_digits(text: &str) -> String {
    let mut digits = 0;
    let (number, power) = text.split_at(text.find(['e', 'E']).unwrap_or(text.len()));
    let shown = number.chars().map(|c| {
        digits += u32::from(c.is_ascii_digit());
        if c.is_ascii_digit() && digits > 3 {
            '*'
        } else {
            c
        }
    });
    shown.chain(power.chars()).collect()
}

/// Checks that the text has no spreadsheet formula, apostrophe, blank or invisible character.
fn has_no_stray_characters(text: &str) -> Result<(), Problem> {
    if text.starts_with("=\"") {
        return Err(problem(
            t!("is written as a formula, =\"…\""),
            t!(
                "enter the text itself instead of a formula; for the whole column, in the manifest: `{{ row.身份证号 | replace('=', '') | replace('\"', '') }}`"
            ),
        ));
    }
    if text.starts_with(['\'', '‘', '’', '`']) {
        return Err(problem(
            t!("begins with an apostrophe"),
            t!(
                "format the column as text and remove the apostrophe; for the whole column, in the manifest: `{{ row.身份证号 | replace(\"'\", '') }}`"
            ),
        ));
    }
    let Some(stray) = text.chars().find(|c| c.is_whitespace() || is_invisible(*c)) else {
        return Ok(());
    };
    let what = match stray {
        ' ' | '\u{a0}' | '\u{3000}' => t!("a blank"),
        '\t' => t!("a tab"),
        '\n' | '\r' => t!("a line break"),
        other => t!("an invisible character (%{code})", code = code_point(other)),
    };
    let inside = text.trim().contains(char::is_whitespace) || is_invisible(stray);
    let hint = if inside {
        t!("remove it from the cell")
    } else {
        t!(
            "remove it from the cell; for the whole column, in the manifest: `{{ row.身份证号 | trim }}`"
        )
    };
    Err(problem(t!("contains %{what}", what = what), hint))
}

/// Checks that the text has no line break, tab, other control character or character that changes
/// the direction of text: it identifies something, and is shown on screen and in logs.
pub(super) fn no_control_characters(text: &str) -> Result<(), Problem> {
    let is_refused =
        |c: &char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let what = match text.chars().find(is_refused) {
        None => return Ok(()),
        Some('\n' | '\r' | '\u{2028}' | '\u{2029}') => t!("a line break"),
        Some('\t') => t!("a tab"),
        Some(other) => t!("a control character (%{code})", code = code_point(other)),
    };
    Err(problem(
        t!("contains %{what}", what = what),
        t!("remove it from the cell, or use another column"),
    ))
}

/// Checks that an id does not differ from another one only by characters that nobody sees.
pub(super) fn no_unseen_difference(text: &str) -> Result<(), Problem> {
    if let Some(hidden) = text.chars().find(|c| is_invisible(*c)) {
        return Err(problem(
            t!(
                "contains an invisible character (%{code})",
                code = code_point(hidden)
            ),
            t!("remove it from the cell: the id would be another one than without it"),
        ));
    }
    if text.trim().len() < text.len() {
        return Err(problem(
            t!("begins or ends with a blank"),
            t!(
                "remove it from the cell: the id would be another one than without it; for the whole column, use the filter trim in the manifest"
            ),
        ));
    }
    Ok(())
}

/// Reports whether the character has no width. Such characters come from text copied from web
/// pages.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// Returns the spreadsheet error or the lost character that a cell contains.
pub(super) fn spreadsheet_error(text: &str) -> Option<Cow<'static, str>> {
    const ERRORS: &[&str] = &[
        "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!",
    ];
    if text.contains('\u{fffd}') {
        return Some(t!("�, a character that was lost when the file was saved"));
    }
    let error = ERRORS.iter().find(|error| text.trim() == **error);
    error.map(|error| Cow::Borrowed(*error))
}

/// Checks a resident id: 17 digits and a check digit (GB 11643).
pub(super) fn resident_id(text: &str) -> Result<(), Problem> {
    not_rounded(text)?;
    has_no_stray_characters(text)?;
    let bytes = text.as_bytes();
    if bytes.len() != 18 {
        return Err(problem(
            t!("is not a resident id: it must have 18 characters"),
            t!("use the 18-digit number of the identity card"),
        ));
    }
    if !bytes[..17].iter().all(u8::is_ascii_digit) {
        return Err(problem(
            t!("is not a resident id: its first 17 characters must be digits"),
            retype(),
        ));
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<i16>().unwrap_or(0);
    let (year, month, day) = (number(6..10), number(10..12), number(12..14));
    let date = i8::try_from(month).ok().zip(i8::try_from(day).ok());
    if date.is_none_or(|(month, day)| jiff::civil::Date::new(year, month, day).is_err()) {
        return Err(problem(
            t!("is not a resident id: its birthday (characters 7 to 14) is not a date"),
            retype(),
        ));
    }
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = bytes
        .iter()
        .zip(WEIGHTS)
        .map(|(byte, weight)| u32::from(byte - b'0') * weight)
        .sum();
    let expected = b"10X98765432"[(sum % 11) as usize];
    if bytes[17].to_ascii_uppercase() != expected {
        return Err(problem(t!("has a wrong check digit"), retype()));
    }
    if bytes[17] == b'x' {
        return Err(problem(
            t!("ends in a lower-case x"),
            t!("write the check digit as an upper-case X"),
        ));
    }
    Ok(())
}

/// Returns whether the text is a resident id with a valid check digit.
pub fn is_resident_id(text: &str) -> bool {
    resident_id(text).is_ok()
}

/// Returns whether the text is a mobile number.
pub fn is_mobile(text: &str) -> bool {
    mobile(text).is_ok()
}

/// Checks a unified social credit code: 17 characters and a check character (GB 32100).
pub(super) fn social_credit_code(text: &str) -> Result<(), Problem> {
    not_rounded(text)?;
    has_no_stray_characters(text)?;
    const CHARACTERS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    if text.len() != 18 || text.chars().count() != 18 {
        return Err(problem(
            t!("is not a social credit code: it must have 18 characters"),
            t!("use the code of the business licence"),
        ));
    }
    let mut values = Vec::with_capacity(18);
    for byte in text.bytes() {
        match CHARACTERS.iter().position(|character| *character == byte) {
            Some(value) => values.push(value),
            None => {
                return Err(problem(
                    t!(
                        "is not a social credit code: only digits and upper-case letters except I, O, S, V and Z are allowed"
                    ),
                    retype(),
                ));
            }
        }
    }
    let mut weight = 1;
    let mut sum = 0;
    for value in &values[..17] {
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    if (31 - sum % 31) % 31 != values[17] {
        return Err(problem(t!("has a wrong check character"), retype()));
    }
    Ok(())
}

/// Checks a mobile number: 11 digits, or a plus sign with country code and number.
pub(super) fn mobile(text: &str) -> Result<(), Problem> {
    not_rounded(text)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_valid = match text.strip_prefix('+') {
        Some(abroad) => (6..=15).contains(&abroad.len()) && digits(abroad),
        None => text.len() == 11 && text.starts_with('1') && digits(text),
    };
    if is_valid {
        return Ok(());
    }
    if let Some(hidden) = text.chars().find(|c| is_invisible(*c)) {
        return Err(problem(
            t!(
                "contains an invisible character (%{code})",
                code = code_point(hidden)
            ),
            t!(
                "remove it from the cell; for the whole column, use the filter digits in the manifest"
            ),
        ));
    }
    let all_digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if all_digits.len() == 13 && all_digits.starts_with("861") {
        Err(problem(
            t!("is not a mobile number"),
            t!(
                "remove +86 from the cell; for the whole column, in the manifest: `{{ (row.手机号 | digits)[-11:] }}`"
            ),
        ))
    } else {
        Err(problem(
            t!("is not a mobile number"),
            t!(
                "enter 11 digits beginning with 1; if the whole column has blanks or hyphens, use the filter digits in the manifest"
            ),
        ))
    }
}

/// Checks the form of an e-mail address.
pub(super) fn email(text: &str) -> Result<(), Problem> {
    let is_valid = text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.contains('.')
            && !host.contains('@')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && !text
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
    });
    if is_valid {
        Ok(())
    } else {
        Err(problem(
            t!("is not an e-mail address"),
            t!("use the form name@example.com"),
        ))
    }
}

/// Checks that the text is an HTTP or HTTPS URL with a host.
pub(super) fn web_address(text: &str) -> Result<(), Problem> {
    let uri = text.parse::<http::Uri>();
    let is_valid = uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    if is_valid {
        Ok(())
    } else {
        Err(problem(
            t!("is not a URL that can be called"),
            t!("use a URL that begins with http:// or https://"),
        ))
    }
}

/// Checks that a time is in milliseconds since 1970, not in seconds.
pub(super) fn milliseconds(moment: i64) -> Result<(), Problem> {
    // In seconds these are the years 2001 to 33658, in milliseconds 1970 to 2001.
    if (1_000_000_000..1_000_000_000_000).contains(&moment) {
        return Err(problem(
            t!("looks like seconds, but the unit is milliseconds since 1970"),
            t!("multiply it by 1000, or use the filter epochMs on a date"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_control_characters() {
        assert_eq!(no_control_characters("HT 2026-张\u{3000}1"), Ok(()));
        for (text, what) in [
            ("a\nb", "a line break"),
            ("a\tb", "a tab"),
            ("a\u{1b}", "a control character (U+001B)"),
            ("a\u{9b}", "a control character (U+009B)"),
            ("a\u{2067}", "a control character (U+2067)"),
        ] {
            let (message, _) = no_control_characters(text).expect_err(text);
            assert_eq!(message, format!("contains {what}"));
        }
    }

    #[test]
    fn checks_resident_ids() {
        // Examples of the API document, sections 5.2.1 and 5.2.2.
        for good in ["371500198101175693", "11010519491231002X"] {
            assert_eq!(resident_id(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("371500198101175694", "check digit"),
            ("11010519491231002x", "lower-case x"),
            ("371500198113175693", "birthday"),
            ("37150019810117569", "18 characters"),
            ("37150019810117569A3", "18 characters"),
            ("3.30106E+17", "is 3.30***E+17: a spreadsheet rounded"),
            ("1.3516134876E+10", "is 1.35********E+10"),
            (" 371500198101175693", "contains a blank"),
            ("371500198101175693\t", "contains a tab"),
            (
                "371500\u{200b}198101175693",
                "an invisible character (U+200B)",
            ),
            ("'371500198101175693", "begins with an apostrophe"),
            ("=\"371500198101175693\"", "is written as a formula, =\"…\""),
            ("张50019810117569X", "first 17"),
        ] {
            let (message, _) = resident_id(bad).expect_err(bad);
            assert!(message.contains(why), "{bad}: {message}");
        }
    }

    #[test]
    fn finds_spreadsheet_errors_and_lost_characters() {
        assert_eq!(spreadsheet_error(" #N/A "), Some("#N/A".into()));
        assert!(spreadsheet_error("陈晓\u{fffd}").is_some());
        assert!(spreadsheet_error("#1").is_none() && spreadsheet_error("张三").is_none());
    }

    #[test]
    fn rejects_a_resident_id_with_any_digit_changed() {
        let good = "371500198101175693";
        for at in 0..17 {
            for digit in b'0'..=b'9' {
                let mut bytes = good.as_bytes().to_vec();
                if bytes[at] != digit {
                    bytes[at] = digit;
                    let text = String::from_utf8(bytes).expect("digits");
                    assert!(resident_id(&text).is_err(), "{text}");
                }
            }
        }
    }

    #[test]
    fn checks_social_credit_codes() {
        for good in ["91350100M000100Y43", "91330106673959654P"] {
            assert_eq!(social_credit_code(good), Ok(()), "{good}");
        }
        for bad in ["91350100M000100Y44", "9135010OM000100Y43", "745830607", ""] {
            assert!(social_credit_code(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn checks_mobile_numbers_and_addresses() {
        assert!(mobile("13516134875").is_ok() && mobile("+85251234567").is_ok());
        assert!(
            mobile("1351613487").is_err()
                && mobile("135 1613 4875").is_err()
                && mobile("1.35E+10").is_err()
        );
        for (address, is_valid) in [
            ("https://acme.example/callback?a=b", true),
            ("http://10.0.0.1:8088/", true),
            ("acme.example/callback", false),
            ("ftp://acme.example", false),
            ("https://", false),
            ("https://acme example/", false),
        ] {
            assert_eq!(web_address(address).is_ok(), is_valid, "{address}");
        }
        for with_code in ["+86 13516134875", "8613516134875", "86-135-1613-4875"] {
            let (_, hint) = mobile(with_code).expect_err(with_code);
            assert!(hint.contains("remove +86"), "{with_code}: {hint}");
        }
        assert!(email("test21@tsign.cn").is_ok());
        for bad in ["", "a", "a@b", "@b.c", "a b@c.d", "a@b@c.d", "a@.cn"] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }
}
