//! A terminal as a device.

use ck_core::processes::Device;
use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, StatxTimestamp, statx};
use std::{
    path::Path,
    time::{Duration, SystemTime},
};

/// A terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// Its number.
    pub(super) device: Device,
    /// The uid of its owner.
    pub(super) owner: u32,
    /// When it was used last: for input, its access time, or for output, its modification time.
    pub(super) used: SystemTime,
}

impl Terminal {
    /// The terminal with this name below `/dev`. `None` if there is none.
    pub(super) fn of(name: &str) -> Option<Self> {
        // Nobody but root makes names in these two directories, so a look-up meets neither links nor mounts of others.
        let within = name.strip_prefix("pts/").unwrap_or(name);
        if within.contains('/') || within.starts_with('.') {
            return None;
        }
        let path = Path::new("/dev").join(name);
        let wanted = StatxFlags::TYPE | StatxFlags::UID | StatxFlags::ATIME | StatxFlags::MTIME;
        let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, wanted).ok()?;
        let is_device = FileType::from_raw_mode(found.stx_mode.into()) == FileType::CharacterDevice;
        let device = Device { major: found.stx_rdev_major, minor: found.stx_rdev_minor };
        let used = time(&found.stx_atime)?.max(time(&found.stx_mtime)?);
        is_device.then_some(Self { device, owner: found.stx_uid, used })
    }
}

fn time(time: &StatxTimestamp) -> Option<SystemTime> {
    let since = Duration::new(u64::try_from(time.tv_sec).ok()?, time.tv_nsec);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_device_directly_in_dev_or_its_pts_is_a_terminal() {
        assert_eq!(Terminal::of("null").unwrap().device, Device { major: 1, minor: 3 });
        for name in
            ["", ".", "pts", "pts/", "pts/..", "../dev/null", "/dev/null", "shm/x", "pts/a/b", "nosuch"]
        {
            assert!(Terminal::of(name).is_none(), "{name}");
        }
    }
}
