//! The text of a workbook's cell, as the spreadsheet shows it.

use std::borrow::Cow;

use calamine::{DataRef, ExcelDateTime};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

/// A spreadsheet keeps 15 digits of a number.
const MAX_EXACT: f64 = 1e15;
const SECONDS_PER_DAY: f64 = 86_400.0;
/// Larger numbers are after the year 9999.
const MAX_DAYS: f64 = 2_958_466.0;

/// The number format of a cell, as far as it changes digits that a person reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberFormat {
    /// `000000`: the minimum number of digits.
    Padded(usize),
    /// `0.00%`: the minimum number of decimals.
    Percent(usize),
    /// `0.00` or `#,##0.00`: the minimum number of decimals.
    Decimals(usize),
    /// A percentage or a padded number with parts that are not understood: the cell shows another
    /// text than the number.
    Unknown,
    /// Any other format: the number itself is read.
    Other,
}

impl NumberFormat {
    /// Reads a format code of a workbook, such as `0.00%`.
    pub(super) fn of(code: &str) -> Self {
        let (pattern, has_text) = pattern(code);
        let is_zeros = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte == b'0');
        if is_zeros(&pattern) && pattern.len() > 1 {
            return if has_text {
                Self::Unknown
            } else {
                Self::Padded(pattern.len())
            };
        }
        let is_number = |text: &str| {
            text.bytes()
                .all(|byte| matches!(byte, b'0' | b'#' | b'?' | b','))
        };
        if let Some(number) = pattern.strip_suffix('%') {
            let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
            return if is_number(whole) && is_number(decimals) && !has_text {
                Self::Percent(decimals.matches('0').count())
            } else {
                Self::Unknown
            };
        }
        match pattern.split_once('.') {
            _ if pattern.contains('%') => Self::Unknown,
            Some((whole, decimals))
                if whole.ends_with('0') && is_number(whole) && is_zeros(decimals) =>
            {
                Self::Decimals(decimals.len())
            }
            _ => Self::Other,
        }
    }
}

/// Returns the digits of the format of positive numbers, without colours, spaces and texts, and whether
/// it has texts beside the number.
fn pattern(code: &str) -> (String, bool) {
    let mut pattern = String::new();
    let mut has_text = false;
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            ';' => break,
            '"' => has_text |= chars.by_ref().take_while(|c| *c != '"').count() > 0,
            '\\' => has_text |= chars.next().is_some_and(|c| c != ' '),
            '_' | '*' => drop(chars.next()),
            '[' => drop(chars.by_ref().find(|c| *c == ']')),
            '¥' | '￥' | '$' | '€' | ' ' => {}
            c => pattern.push(c),
        }
    }
    (pattern, has_text)
}

/// A cell whose text is not its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    /// The text that the spreadsheet shows.
    pub(super) text: String,
    pub(super) message: Cow<'static, str>,
    pub(super) hint: Cow<'static, str>,
}

/// Returns the text of a cell.
pub(super) fn text<'a>(
    value: &'a DataRef<'_>,
    format: NumberFormat,
    is_1904: bool,
) -> Result<Cow<'a, str>, Unusable> {
    Ok(match value {
        DataRef::Empty => Cow::Borrowed(""),
        DataRef::String(text) => plain(text)?,
        DataRef::SharedString(text) => plain(text)?,
        DataRef::Bool(true) => Cow::Borrowed("TRUE"),
        DataRef::Bool(false) => Cow::Borrowed("FALSE"),
        #[allow(clippy::cast_precision_loss)] // numbers of that size are refused
        DataRef::Int(number) => Cow::Owned(number_text(*number as f64, format)?),
        DataRef::Float(number) => Cow::Owned(number_text(*number, format)?),
        DataRef::DateTime(time) => Cow::Owned(time_text(time, is_1904)?),
        DataRef::DateTimeIso(time) => {
            let time = time.strip_suffix("T00:00:00").unwrap_or(time);
            Cow::Owned(time.replace('T', " "))
        }
        DataRef::DurationIso(duration) => Cow::Borrowed(duration),
        DataRef::Error(error) => return Err(error_value(&error.to_string())),
    })
}

