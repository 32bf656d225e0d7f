//! Texts of the page: labels of statuses, signer states and exit codes; formatted numbers and
//! durations.

use std::borrow::Cow;

use super::super::status::Status;
use crate::util::language::is_chinese;

/// All statuses in display order: completed, in progress, ended early, needing attention, excluded.
pub(super) const STATUSES: [Status; 13] = [
    Status::Archived,
    Status::Signed,
    Status::Waiting,
    Status::Sent,
    Status::Unchanged,
    Status::Rejected,
    Status::Expired,
    Status::Revoked,
    Status::Failed,
    Status::InDoubt,
    Status::Interrupted,
    Status::NotStarted,
    Status::Excluded,
];

/// Returns the index of a status in `STATUSES`.
pub(super) fn index(status: Status) -> usize {
    match status {
        Status::Archived => 0,
        Status::Signed => 1,
        Status::Waiting => 2,
        Status::Sent => 3,
        Status::Unchanged => 4,
        Status::Rejected => 5,
        Status::Expired => 6,
        Status::Revoked => 7,
        Status::Failed => 8,
        Status::InDoubt => 9,
        Status::Interrupted => 10,
        Status::NotStarted => 11,
        Status::Excluded => 12,
    }
}

/// Returns the label of a status: its name with a capital letter.
pub(super) fn label(status: Status) -> String {
    let name = status.label().replace('_', " ");
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// Returns the meaning of an exit code.
pub fn exit(code: i32) -> Cow<'static, str> {
    match code {
        0 => t!("nothing failed"),
        1 => t!("an error of treaty or its surroundings"),
        2 => t!("there are changes"),
        3 => t!("some items failed"),
        4 => t!("some items are in doubt"),
        5 => t!("the saved plan is stale"),
        64 => t!("wrong usage"),
        65 => t!("manifests or rows are invalid"),
        69 => t!("the endpoint cannot be reached"),
        75 => t!("another run holds the ledger"),
        77 => t!("credentials are missing or refused"),
        130 => t!("interrupted; items in progress were completed or recorded"),
        _ => t!("terminated by a signal"),
    }
}

/// Returns the label of a signer status.
pub(super) fn signer(status: &str) -> Cow<'_, str> {
    match status {
        "" => t!("not asked yet"),
        "in_doubt" => t!("in doubt"),
        other => t!(other),
    }
}

/// Returns a number of items.
pub(super) fn items(number: u64) -> Cow<'static, str> {
    match number {
        1 => t!("1 item"),
        _ => t!("%{count} items", count = count(number)),
    }
}

/// Joins sentences.
pub(super) fn joined(sentences: impl IntoIterator<Item = String>) -> String {
    let sentences: Vec<String> = sentences.into_iter().collect();
    sentences.join(if is_chinese() { "" } else { " " })
}

/// Formats a number with thousands separators.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Formats a duration with its two largest units; below a minute in tenths of a second.
pub(super) fn duration(seconds: f64) -> Cow<'static, str> {
    let seconds = seconds.max(0.0);
    if seconds < 59.95 {
        return t!("%{seconds} s", seconds = format!("{seconds:.1}"));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative, below 2^53
    let whole = seconds.round() as u64;
    let (days, hours, minutes, rest) = (
        whole / 86_400,
        whole / 3_600 % 24,
        whole / 60 % 60,
        whole % 60,
    );
    match (days, hours) {
        (0, 0) => t!(
            "%{minutes} min %{seconds} s",
            minutes = minutes,
            seconds = rest
        ),
        (0, _) => t!(
            "%{hours} h %{minutes} min",
            hours = hours,
            minutes = minutes
        ),
        _ => t!("%{days} d %{hours} h", days = days, hours = hours),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_matches_the_display_order() {
        assert!(STATUSES.map(index).into_iter().eq(0..STATUSES.len()));
    }

    #[test]
    fn labels_begin_with_a_capital_letter() {
        let labels = [Status::InDoubt, Status::Sent].map(label);
        assert_eq!(labels, ["In doubt", "Sent"]);
    }

    #[test]
    fn formats_numbers() {
        let formatted = [0, 7, 999, 1000, 1_234_567].map(count);
        assert_eq!(formatted, ["0", "7", "999", "1,000", "1,234,567"]);
        assert_eq!([items(1), items(2000)], ["1 item", "2,000 items"]);
    }

    #[test]
    fn formats_durations() {
        let formatted = [0.04, 59.9, 59.97, 61.0, 3_600.0, 90_061.0].map(duration);
        let expected = [
            "0.0 s",
            "59.9 s",
            "1 min 0 s",
            "1 min 1 s",
            "1 h 0 min",
            "1 d 1 h",
        ];
        assert_eq!(formatted, expected);
    }
}
