//! The time formats of the API: `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai, and milliseconds since
//! 1970.
//!
//! A fixed offset of UTC+8 is used: the zone has had no other offset since 1991.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The offset of Asia/Shanghai.
const SHANGHAI: Offset = Offset::constant(8);

/// Returns the local date and time in Asia/Shanghai.
pub fn local(moment: Timestamp) -> DateTime {
    SHANGHAI.to_datetime(moment)
}

/// Formats a moment as the API does: `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
pub fn text(moment: Timestamp) -> String {
    local(moment).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Formats a moment as RFC 3339 with milliseconds and the offset +08:00, for logs.
pub fn rfc3339(moment: Timestamp) -> String {
    local(moment)
        .strftime("%Y-%m-%dT%H:%M:%S%.3f+08:00")
        .to_string()
}

/// Returns the milliseconds since 1970 of a date and time in Asia/Shanghai; `None` if out of range.
pub fn epoch_ms(local: DateTime) -> Option<i64> {
    SHANGHAI
        .to_timestamp(local)
        .ok()
        .map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_the_offset_of_shanghai() {
        let moment = Timestamp::from_millisecond(0).expect("a moment");
        assert_eq!(text(moment), "1970-01-01 08:00:00");
        assert_eq!(rfc3339(moment), "1970-01-01T08:00:00.000+08:00");
        assert_eq!(
            epoch_ms(jiff::civil::date(1970, 1, 1).at(8, 0, 0, 0)),
            Some(0)
        );
    }
}
