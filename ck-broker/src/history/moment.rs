//! When something happens: by the clock on the wall, which may be set, and by the one that only runs.

use ck_protocol::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::{
    fs,
    time::{Duration, SystemTime},
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_run_of_the_system_has_a_name() {
        assert_eq!(boot().len(), BOOT_LENGTH);
        assert!(since_boot() > Duration::ZERO);
    }
}
