//! Statuses, signers' states and exit codes turned into words for people who do not know treaty.

use super::super::row::Status;

/// All statuses, in the order in which charts and tables show them: what is over and well, what goes on, what ended
/// otherwise, what needs a person.
pub(super) const STATUSES: [Status; 10] = [
    Status::Finished,
    Status::Done,
    Status::Unchanged,
    Status::Waiting,
    Status::Rejected,
    Status::Expired,
    Status::Revoked,
    Status::InDoubt,
    Status::Failed,
    Status::Skipped,
];

/// The place of a status in that order.
pub(super) fn place(status: Status) -> usize {
    match status {
        Status::Finished => 0,
        Status::Done => 1,
        Status::Unchanged => 2,
        Status::Waiting => 3,
        Status::Rejected => 4,
        Status::Expired => 5,
        Status::Revoked => 6,
        Status::InDoubt => 7,
        Status::Failed => 8,
        Status::Skipped => 9,
    }
}

/// How a status is called.
pub(super) fn label(status: Status) -> &'static str {
    match status {
        Status::Done => "Done",
        Status::Waiting => "Waiting",
        Status::Failed => "Failed",
        Status::InDoubt => "In doubt",
        Status::Unchanged => "Unchanged",
        Status::Skipped => "Skipped",
        Status::Finished => "Finished",
        Status::Rejected => "Rejected",
        Status::Expired => "Expired",
        Status::Revoked => "Revoked",
    }
}

/// What a status means.
pub(super) fn meaning(status: Status) -> &'static str {
    match status {
        Status::Done => "all that can be done now is done",
        Status::Waiting => "somebody is still to sign",
        Status::Failed => "it failed, or was not begun",
        Status::InDoubt => "whether a call was carried out is not known",
        Status::Unchanged => "sent before, as it is",
        Status::Skipped => "not meant this time",
        Status::Finished => "all have signed, and it is archived",
        Status::Rejected => "somebody refused to sign",
        Status::Expired => "its time ran out",
        Status::Revoked => "ended before all had signed",
    }
}

/// What the exit code of a run means.
pub(super) fn exit(code: i32) -> &'static str {
    match code {
        0 => "done; nothing failed",
        1 => "an error of treaty or its surroundings",
        2 => "there are changes",
        3 => "some items failed",
        4 => "some items are in doubt",
        5 => "the saved plan is stale",
        64 => "wrong usage",
        65 => "manifests or rows are invalid",
        69 => "the endpoint could not be reached",
        75 => "another run held the ledger",
        77 => "credentials were missing or refused",
        130 => "interrupted; what was under way was finished or recorded",
        _ => "ended from outside",
    }
}

/// How a signer's state is called.
pub(super) fn signer(status: &str) -> &str {
    match status {
        "" => "not asked yet",
        "in_doubt" => "in doubt",
        other => other,
    }
}

/// A number with its thousands apart.
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

/// A number of things: `1 item`, `2,000 items`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// How long something took: the two largest units, and tenths of a second below a minute.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    // A run is far shorter than 2^53 seconds, and not negative.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
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
    fn every_status_has_its_place() {
        assert!(STATUSES.map(place).into_iter().eq(0..STATUSES.len()));
    }

    #[test]
    fn numbers_are_readable() {
        let told = [0, 7, 999, 1000, 1_234_567].map(count);
        assert_eq!(told, ["0", "7", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "item", "items"), "1 item");
        assert_eq!(counted(2000, "item", "items"), "2,000 items");
    }

    #[test]
    fn durations_are_readable() {
        let told = [0.04, 59.9, 59.97, 61.0, 3_600.0, 90_061.0].map(duration);
        let expected = [
            "0.0 s",
            "59.9 s",
            "1 min 0 s",
            "1 min 1 s",
            "1 h 0 min",
            "1 d 1 h",
        ];
        assert_eq!(told, expected);
    }
}
