//! Numbers as a spreadsheet keeps them: without leading zeros, and with 15 digits.

/// A spreadsheet keeps 15 digits of a number.
const KEPT_DIGITS: usize = 15;

/// A decimal number: 0.d₁d₂… × 10^point.
struct Number {
    is_negative: bool,
    /// The digits, without zeros at both ends.
    digits: String,
    point: i64,
    /// Whether a spreadsheet writes the number like this.
    is_plain: bool,
}

impl Number {
    fn parse(cell: &str) -> Option<Self> {
        let text = cell.trim();
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, decimals].concat();
        if whole.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let power: i64 =
            exponent.map_or(Some(0), |power| power.parse::<i32>().ok().map(i64::from))?;
        let digits = all.trim_start_matches('0');
        let point =
            i64::try_from(whole.len()).ok()? - i64::try_from(all.len() - digits.len()).ok()?;
        let digits = digits.trim_end_matches('0');
        let has_leading_zeros = whole.len() > 1 && whole.starts_with('0');
        let is_plain = digits.len() <= KEPT_DIGITS
            && exponent.is_none()
            && !has_leading_zeros
            && !text.starts_with('+');
        Some(Self {
            is_negative: text.starts_with('-'),
            digits: digits.to_owned(),
            point: point + power,
            is_plain,
        })
    }

    fn shown(&self, digits: &str) -> String {
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            return "0".to_owned();
        }
        let sign = if self.is_negative { "-" } else { "" };
        format!("{sign}0.{digits}e{}", self.point)
    }
}

/// Returns the number that a spreadsheet keeps of a cell; `None` if it would write the cell again as it
/// is, or if the cell is no number.
pub fn lost_number(cell: &str) -> Option<String> {
    let number = Number::parse(cell).filter(|number| !number.is_plain)?;
    let kept = number.digits.len().min(KEPT_DIGITS);
    Some(number.shown(&number.digits[..kept]))
}

/// Returns the numbers of which a spreadsheet keeps the number of a cell: itself, and the one that it
/// was rounded up from. Empty if a spreadsheet would not write the cell like this.
pub fn kept_numbers(cell: &str) -> Vec<String> {
    let Some(number) = Number::parse(cell).filter(|number| number.is_plain) else {
        return Vec::new();
    };
    let mut kept = vec![number.shown(&number.digits)];
    let padded: Option<u64> = format!("{:0<KEPT_DIGITS$}", number.digits).parse().ok();
    kept.extend(
        padded
            .and_then(|digits| digits.checked_sub(1))
            .map(|lower| number.shown(&format!("{lower:0>KEPT_DIGITS$}"))),
    );
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_spreadsheet_made_of_a_number() {
        for (written, returned) in [
            ("330199198607241910", "330199198607241000"),
            ("330199198607241910", "330199198607242000"),
            ("330199198607249999", "330199198607250000"),
            ("0701", "701"),
            ("00", "0"),
            ("00.50", "0.5"),
            ("12E5", "1200000"),
            ("1234567890.123456", "1234567890.12346"),
            ("+8613516134875", "8613516134875"),
        ] {
            let lost = lost_number(written).expect(written);
            assert!(
                kept_numbers(returned).contains(&lost),
                "{written} {returned}"
            );
            assert_eq!(lost_number(returned), None, "{returned}");
        }
    }

    #[test]
    fn a_corrected_number_is_another_one() {
        for (written, corrected) in [
            ("330199198607241910", "330199198607241917"),
            ("330199198607241910", "330199198607251000"),
            ("330199198607241910", "330199198607241910"),
            ("0701", "0701"),
            ("0701", "7010"),
            ("0701", "702"),
            ("12E5", "12E5"),
        ] {
            let lost = lost_number(written).expect(written);
            assert!(
                !kept_numbers(corrected).contains(&lost),
                "{written} {corrected}"
            );
        }
    }

    #[test]
    fn knows_what_a_spreadsheet_keeps() {
        for kept in [
            "135000000012",
            "200000.00",
            "0",
            "0.50",
            "-12.5",
            "",
            "HT-1",
            "33019919860724191X",
            "E5",
        ] {
            assert_eq!(lost_number(kept), None, "{kept}");
        }
    }
}
