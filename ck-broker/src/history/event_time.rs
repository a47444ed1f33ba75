//! Points in time: by the wall clock, which may be set, and as time since boot.

use ck_protocol::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::{
    fs,
    time::{Duration, SystemTime},
};

/// The id of this boot: proc_sys_kernel(5).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// The number of its digits that are used: enough to distinguish boots.
const BOOT_LENGTH: usize = 8;

/// A point in time by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventTime {
    pub(super) time: Timestamp,
    pub(super) since_boot: Duration,
}

impl EventTime {
    pub(super) fn now() -> Self {
        Self { time: SystemTime::now().into(), since_boot: since_boot() }
    }

    /// The boot, by the current wall clock.
    pub(super) fn of_boot() -> Self {
        let now = SystemTime::now();
        let time = now.checked_sub(since_boot()).unwrap_or(now).into();
        Self { time, since_boot: Duration::ZERO }
    }
}

/// The time since boot, including suspend (`CLOCK_BOOTTIME`).
pub(super) fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// The beginning of the random id of this boot. Empty without /proc.
pub(super) fn boot() -> String {
    let name = fs::read_to_string(BOOT).unwrap_or_default();
    name.chars().filter(char::is_ascii_hexdigit).take(BOOT_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_run_of_the_system_has_a_name() {
        assert_eq!(boot().len(), BOOT_LENGTH);
        assert!(since_boot() > Duration::ZERO);
    }
}
