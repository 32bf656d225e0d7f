//! Amounts of money: exact decimals, formatted in Chinese capital numerals or with thousands
//! separators.

use super::decimal::Digits;

/// An amount in fen (1/100 yuan).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount {
    fen: u64,
}

/// Returns whether the filters `money` and `rmb` accept a text.
pub fn is_amount(text: &str) -> bool {
    Amount::parse(text).is_ok()
}

/// The exclusive upper limit in fen: 10^14 yuan, because capital numerals go up to 万亿.
const LIMIT_FEN: u64 = 10_000_000_000_000_000;

/// The problem of a text that is no amount.
pub(super) const EXAMPLES: &str = t_key!("needs an amount such as 120000.50");
/// The problem of a negative amount.
pub(super) const NEGATIVE: &str = t_key!("needs an amount that is not negative");

impl Amount {
    /// Parses an amount such as `1234.5`, with or without thousands separators.
    ///
    /// A negative amount is an error, and so are more than two decimal places; amounts are never rounded.
    /// An error continues the name of the filter: `needs …`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let digits = Digits::of(text).ok_or(EXAMPLES)?;
        let fen = digits.places_to(2).ok_or(t_key!(
            "needs an amount with at most two decimal places: round it first"
        ))?;
        let fen: u64 = fen.parse().map_err(|_| EXAMPLES)?;
        let whole: u64 = digits
            .whole
            .parse()
            .map_err(|_| t_key!("needs a smaller amount"))?;
        match whole.checked_mul(100) {
            Some(0) if fen == 0 => Ok(Self { fen: 0 }),
            Some(_) if digits.is_negative => Err(NEGATIVE),
            Some(whole) if whole < LIMIT_FEN => Ok(Self { fen: whole + fen }),
            _ => Err(t_key!("needs a smaller amount")),
        }
    }

    /// Formats the amount in capital numerals: `壹拾贰万元伍角`.
    pub(super) fn capital(self) -> String {
        let (yuan, jiao, fen) = (self.fen / 100, self.fen / 10 % 10, self.fen % 10);
        let mut text = String::new();
        if yuan > 0 {
            text += &numeral(yuan);
            text.push('元');
        } else if self.fen == 0 {
            text += "零元";
        }
        if jiao > 0 {
            text += &numeral(jiao);
            text.push('角');
        } else if fen > 0 && yuan > 0 {
            text.push('零');
        }
        if fen > 0 {
            text += &numeral(fen);
            text.push('分');
        }
        if jiao == 0 && fen == 0 {
            text.push('整');
        }
        text
    }

    /// Formats the amount with thousands separators and two decimal places: `120,000.50`.
    pub(super) fn thousands(self) -> String {
        let yuan = (self.fen / 100).to_string();
        let mut text = String::new();
        for (at, digit) in yuan.chars().enumerate() {
            if at > 0 && (yuan.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text + &format!(".{:02}", self.fen % 100)
    }
}

/// Formats a number above zero in capital numerals.
///
/// The largest unit splits the number into a quotient and a remainder. 零 marks skipped digits
/// before the remainder.
fn numeral(number: u64) -> String {
    const DIGITS: [&str; 10] = ["零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌", "玖"];
    const UNITS: [(u64, &str); 5] = [
        (100_000_000, "亿"),
        (10_000, "万"),
        (1000, "仟"),
        (100, "佰"),
        (10, "拾"),
    ];
    for (size, unit) in UNITS {
        if number >= size {
            let rest = number % size;
            let gap = if rest > 0 && rest < size / 10 {
                "零"
            } else {
                ""
            };
            let tail = if rest > 0 {
                numeral(rest)
            } else {
                String::new()
            };
            return format!("{}{unit}{gap}{tail}", numeral(number / size));
        }
    }
    // Below ten, so the index is within the digits.
    DIGITS[usize::try_from(number).unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_capital_numerals() {
        for (amount, expected) in [
            ("0", "零元整"),
            ("0.00", "零元整"),
            ("-0", "零元整"),
            ("0.05", "伍分"),
            ("0.5", "伍角"),
            ("0.55", "伍角伍分"),
            ("1", "壹元整"),
            ("10.00", "壹拾元整"),
            ("100000000", "壹亿元整"),
            ("1010.10", "壹仟零壹拾元壹角"),
            ("120000.5", "壹拾贰万元伍角"),
            ("1000.05", "壹仟元零伍分"),
            ("10001", "壹万零壹元整"),
            ("10500", "壹万零伍佰元整"),
            ("107000.53", "壹拾万柒仟元伍角叁分"),
            ("100001000", "壹亿零壹仟元整"),
            ("10100000", "壹仟零壹拾万元整"),
            ("1000500000000", "壹万零伍亿元整"),
            ("1,234,567.89", "壹佰贰拾叁万肆仟伍佰陆拾柒元捌角玖分"),
            (
                "99999999999999.99",
                "玖拾玖万玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分",
            ),
        ] {
            let amount = Amount::parse(amount).unwrap_or_else(|error| panic!("{amount}: {error}"));
            assert_eq!(amount.capital(), expected);
        }
    }

    #[test]
    fn formats_thousands_and_two_decimal_places() {
        for (amount, expected) in [
            ("0", "0.00"),
            ("999", "999.00"),
            ("120000.5", "120,000.50"),
            ("1234567.89", "1,234,567.89"),
            ("1000", "1,000.00"),
        ] {
            assert_eq!(
                Amount::parse(amount).map(Amount::thousands),
                Ok(expected.to_owned())
            );
        }
    }

    #[test]
    fn rejects_inexact_and_negative_amounts() {
        for text in [
            "-0.01",
            "-1680.32",
            "",
            "-",
            ".",
            "1.005",
            "1e5",
            "12,34",
            "1 000",
            "一",
            "NaN",
            "100000000000000",
            "1.2.3",
            "+1",
        ] {
            assert!(Amount::parse(text).is_err(), "{text}");
        }
        assert!(Amount::parse("1.500").is_ok());
    }
}
