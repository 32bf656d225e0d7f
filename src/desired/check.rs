//! The forms of numbers that people mistype: identity numbers, social credit codes, mobiles, e-mail addresses.
//!
//! Each check gives what is wrong and what to do, never the value itself.

/// What is wrong, and what to do.
pub(super) type Problem = (&'static str, &'static str);

const RETYPE: &str = "compare it with the document; a digit is mistyped or two are swapped";

/// A number that a spreadsheet has rounded on the way: `3.30106E+17`.
pub(super) fn not_rounded(text: &str) -> Result<(), Problem> {
    let number_like = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".+-eE".contains(&byte));
    if number_like && text.contains(['e', 'E']) && text.parse::<f64>().is_ok() {
        return Err((
            "reads like 3.30106E+17: a spreadsheet has rounded the number, and its digits are lost",
            "format the column as text, enter the numbers again, and save the sheet anew",
        ));
    }
    Ok(())
}

/// A resident id: 17 digits and a check digit (GB 11643).
pub(super) fn resident_id(text: &str) -> Result<(), Problem> {
    not_rounded(text)?;
    let bytes = text.as_bytes();
    if bytes.len() != 18 {
        return Err((
            "is no resident id: it must have 18 characters",
            "give the 18-digit number of the card",
        ));
    }
    if !bytes[..17].iter().all(u8::is_ascii_digit) {
        return Err((
            "is no resident id: its first 17 characters must be digits",
            RETYPE,
        ));
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<i16>().unwrap_or(0);
    let (year, month, day) = (number(6..10), number(10..12), number(12..14));
    let date = i8::try_from(month).ok().zip(i8::try_from(day).ok());
    if date.is_none_or(|(month, day)| jiff::civil::Date::new(year, month, day).is_err()) {
        return Err((
            "is no resident id: its birthday (characters 7 to 14) is no date",
            RETYPE,
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
        return Err(("fails its check digit", RETYPE));
    }
    if bytes[17] == b'x' {
        return Err(("ends in a small x", "write the check digit as a capital X"));
    }
    Ok(())
}

/// A unified social credit code: 17 characters and a check character (GB 32100).
pub(super) fn social_credit_code(text: &str) -> Result<(), Problem> {
    not_rounded(text)?;
    const CHARACTERS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    if text.len() != 18 || text.chars().count() != 18 {
        return Err((
            "is no social credit code: it must have 18 characters",
            "give the code of the business licence",
        ));
    }
    let mut values = Vec::with_capacity(18);
    for byte in text.bytes() {
        match CHARACTERS.iter().position(|character| *character == byte) {
            Some(value) => values.push(value),
            None => {
                return Err((
                    "is no social credit code: it has digits and capital letters other than I, O, S, V and Z",
                    RETYPE,
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
        return Err(("fails its check character", RETYPE));
    }
    Ok(())
}

/// A mobile number: 11 digits, or with a country's code after a plus.
pub(super) fn mobile(text: &str) -> Result<(), Problem> {
    not_rounded(text)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fine = match text.strip_prefix('+') {
        Some(abroad) => (6..=15).contains(&abroad.len()) && digits(abroad),
        None => text.len() == 11 && text.starts_with('1') && digits(text),
    };
    if fine {
        Ok(())
    } else {
        Err((
            "is no mobile number",
            "11 digits beginning with 1, without spaces; the filter digits takes everything else out",
        ))
    }
}

/// An e-mail address, as far as its form goes.
pub(super) fn email(text: &str) -> Result<(), Problem> {
    let fine = text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.contains('.')
            && !host.contains('@')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
    });
    if fine {
        Ok(())
    } else {
        Err(("is no e-mail address", "it has the form name@example.com"))
    }
}

/// An address that the service can call.
pub(super) fn web_address(text: &str) -> Result<(), Problem> {
    let uri = text.parse::<http::Uri>();
    let fine = uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    if fine {
        Ok(())
    } else {
        Err((
            "is no address that can be called",
            "it begins with http:// or https://",
        ))
    }
}

/// A moment as the API wants it.
pub(super) fn milliseconds(moment: i64) -> Result<(), Problem> {
    // In seconds these are the years 2001 to 33658, in milliseconds 1970 to 2001.
    if (1_000_000_000..1_000_000_000_000).contains(&moment) {
        return Err((
            "reads like seconds, and is in milliseconds since 1970",
            "multiply it by 1000; the filter epochMs makes milliseconds of a date",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_ids() {
        // The document's own examples, sections 5.2.1 and 5.2.2.
        for good in ["371500198101175693", "11010519491231002X"] {
            assert_eq!(resident_id(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("371500198101175694", "check digit"),
            ("11010519491231002x", "small x"),
            ("371500198113175693", "birthday"),
            ("37150019810117569", "18 characters"),
            ("37150019810117569A3", "18 characters"),
            ("3.30106E+17", "rounded"),
            ("张50019810117569X", "first 17"),
        ] {
            let (message, _) = resident_id(bad).expect_err(bad);
            assert!(message.contains(why), "{bad}: {message}");
        }
    }

    #[test]
    fn every_mistyped_digit_is_found() {
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
    fn social_credit_codes() {
        for good in ["91350100M000100Y43", "91330106673959654P"] {
            assert_eq!(social_credit_code(good), Ok(()), "{good}");
        }
        for bad in ["91350100M000100Y44", "9135010OM000100Y43", "745830607", ""] {
            assert!(social_credit_code(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mobiles_and_addresses() {
        assert!(mobile("13516134875").is_ok() && mobile("+85251234567").is_ok());
        assert!(
            mobile("1351613487").is_err()
                && mobile("135 1613 4875").is_err()
                && mobile("1.35E+10").is_err()
        );
        for (address, fine) in [
            ("https://acme.example/callback?a=b", true),
            ("http://10.0.0.1:8088/", true),
            ("acme.example/callback", false),
            ("ftp://acme.example", false),
            ("https://", false),
            ("https://acme example/", false),
        ] {
            assert_eq!(web_address(address).is_ok(), fine, "{address}");
        }
        assert!(email("test21@tsign.cn").is_ok());
        for bad in ["", "a", "a@b", "@b.c", "a b@c.d", "a@b@c.d", "a@.cn"] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }
}
