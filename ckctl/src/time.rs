//! Times for people. [`ck_core::json`] writes times for programs.

use crate::account;
use ck_protocol::Timestamp;
use jiff::tz::TimeZone;
use std::{
    env,
    io::{self, Write},
    sync::OnceLock,
    time::Duration,
};

/// A time in the local time zone, to the second.
#[must_use]
pub fn local(time: Timestamp) -> String {
    // The broker's clock can have any value. A time beyond jiff's range is shown as the last one in the range.
    let time = jiff::Timestamp::from_microsecond(time.as_micros()).unwrap_or(jiff::Timestamp::MAX);
    time.to_zoned_datetime(zone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The local time zone: that of the variable TZ, else that of the system. If TZ names an unknown zone, the first call says so
/// on standard error, and the zone is UTC.
#[must_use]
pub fn zone() -> TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let zone = ZONE.get_or_init(|| {
        TimeZone::try_system().unwrap_or_else(|_| {
            if let Some(name) = env::var_os("TZ") {
                let name = account::shown(&name);
                let advice = "times are in UTC: correct TZ, or install the zone database (tzdata)";
                // Nobody reads standard error if this fails.
                let _ = writeln!(io::stderr(), "ckctl: unknown time zone `{name}`: {advice}");
            }
            TimeZone::UTC
        })
    });
    zone.clone()
}

/// A duration to the second: `08:30:15`, or `2d 08:30:15`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if days > 0 { format!("{days}d {clock}") } else { clock }
}

/// A short duration with its unit: `0.3 ms`, `38 ms`, `3.2 s`; from a minute on as [`duration`].
#[must_use]
pub fn short(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match time.as_secs() {
        0 if millis < 10.0 => format!("{millis:.1} ms"),
        0 => format!("{millis:.0} ms"),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        _ => duration(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_days_only_from_one_day_on() {
        assert_eq!(duration(Duration::from_millis(59_999)), "00:00:59");
        assert_eq!(duration(Duration::from_secs(2 * 86_400 + 3_600 + 61)), "2d 01:01:01");
    }

    #[test]
    fn a_short_duration_has_the_unit_that_fits() {
        let shown = [0, 340, 9_940, 38_200, 999_400, 3_210_000, 59_900_000, 61_000_000]
            .map(|micros| short(Duration::from_micros(micros)));
        assert_eq!(shown, ["0.0 ms", "0.3 ms", "9.9 ms", "38 ms", "999 ms", "3.2 s", "59.9 s", "00:01:01"]);
    }
}
