//! The API's time: `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai, and milliseconds since 1970.
//!
//! The zone has been UTC+8 all year since 1991, so a fixed offset says all that contracts of today need.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Asia/Shanghai.
const SHANGHAI: Offset = Offset::constant(8);

/// A moment as the clocks in Shanghai show it.
pub fn local(moment: Timestamp) -> DateTime {
    SHANGHAI.to_datetime(moment)
}

/// A moment in the API's form.
pub fn text(moment: Timestamp) -> String {
    local(moment).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A moment as RFC 3339 text with milliseconds and the offset +08:00, for logs.
pub fn rfc3339(moment: Timestamp) -> String {
    local(moment)
        .strftime("%Y-%m-%dT%H:%M:%S%.3f+08:00")
        .to_string()
}

/// Milliseconds since 1970 of a local date and time; none when it is out of range.
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
    fn shanghai_is_eight_hours_ahead() {
        let moment = Timestamp::from_millisecond(0).expect("a moment");
        assert_eq!(text(moment), "1970-01-01 08:00:00");
        assert_eq!(rfc3339(moment), "1970-01-01T08:00:00.000+08:00");
        assert_eq!(
            epoch_ms(jiff::civil::date(1970, 1, 1).at(8, 0, 0, 0)),
            Some(0)
        );
    }
}
