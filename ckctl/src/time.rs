//! Times, as people read them. [`ck_core::json`] writes them for programs.

use ck_protocol::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// The moment in the local time zone, to the second.
#[must_use]
pub fn for_people(moment: Timestamp) -> String {
    // The broker's clock can be anywhere; what jiff cannot show is shown as its own limits.
    let moment = jiff::Timestamp::from_microsecond(moment.as_micros()).unwrap_or(jiff::Timestamp::MAX);
    moment.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
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

    #[test]
    fn a_duration_has_days_only_where_it_needs_them() {
        assert_eq!(duration(Duration::from_millis(59_999)), "00:00:59");
        assert_eq!(duration(Duration::from_secs(2 * 86_400 + 3_600 + 61)), "2d 01:01:01");
    }
}
