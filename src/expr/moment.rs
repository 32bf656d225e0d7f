//! Dates and times in the formats common in sheets. The time zone is Asia/Shanghai.

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use crate::api::time;

/// A date, with or without a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Date(Date),
    DateTime(DateTime),
}

/// Returns whether the filters `date`, `plus` and `epochMs` accept a text.
pub fn is_date(text: &str) -> bool {
    Moment::parse(text).is_ok()
}

/// The problem of a text that is no date.
pub(super) const EXAMPLES: &str = t_key!("needs a date such as 2026-11-23 or 2026-11-23 18:30:00");

impl Moment {
    /// Parses `2026-11-23`, `2026/1/5`, `2026.1.5`, `20261123` or `2026年1月5日`, with or without a
    /// time. A time with an offset, such as `16:00:00Z`, is converted to Asia/Shanghai. Fractions of
    /// a second are dropped.
    ///
    /// An error continues the name of the filter: `needs …`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let (day, clock) = match text.split_once([' ', 'T']) {
            Some((day, clock)) => (day, Some(clock.trim())),
            None => (text, None),
        };
        let date = parse_date(day).ok_or(EXAMPLES)?;
        match clock {
            None => Ok(Self::Date(date)),
            Some(clock) => {
                let (clock, offset) = split_offset(clock).ok_or(EXAMPLES)?;
                let local = date.to_datetime(parse_time(clock).ok_or(EXAMPLES)?);
                let Some(offset) = offset else {
                    return Ok(Self::DateTime(local));
                };
                let moment = offset.to_timestamp(local).map_err(|_| EXAMPLES)?;
                Ok(Self::DateTime(time::local(moment)))
            }
        }
    }

    fn datetime(self) -> DateTime {
        match self {
            Self::Date(date) => date.to_datetime(Time::midnight()),
            Self::DateTime(datetime) => datetime,
        }
    }

    /// Adds a duration: `7d`, `12h`, `30min`, `2w`, `3mo` or `1y`. A negative number subtracts.
    ///
    /// A date stays a date if the unit is at least one day.
    pub(super) fn plus(self, duration: &str) -> Result<Self, &'static str> {
        const FORMAT: &str = t_key!("needs a duration such as 7d, 12h, 30min, 2w, 3mo or 1y");
        let at = duration
            .find(|c: char| c.is_ascii_alphabetic())
            .ok_or(FORMAT)?;
        let (number, unit) = duration.split_at(at);
        let number: i64 = number.trim().parse().map_err(|_| FORMAT)?;
        let span = match unit {
            "s" => Span::new().try_seconds(number),
            "min" => Span::new().try_minutes(number),
            "h" => Span::new().try_hours(number),
            "d" => Span::new().try_days(number),
            "w" => Span::new().try_weeks(number),
            "mo" => Span::new().try_months(number),
            "y" => Span::new().try_years(number),
            _ => return Err(FORMAT),
        }
        .map_err(|_| FORMAT)?;
        let later = self.datetime().checked_add(span).map_err(|_| FORMAT)?;
        Ok(match self {
            Self::Date(_) if matches!(unit, "d" | "w" | "mo" | "y") => Self::Date(later.date()),
            _ => Self::DateTime(later),
        })
    }

    /// Formats the moment with a `strftime` format.
    pub(super) fn format(self, format: &str) -> Result<String, &'static str> {
        jiff::fmt::strtime::format(format, self.datetime())
            .map_err(|_| t_key!("needs a format such as \"%Y年%m月%d日\""))
    }

    /// Returns the milliseconds since 1970.
    pub(super) fn epoch_ms(self) -> Result<i64, &'static str> {
        time::epoch_ms(self.datetime()).ok_or(EXAMPLES)
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Date(date) => write!(f, "{date}"),
            Self::DateTime(datetime) => write!(f, "{}", datetime.strftime("%Y-%m-%d %H:%M:%S")),
        }
    }
}