/// Returns the problem of a cell that shows an error, such as `#N/A`.
pub(super) fn error_value(error: &str) -> Unusable {
    Unusable {
        message: t!(
            "the formula of this cell has the error %{error}",
            error = error
        ),
        text: error.to_owned(),
        hint: t!("correct the formula, or replace it with its value"),
    }
}

fn plain(text: &str) -> Result<Cow<'_, str>, Unusable> {
    if text.contains('\0') {
        return Err(Unusable {
            text: text.replace('\0', ""),
            message: t!("the cell contains a NUL character"),
            hint: t!("enter the text again"),
        });
    }
    Ok(Cow::Borrowed(text))
}

fn number_text(number: f64, format: NumberFormat) -> Result<String, Unusable> {
    let text = match format {
        NumberFormat::Percent(decimals) => {
            let percent = with_decimals(rounded(number * 100.0), decimals);
            return Ok(format!("{percent}%"));
        }
        NumberFormat::Decimals(decimals) => with_decimals(rounded(number), decimals),
        NumberFormat::Padded(digits) if number >= 0.0 && number.fract() == 0.0 => {
            format!("{:0>digits$}", rounded(number))
        }
        NumberFormat::Padded(_) | NumberFormat::Other => rounded(number),
        NumberFormat::Unknown => {
            return Err(Unusable {
                text: rounded(number),
                message: t!(
                    "the cell shows another text than its number, by a number format that is not read"
                ),
                hint: t!("format the column as text, then enter the value as it is to be read"),
            });
        }
    };
    if number.abs() >= MAX_EXACT {
        return Err(Unusable {
            message: t!("the number has more than 15 digits, so the spreadsheet has rounded it"),
            text,
            hint: t!("format the column as text, then enter the value again"),
        });
    }
    Ok(text)
}

/// Returns the number with at most 15 significant digits, as a spreadsheet shows it: 0.1 + 0.2 is
/// 0.3.
fn rounded(number: f64) -> String {
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    let text = rounded.to_string();
    if text == "-0" { "0".to_owned() } else { text }
}

/// Appends zeros until the number has this many decimals.
fn with_decimals(number: String, decimals: usize) -> String {
    let found = number.split_once('.').map_or(0, |(_, found)| found.len());
    let zeros = "0".repeat(decimals.saturating_sub(found));
    if zeros.is_empty() {
        number
    } else if found == 0 {
        format!("{number}.{zeros}")
    } else {
        number + &zeros
    }
}

/// Returns a date (`2026-11-06`), a date with a time (`2026-11-06 09:30:00`), a time of day
/// (`09:30:00`), or a duration (`26:30:00`).
fn time_text(time: &ExcelDateTime, is_1904: bool) -> Result<String, Unusable> {
    let value = time.as_f64();
    let unusable = |message: Cow<'static, str>| Unusable {
        text: rounded(value),
        message,
        hint: t!("enter the date as text, such as 2026-11-06"),
    };
    if value < 0.0 {
        return Err(unusable(t!("the date of this cell is before 1900")));
    }
    if value >= MAX_DAYS {
        return Err(unusable(t!("the date of this cell is after 9999")));
    }
    #[allow(clippy::cast_possible_truncation)] // limited above
    let seconds = (value * SECONDS_PER_DAY).round() as i64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if time.is_duration() || (value < 1.0 && !is_1904) {
        return Ok(format!("{hours:02}:{minutes:02}:{rest:02}"));
    }
    let epoch = epoch(value, is_1904).ok_or_else(|| unusable(t!("1900-02-29 is not a date")))?;
    let moment = DateTime::from_parts(epoch, jiff::civil::Time::midnight());
    let moment = moment
        .checked_add(seconds.seconds())
        .map_err(|_| unusable(t!("the date of this cell is after 9999")))?;
    Ok(if seconds % 86_400 == 0 {
        moment.date().to_string()
    } else {
        moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
    })
}

