//! Chooses round values for the ticks of an axis.

use jiff::Timestamp;

use crate::api::time;

const DAY: i64 = 86_400;
/// The UTC offset of Asia/Shanghai in seconds; there is no daylight saving time.
const UTC_OFFSET: i64 = 8 * 3_600;
/// Round time steps in seconds, up to half a day.
const STEPS: [i64; 16] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200,
];
/// The maximum number of steps of a time axis.
const MAX_TIME_STEPS: i64 = 6;
/// The maximum number of ticks of a count axis, without zero.
const MAX_COUNT_TICKS: u64 = 4;

/// Returns round times of a span: seconds since 1970 and the label in Asia/Shanghai.
pub(super) fn times(from: i64, to: i64) -> Vec<(i64, String)> {
    let fits = |step: &i64| (to - from) / step < MAX_TIME_STEPS;
    let days = [1, 2, 5].map(|n| n * DAY).into_iter();
    let years = (1..8).flat_map(|zeros| [1, 2, 5].map(|n| n * DAY * 10_i64.pow(zeros)));
    let mut steps = STEPS.into_iter().chain(days).chain(years);
    let Some(step) = steps.find(fits) else {
        return Vec::new();
    };
    let one_day = (from + UTC_OFFSET).div_euclid(DAY) == (to + UTC_OFFSET).div_euclid(DAY);
    let form = match step {
        DAY.. if to - from > 300 * DAY => "%Y-%m-%d",
        DAY.. => "%m-%d",
        _ if !one_day => "%m-%d %H:%M",
        60.. => "%H:%M",
        _ => "%H:%M:%S",
    };
    let first = (from + UTC_OFFSET + step - 1).div_euclid(step);
    let last = (to + UTC_OFFSET).div_euclid(step);
    (first..=last)
        .filter_map(|at| {
            let second = at * step - UTC_OFFSET;
            let moment = Timestamp::from_second(second).ok()?;
            Some((second, time::local(moment).strftime(form).to_string()))
        })
        .collect()
}

/// Returns round counts up to the first that is at least `most`.
pub(super) fn counts(most: u64) -> Vec<u64> {
    let mut tens = 1;
    let step = loop {
        let fits = [1, 2, 5].map(|n| n * tens);
        match fits.into_iter().find(|step| step * MAX_COUNT_TICKS >= most) {
            Some(step) => break step,
            None => tens *= 10,
        }
    };
    (1..=most.div_ceil(step).max(1)).map(|n| n * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 10:00:00 in Shanghai.
    const TEN: i64 = 1_795_485_600;

    fn words(from: i64, to: i64) -> Vec<String> {
        times(from, to).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn times_are_round_in_shanghai() {
        assert_eq!(
            words(TEN + 1, TEN + 25),
            ["10:00:05", "10:00:10", "10:00:15", "10:00:20", "10:00:25"]
        );
        assert_eq!(
            words(TEN, TEN + 1_300),
            ["10:00", "10:05", "10:10", "10:15", "10:20"]
        );
        assert_eq!(
            words(TEN, TEN + 86_400),
            ["11-24 12:00", "11-24 18:00", "11-25 00:00", "11-25 06:00"]
        );
        assert_eq!(
            words(TEN, TEN + 4 * 86_400),
            ["11-25", "11-26", "11-27", "11-28"]
        );
        assert!(words(TEN, TEN + 900 * 86_400)[0].starts_with("2026-"));
        assert_eq!(words(TEN, TEN), ["10:00:00"]);
    }

    #[test]
    fn limits_the_number_of_times_for_any_span() {
        let mut span = 1;
        while span < 30 * 365 * DAY {
            let few = times(TEN + 7, TEN + 7 + span).len();
            assert!(few <= 7, "{span}: {few}");
            span = span * 3 / 2 + 1;
        }
    }

    #[test]
    fn counts_are_round() {
        assert_eq!(counts(0), [1]);
        assert_eq!(counts(3), [1, 2, 3]);
        assert_eq!(counts(9), [5, 10]);
        assert_eq!(counts(2_000), [500, 1_000, 1_500, 2_000]);
        assert_eq!(counts(1_000_001), [500_000, 1_000_000, 1_500_000]);
    }
}
