//! Texts of the page: labels of statuses, signer states and exit codes; formatted numbers and
//! durations.

use super::super::status::Status;

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

/// Returns the label of a status.
pub(super) fn label(status: Status) -> &'static str {
    match status {
        Status::Sent => "Sent",
        Status::Waiting => "Waiting",
        Status::Signed => "Signed",
        Status::Archived => "Archived",
        Status::Rejected => "Rejected",
        Status::Expired => "Expired",
        Status::Revoked => "Revoked",
        Status::Failed => "Failed",
        Status::InDoubt => "In doubt",
        Status::Interrupted => "Interrupted",
        Status::NotStarted => "Not started",
        Status::Unchanged => "Unchanged",
        Status::Excluded => "Excluded",
    }
}

/// Returns the meaning of an exit code.
pub fn exit(code: i32) -> &'static str {
    match code {
        0 => "nothing failed",
        1 => "an error of treaty or its surroundings",
        2 => "there are changes",
        3 => "some items failed",
        4 => "some items are in doubt",
        5 => "the saved plan is stale",
        64 => "wrong usage",
        65 => "manifests or rows are invalid",
        69 => "the endpoint cannot be reached",
        75 => "another run holds the ledger",
        77 => "credentials are missing or refused",
        130 => "interrupted; items in progress were completed or recorded",
        _ => "terminated by a signal",
    }
}

/// Returns the label of a signer status.
pub(super) fn signer(status: &str) -> &str {
    match status {
        "" => "not asked yet",
        "in_doubt" => "in doubt",
        other => other,
    }
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

/// Formats a number with its noun: `1 item`, `2,000 items`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Formats a duration with its two largest units; below a minute in tenths of a second.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
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
        (0, 0) => format!("{minutes} min {rest} s"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
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
    fn formats_numbers() {
        let formatted = [0, 7, 999, 1000, 1_234_567].map(count);
        assert_eq!(formatted, ["0", "7", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "item", "items"), "1 item");
        assert_eq!(counted(2000, "item", "items"), "2,000 items");
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
