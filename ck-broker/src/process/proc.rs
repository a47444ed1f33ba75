//! The process file system, proc(5), as the broker sees it.

use super::has_ended;
use ck_core::processes::Stat;
use ck_protocol::Pid;
use rustix::{
    fs::{AtFlags, CWD, Dir, Mode, OFlags, StatxFlags, openat, readlinkat, statx},
    io::{Errno, read},
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
    },
};
use std::{
    cell::Cell,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::PathBuf,
};

/// The size of the buffer for a line of proc_pid_stat(5), which has 50 numbers of at most 20 digits, and a name of 64
/// bytes. One read(2) returns the whole line (seq_file).
const STAT_SIZE: usize = 2048;

/// An instance of proc(5).
///
/// Where it can be mounted it is one of the broker's own, that is in no directory. Since Linux 5.8 each instance has its own options and its own
/// locks: whoever remounts `/proc` with `hidepid=`, and whoever holds its lock, does nothing to this one.
#[derive(Debug)]
pub struct Proc {
    root: io::Result<OwnedFd>,
    /// True since a process was hidden that runs.
    hides: Cell<bool>,
}

impl Proc {
    /// Mounts an instance. Where that is not permitted (containers), it is `/proc`.
    #[must_use]
    pub fn open() -> Self {
        let root = mount().or_else(|errno| {
            log::debug!("no process file system of its own, so it is /proc: {errno}");
            openat(CWD, "/proc", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        });
        Self { root: root.map_err(Into::into), hides: Cell::new(false) }
    }

    /// True if the first process is visible, which is root's as leaders are.
    pub(crate) fn shows_root(&self) -> bool {
        self.read("1/stat").is_ok()
    }

    /// What people should know: processes are hidden from the broker.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.hides.get() && self.shows_root() {
            self.hides.set(false);
        }
        self.hides.get().then(|| {
            "logins have no session, as /proc hides their processes from ck-broker: remount /proc without hidepid=, or restart ck-broker"
                .to_owned()
        })
    }

    /// What there is to know of the process behind `pidfd`, which has this pid. `None` if it has ended.
    ///
    /// # Errors
    /// It runs, and cannot be read.
    pub(super) fn stat(&self, pidfd: &OwnedFd, pid: Pid) -> io::Result<Option<Stat>> {
        match self.read_stat(pid) {
            // It ended between opening and reading.
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound && has_ended(pidfd)? => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.hides.set(true);
                Err(io::Error::other(format!("/proc hides process {pid} (hidepid= in proc(5))")))
            }
            stat => stat,
        }
    }

    /// What there is to know of a process.
    pub(crate) fn read_stat(&self, pid: Pid) -> io::Result<Option<Stat>> {
        let line = self.read(&format!("{pid}/stat"))?;
        Ok(Stat::parse(&line))
    }

    /// The number in the file `sessionid` or `loginuid` of a process. `None` if it is not set, if the kernel has no such file,
    /// or if it cannot be read: nobody is to wait or to be refused for it.
    pub(super) fn audit_id(&self, pid: Pid, file: &str) -> Option<u32> {
        let line = self.read(&format!("{pid}/{file}"));
        let line = line.inspect_err(|error| {
            let is_absent = error.kind() == io::ErrorKind::NotFound;
            if !is_absent && error.raw_os_error() != Some(Errno::SRCH.raw_os_error()) {
                log::warn!(
                    "cannot read {file} of process {pid}, so its session has no id of the audit: {error}"
                );
            }
        });
        parse_audit_id(&line.ok()?)
    }

    /// The pids of all processes that are visible.
    pub(crate) fn pids(&self) -> io::Result<Vec<Pid>> {
        let all = Dir::read_from(self.entry(".", OFlags::DIRECTORY)?)?.flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str().ok()?.parse::<i32>().ok());
        Ok(pids.filter_map(|pid| Pid::try_from(pid).ok()).collect())
    }

    /// Children of a process: those that its first thread has started, if there are not too many. Without
    /// `CONFIG_PROC_CHILDREN` of the kernel, there are none.
    pub(crate) fn children(&self, pid: Pid) -> Vec<Pid> {
        let line = self.read(&format!("{pid}/task/{pid}/children")).unwrap_or_default();
        // A line that does not fit ends in the middle of a number.
        let whole = if line.len() < STAT_SIZE {
            line.len()
        } else {
            line.iter().rposition(|b| *b == b' ').unwrap_or(0)
        };
        let line = String::from_utf8_lossy(line.get(..whole).unwrap_or_default());
        let pids = line.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok());
        pids.filter_map(|pid| Pid::try_from(pid).ok()).collect()
    }

    /// The name of a process, as proc_pid_comm(5) has it.
    pub(crate) fn name(&self, pid: Pid) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.read(&format!("{pid}/comm"))?).trim_end().to_owned())
    }

    /// The uid of a process.
    pub(crate) fn uid(&self, pid: Pid) -> io::Result<u32> {
        Ok(statx(self.root()?, pid.to_string(), AtFlags::empty(), StatxFlags::UID)?.stx_uid)
    }

    /// The pid namespace of this process.
    pub(crate) fn own_pid_namespace(&self) -> io::Result<PathBuf> {
        let link = readlinkat(self.root()?, "self/ns/pid", Vec::new())?;
        Ok(PathBuf::from(std::ffi::OsString::from_vec(link.into_bytes())))
    }

    /// True if a process is in the pid namespace of this one, and not in one below: then it has only one pid (`NSpid` of
    /// proc_pid_status(5)). The link `ns/pid` of a process can be read only by who may trace it, which the broker may not.
    pub(crate) fn is_in_own_namespace(&self, pid: Pid) -> io::Result<bool> {
        let status = self.read(&format!("{pid}/status"))?;
        let status = String::from_utf8_lossy(&status);
        let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        // A kernel without pid namespaces has no such line.
        Ok(pids.is_none_or(|pids| pids.split_whitespace().count() == 1))
    }

    /// True if a process has ended, and nobody has waited for it yet.
    pub(crate) fn is_zombie(&self, pid: Pid) -> io::Result<bool> {
        Ok(self.read_stat(pid)?.is_some_and(|stat| stat.is_zombie))
    }

    /// When a process started, in clock ticks since boot.
    pub(crate) fn started(&self, pid: Pid) -> Option<u64> {
        Some(self.read_stat(pid).ok()??.started)
    }

    /// The first bytes of a small file.
    pub(crate) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = self.entry(path, OFlags::empty())?;
        let mut bytes = vec![0; STAT_SIZE];
        let length = read(&file, &mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    fn entry(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        Ok(openat(self.root()?, path, OFlags::RDONLY | OFlags::CLOEXEC | flags, Mode::empty())?)
    }

    fn root(&self) -> io::Result<BorrowedFd<'_>> {
        let root = self.root.as_ref();
        root.map(AsFd::as_fd).map_err(|error| io::Error::new(error.kind(), format!("/proc: {error}")))
    }
}

/// An instance that shows all processes.
fn mount() -> Result<OwnedFd, Errno> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "hidepid", "0")?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

/// Parses the contents of `sessionid` or `loginuid`, which are 4294967295 while it is not set.
fn parse_audit_id(line: &[u8]) -> Option<u32> {
    let number = std::str::from_utf8(line).ok()?.trim_end().parse().ok()?;
    Some(number).filter(|number| *number != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_audit_that_is_not_set_is_none() {
        for (line, id) in
            [("7", Some(7)), ("7\n", Some(7)), ("0", Some(0)), ("4294967294", Some(u32::MAX - 1))]
        {
            assert_eq!(parse_audit_id(line.as_bytes()), id, "{line:?}");
        }
        for line in [&b"4294967295"[..], b"4294967296", b"-1", b"", b"\xff"] {
            assert_eq!(parse_audit_id(line), None, "{line:?}");
        }
    }
}