/// Splits an offset from UTC off a time: `Z`, `+08:00`, `+0800` or `-05`.
fn split_offset(clock: &str) -> Option<(&str, Option<Offset>)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock.trim_end(), Some(Offset::UTC)));
    }
    let Some(at) = clock.find(['+', '-']) else {
        return Some((clock, None));
    };
    let (clock, offset) = clock.split_at(at);
    let (hours, minutes) = match offset[1..].split_once(':') {
        Some(parts) => parts,
        None if offset.len() == 5 && offset.is_ascii() => offset[1..].split_at(2),
        None => (&offset[1..], "00"),
    };
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (i32, i32) = (number(hours)?, number(minutes)?);
    let seconds = (minutes < 60).then_some(hours * 3600 + minutes * 60)?;
    let seconds = if offset.starts_with('-') {
        -seconds
    } else {
        seconds
    };
    Some((clock.trim_end(), Some(Offset::from_seconds(seconds).ok()?)))
}

/// Parses `18:30`, `18:30:00` or `18:30:00.000`.
fn parse_time(clock: &str) -> Option<Time> {
    let parts: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour] => (hour, "0", "0"),
        [hour, minute] => (hour, minute, "0"),
        [hour, minute, second] => {
            let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
            if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            (hour, minute, second)
        }
        _ => return None,
    };
    Time::new(number(hour)?, number(minute)?, number(second)?, 0).ok()
}

/// Parses a number of digits only.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

fn parse_date(text: &str) -> Option<Date> {
    let text = text.strip_suffix('日').unwrap_or(text);
    let parts: Vec<&str> = if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        vec![&text[..4], &text[4..6], &text[6..]]
    } else {
        text.split(['-', '/', '.', '年', '月']).collect()
    };
    match parts[..] {
        [year, month, day] if year.len() == 4 => {
            Date::new(number(year)?, number(month)?, number(day)?).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn parses_common_date_formats() {
        for text in [
            "2026-01-05",
            "2026/1/5",
            "20260105",
            "2026年1月5日",
            "2026.01.05",
            " 2026-1-5 ",
        ] {
            assert_eq!(moment(text).to_string(), "2026-01-05", "{text}");
        }
        for text in [
            "2026-01-05 18:30:00",
            "2026/1/5 18:30",
            "2026-01-05T18:30:00.000",
        ] {
            assert_eq!(moment(text).to_string(), "2026-01-05 18:30:00", "{text}");
        }
        for text in [
            "2026-11-05T16:00:00.000Z",
            "2026-11-05T16:00:00Z",
            "2026-11-06T00:00:00+08:00",
            "2026-11-06 01:00 +0900",
            "2026-11-05T11:00:00-05",
        ] {
            assert_eq!(moment(text).to_string(), "2026-11-06 00:00:00", "{text}");
        }
        for text in [
            "2026-11-05 18.30.00",
            "2026-11-05 18:30:00.",
            "2026-11-05 18:30:00 PM",
            "2026-11-05T16:00:00+8",
            "2026-11-05T16:00:00+08:60",
            "2026-11-05Z",
            "2026-+1-05",
            "2026-11-05 18:30:00:00",
            "",
            "2026-02-30",
            "05/01/2026",
            "45000",
            "2026-01-05 25:00",
            "tomorrow",
        ] {
            assert!(Moment::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn adds_durations_and_formats() {
        let later =
            |text: &str, duration: &str| moment(text).plus(duration).map(|later| later.to_string());
        assert_eq!(later("2026-01-31", "1mo"), Ok("2026-02-28".to_owned()));
        assert_eq!(later("2026-12-31", "1d"), Ok("2027-01-01".to_owned()));
        assert_eq!(
            later("2026-12-31", "36h"),
            Ok("2027-01-01 12:00:00".to_owned())
        );
        assert_eq!(
            later("2026-12-31 08:00:00", "-7d"),
            Ok("2026-12-24 08:00:00".to_owned())
        );
        assert!(later("2026-12-31", "7m").is_err());
        assert_eq!(
            moment("2026-01-05").format("%Y年%m月%d日"),
            Ok("2026年01月05日".to_owned())
        );
        assert!(moment("2026-01-05").format("%Q%").is_err());
        assert_eq!(moment("1970-01-01 08:00:01").epoch_ms(), Ok(1000));
    }
}