/// Returns the day with the number 0. None for day 60, the 29th of February 1900 of spreadsheets.
fn epoch(days: f64, is_1904: bool) -> Option<Date> {
    match days {
        _ if is_1904 => Some(date(1904, 1, 1)),
        ..60.0 => Some(date(1899, 12, 31)),
        61.0.. => Some(date(1899, 12, 30)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::ExcelDateTimeType;

    #[test]
    fn numbers_are_as_the_spreadsheet_shows_them() {
        for (number, code, expected) in [
            (701.0, "General", "701"),
            (701.0, "0000", "0701"),
            (12345.0, "0000", "12345"),
            (0.05, "0%", "5%"),
            (0.05, "0.00%", "5.00%"),
            (0.04567, "0%", "4.567%"),
            (0.1 + 0.2, "General", "0.3"),
            (100_000.1 + 1e-11, "#,##0.00", "100000.10"),
            (9.8, "0.00", "9.80"),
            (-9.0, "0.00_);(0.00)", "-9.00"),
            (4.567, "0.00", "4.567"),
            (9.8, "#.##", "9.8"),
            (9.8, "¥#,##0.00", "9.80"),
            (9.8, "#,##0.00\"元\"", "9.80"),
            (9.8, "[$¥-804]#,##0.00_ ;[Red]-#,##0.00", "9.80"),
            (0.0435, "0.00%;[Red]-0.00%", "4.35%"),
            (0.0435, "_ * 0.00%_ ", "4.35%"),
            (0.0435, "0.0#%", "4.35%"),
            (0.0435, "0.00 %", "4.35%"),
            (701.0, "0000_ ", "0701"),
            (701.0, "0000;-0000", "0701"),
            (701.0, "[$-804]0000", "0701"),
            (-12.5, "General", "-12.5"),
            (999_999_999_999_999.0, "0", "999999999999999"),
            (1e-7, "General", "0.0000001"),
        ] {
            let text = number_text(number, NumberFormat::of(code));
            assert_eq!(text.as_deref(), Ok(expected), "{number} {code}");
        }
        for code in ["\"No.\"0000", "0.00%\" p.a.\"", "0.00E+00%"] {
            number_text(701.0, NumberFormat::of(code)).expect_err(code);
        }
        for number in [1e15, 110_101_199_003_070_000.0, -6.222e18] {
            number_text(number, NumberFormat::Other).expect_err("rounded");
        }
    }

    #[test]
    fn dates_and_times_are_text() {
        let date = ExcelDateTimeType::DateTime;
        for (value, kind, expected) in [
            (46_332.0, date, "2026-11-06"),
            (46_332.395_833_333_3, date, "2026-11-06 09:30:00"),
            (46_332.999_999_999, date, "2026-11-07"),
            (0.75, date, "18:00:00"),
            (1.0, date, "1900-01-01"),
            (59.0, date, "1900-02-28"),
            (61.0, date, "1900-03-01"),
            (1.104_166_666_67, ExcelDateTimeType::TimeDelta, "26:30:00"),
        ] {
            let time = ExcelDateTime::new(value, kind, false);
            let text = time_text(&time, false);
            assert_eq!(text.as_deref(), Ok(expected), "{value}");
        }
        for value in [-1.0, 60.0, 3e6, f64::MAX] {
            let time = ExcelDateTime::new(value, date, false);
            time_text(&time, false).expect_err("no date");
        }
        let time = ExcelDateTime::new(44_870.0, date, true);
        assert_eq!(time_text(&time, true).as_deref(), Ok("2026-11-06"));
    }
}
