//! When something happens: by the clock on the wall, which may be set, and by the one that only runs.

use ck_protocol::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::{
    fs,
    time::{Duration, SystemTime},
};

/// The last moment that RFC 3339 has a form for, in microseconds since 1970.
const LAST: i64 = 253_402_300_799_999_999;
const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400;
/// Names this run of the system: proc_sys_kernel(5).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// As much of that name as tells one run from the next.
const BOOT_LENGTH: usize = 8;

/// Both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) time: Timestamp,
    pub(super) since_boot: Duration,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { time: SystemTime::now().into(), since_boot: since_boot() }
    }

    /// When the system was started, as the clock on the wall now has it.
    pub(super) fn of_boot() -> Self {
        let now = SystemTime::now();
        let time = now.checked_sub(since_boot()).unwrap_or(now).into();
        Self { time, since_boot: Duration::ZERO }
    }
}

/// How long the system has run, also while it slept (`CLOCK_BOOTTIME`).
pub(super) fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// The beginning of the name of this run of the system, a random one; empty without /proc.
pub(super) fn boot() -> String {
    let name = fs::read_to_string(BOOT).unwrap_or_default();
    name.chars().filter(char::is_ascii_hexdigit).take(BOOT_LENGTH).collect()
}

/// The moment in UTC, to the microsecond: RFC 3339.
pub(super) fn rfc3339(moment: Timestamp) -> String {
    let micros = moment.as_micros().clamp(0, LAST);
    let (seconds, micros) = (micros / MICROS, micros % MICROS);
    let (year, month, day) = date(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The date that is `days` after 1970-01-01. Years are counted from March on, so that a leap day is the
/// last of its year; 400 of them have 146,097 days.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March is 0. Five months from March, or August, on have 153 days.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339_has_it() {
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_000_000_000, "2001-09-09T01:46:40"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (1_798_761_599, "2026-12-31T23:59:59"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_micros(seconds * MICROS + 7)), format!("{written}.000007Z"));
        }
        assert_eq!(rfc3339(Timestamp::from_micros(i64::MAX)), "9999-12-31T23:59:59.999999Z");
        assert_eq!(rfc3339(Timestamp::from_micros(-1)), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn this_run_of_the_system_has_a_name() {
        assert_eq!(boot().len(), BOOT_LENGTH);
        assert!(since_boot() > Duration::ZERO);
    }
}
