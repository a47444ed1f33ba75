//! Moments, as people and programs read them.

use ck_protocol::Timestamp;
use jiff::{ZonedDateTime, tz::TimeZone};
use std::time::Duration;

fn zoned(moment: Timestamp, zone: TimeZone) -> ZonedDateTime {
    // The broker's clock can be anywhere; what jiff cannot show is shown as its own limits.
    jiff::Timestamp::from_microsecond(moment.as_micros())
        .unwrap_or(jiff::Timestamp::MAX)
        .to_zoned_datetime(zone)
}

/// The moment in the local time zone, to the microsecond, with its offset: RFC 3339.
#[must_use]
pub fn rfc3339(moment: Timestamp) -> String {
    format_rfc3339(moment, TimeZone::system())
}

fn format_rfc3339(moment: Timestamp, zone: TimeZone) -> String {
    zoned(moment, zone).strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
}

/// The moment in the local time zone, to the second.
#[must_use]
pub fn for_people(moment: Timestamp) -> String {
    zoned(moment, TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// How long something lasted, to the second: `08:30:15`, or `2d 08:30:15`.
#[must_use]
pub fn duration(lasted: Duration) -> String {
    let seconds = lasted.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if days > 0 { format!("{days}d {clock}") } else { clock }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::offset;

    #[test]
    fn a_duration_has_days_only_where_it_needs_them() {
        assert_eq!(duration(Duration::from_millis(59_999)), "00:00:59");
        assert_eq!(duration(Duration::from_secs(2 * 86_400 + 3_600 + 61)), "2d 01:01:01");
    }

    #[test]
    fn a_moment_carries_its_offset() {
        let moment = Timestamp::from_micros(1_000_000_000_000_001);
        assert_eq!(format_rfc3339(moment, TimeZone::UTC), "2001-09-09T01:46:40.000001+00:00");
        let east = TimeZone::fixed(offset(2));
        assert_eq!(format_rfc3339(moment, east), "2001-09-09T03:46:40.000001+02:00");
        let never = Timestamp::from_micros(i64::MAX);
        assert!(format_rfc3339(never, TimeZone::UTC).starts_with("9999-"));
    }
}
