//! Facts about a process from the kernel: its pidfd, its identity across restarts, its ancestors.

mod proc;

pub use proc::Proc;

use crate::{poll, sys};
use ck_core::model::{AuditIds, Leader};
use ck_protocol::{Pid, Uid};
use nix::sys::socket::{getsockopt, sockopt};
use rustix::{
    event::PollFlags,
    fs::{FsWord, fstat, fstatfs},
    io::Errno,
    process::{PidfdFlags, pidfd_open},
};
use std::{
    io, iter,
    num::{NonZeroU32, NonZeroU64},
    os::fd::{AsFd, OwnedFd},
    sync::OnceLock,
};

/// `PID_FS_MAGIC` of linux/magic.h.
const PIDFS: FsWord = 0x5049_4446;
/// The maximum number of ancestors that are looked for. An ssh login is three generations below init, a `su` in its
/// shell a few more.
const MAX_ANCESTORS: usize = 32;

/// A descriptor of the process that connected `socket`, whose pid is `pid`.
///
/// # Errors
/// An I/O error if the peer is gone, or cannot be identified with certainty.
pub fn peer(socket: &impl AsFd, pid: Pid) -> io::Result<OwnedFd> {
    match getsockopt(socket, sockopt::PeerPidfd) {
        Ok(pidfd) => Ok(pidfd),
        // Linux before 6.5.
        Err(nix::errno::Errno::ENOPROTOOPT | nix::errno::Errno::EPERM | nix::errno::Errno::ENOSYS) => {
            peer_by_pid(socket, pid)
        }
        Err(errno) => Err(errno.into()),
    }
}

/// As [`peer`], for kernels without `SO_PEERPIDFD`. The pid still belongs to the peer if the peer still holds its end
/// of the socket afterwards.
fn peer_by_pid(socket: &impl AsFd, pid: Pid) -> io::Result<OwnedFd> {
    let pidfd = by_pid(pid)?;
    if poll::now(socket, PollFlags::empty())?.contains(PollFlags::HUP) {
        return Err(io::ErrorKind::NotConnected.into());
    }
    Ok(pidfd)
}

/// A descriptor of the process that has this pid now: pidfd_open(2), Linux 5.3.
///
/// # Errors
/// `ESRCH` if there is none.
pub fn by_pid(pid: Pid) -> io::Result<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(pid.get()).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// A descriptor of a process that was a leader earlier, if it still runs.
///
/// # Errors
/// An I/O error if that cannot be found out, for example if no descriptor is free, or if /proc hides the process.
pub fn again(proc: &Proc, leader: Leader) -> io::Result<Option<OwnedFd>> {
    let gone = |error: &io::Error| error.raw_os_error() == Some(Errno::SRCH.raw_os_error());
    let pidfd = match by_pid(leader.pid) {
        Err(error) if gone(&error) => return Ok(None),
        pidfd => pidfd?,
    };
    if leader.inode.is_some() {
        let runs = inode(&pidfd) == leader.inode && !has_ended(&pidfd)?;
        return Ok(runs.then_some(pidfd));
    }
    // Read after the descriptor was opened. If the pid was reused before that, the start time differs. If it is reused
    // later, the descriptor reports that the process has ended.
    let stat = proc.stat(&pidfd, leader.pid)?;
    let runs = stat.is_some_and(|stat| stat.started == leader.started && !stat.is_zombie);
    Ok(runs.then_some(pidfd))
}

/// True if the process has ended.
pub(crate) fn has_ended(pidfd: &OwnedFd) -> io::Result<bool> {
    Ok(poll::now(pidfd, PollFlags::IN)?.contains(PollFlags::IN))
}

/// The inode of a pidfd, on kernels where each process has its own: pidfs, Linux 6.9. On older kernels all pidfds have
/// the same inode.
#[must_use]
pub fn inode(pidfd: &OwnedFd) -> Option<NonZeroU64> {
    // All pidfds of a system are on one file system.
    static ON_PIDFS: OnceLock<bool> = OnceLock::new();
    let on_pidfs = || fstatfs(pidfd).is_ok_and(|found| found.f_type == PIDFS);
    ON_PIDFS
        .get_or_init(on_pidfs)
        .then(|| fstat(pidfd).ok())
        .flatten()
        .and_then(|found| NonZeroU64::new(found.st_ino))
}

/// The identity of the process behind `pidfd`, which has this pid. `None` if it is gone.
///
/// # Errors
/// An I/O error if that cannot be found out, for example if /proc hides the process.
pub fn leader(proc: &Proc, pidfd: &OwnedFd, pid: Pid) -> io::Result<Option<Leader>> {
    match inode(pidfd) {
        // The inode is sufficient. Reading /proc would take 18 µs more.
        Some(inode) => Ok(Some(Leader { pid, started: 0, inode: Some(inode) })),
        None => {
            let stat = proc.stat(pidfd, pid)?;
            Ok(stat.map(|stat| Leader { pid, started: stat.started, inode: None }))
        }
    }
}

/// The ids in the audit of the process behind `pidfd`, which has this pid. A kernel without CONFIG_AUDIT has none.
#[must_use]
pub fn audit_ids(proc: &Proc, pidfd: &OwnedFd, pid: Pid) -> AuditIds {
    // The kernel sets both at once, so without the first there is no second (audit_set_loginuid of auditsc.c).
    let Some(session) = proc.audit_id(pid, "sessionid").and_then(NonZeroU32::new) else {
        return AuditIds::default();
    };
    let login_uid = proc.audit_id(pid, "loginuid").and_then(|uid| Uid::try_from(uid).ok());
    // If it has ended, another process may have got its pid before the files were read.
    match has_ended(pidfd) {
        Ok(false) => AuditIds { session: Some(session), login_uid },
        Ok(true) | Err(_) => AuditIds::default(),
    }
}

/// The ancestors of the process behind `pidfd`, which has this pid, its parent first.
#[must_use]
pub fn ancestors(proc: &Proc, pidfd: &OwnedFd, pid: Pid) -> Vec<Pid> {
    let above = |pid: &Pid| by_pid(*pid).ok().and_then(|pidfd| parent(proc, &pidfd, *pid));
    iter::successors(parent(proc, pidfd, pid), above).take(MAX_ANCESTORS).collect()
}

/// The parent of the process behind `pidfd`, which has this pid. `None` if the process is gone, or its parent is not in
/// our pid namespace.
fn parent(proc: &Proc, pidfd: &OwnedFd, pid: Pid) -> Option<Pid> {
    match sys::pidfd_parent(pidfd) {
        Ok(parent) => Pid::try_from(parent).ok(),
        // Linux before 6.13: ENOTTY, or EINVAL if pidfds support other requests already.
        Err(
            nix::errno::Errno::ENOTTY
            | nix::errno::Errno::EINVAL
            | nix::errno::Errno::EPERM
            | nix::errno::Errno::ENOSYS,
        ) => proc.stat(pidfd, pid).ok()??.parent,
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_core::processes::Stat;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use std::{
        ffi::OsStr, fs, os::unix::ffi::OsStrExt, os::unix::fs::symlink, os::unix::process::parent_id,
        process::Command,
    };

    fn own_pid() -> Pid {
        Pid::try_from(i32::try_from(std::process::id()).unwrap()).unwrap()
    }

    fn stat(proc: &Proc, pid: Pid) -> Stat {
        proc.stat(&by_pid(pid).unwrap(), pid).unwrap().unwrap()
    }

    #[test]
    fn a_name_that_is_no_text_hides_nobody() {
        let dir = std::env::temp_dir().join(format!("ck-broker-name-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let program = dir.join(OsStr::from_bytes(b"\xff) Z 1 "));
        symlink("/bin/sleep", &program).unwrap();
        let mut child = Command::new(&program).arg("60").spawn().unwrap();
        let pid = Pid::try_from(i32::try_from(child.id()).unwrap()).unwrap();
        let proc = Proc::open();
        let Stat { parent, started, .. } = stat(&proc, pid);
        assert_eq!(parent, Some(own_pid()));
        assert!(again(&proc, Leader { pid, started, inode: None }).unwrap().is_some());
        child.kill().and_then(|()| child.wait()).unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_process_is_recognised_by_its_start_time() {
        let proc = Proc::open();
        let leader = Leader { pid: own_pid(), started: stat(&proc, own_pid()).started, inode: None };
        assert!(again(&proc, leader).unwrap().is_some());
        assert!(again(&proc, Leader { started: leader.started + 1, ..leader }).unwrap().is_none());
    }

    #[test]
    fn where_there_is_pidfs_a_process_is_recognised_by_its_inode() {
        let proc = Proc::open();
        let leader = leader(&proc, &by_pid(own_pid()).unwrap(), own_pid()).unwrap().unwrap();
        assert!(again(&proc, leader).unwrap().is_some());
        let Some(inode) = leader.inode else { return };
        assert!(again(&proc, Leader { inode: inode.checked_add(1), ..leader }).unwrap().is_none());
    }

    #[test]
    fn one_that_has_ended_and_is_not_reaped_is_none() {
        let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let pid = Pid::try_from(i32::try_from(child.id()).unwrap()).unwrap();
        let proc = Proc::open();
        let by_inode = leader(&proc, &by_pid(pid).unwrap(), pid).unwrap().unwrap();
        let by_time = Leader { pid, started: stat(&proc, pid).started, inode: None };
        child.kill().unwrap();
        while !stat(&proc, pid).is_zombie {}
        for leader in [by_inode, by_time] {
            assert!(again(&proc, leader).unwrap().is_none(), "{leader:?}");
        }
        child.wait().unwrap();
    }

    #[test]
    fn the_ancestors_are_those_that_proc_tells() {
        let proc = Proc::open();
        let parent = |pid: &Pid| stat(&proc, *pid).parent;
        let told: Vec<_> = iter::successors(parent(&own_pid()), parent).collect();
        assert_eq!(told.first().map(|pid| pid.get()), Some(i32::try_from(parent_id()).unwrap()));
        assert_eq!(ancestors(&proc, &by_pid(own_pid()).unwrap(), own_pid()), told);
    }

    #[test]
    fn without_peer_pidfd_a_peer_counts_only_while_it_holds_its_end() {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        assert!(peer_by_pid(&ours, own_pid()).is_ok());
        drop(theirs);
        assert!(peer_by_pid(&ours, own_pid()).is_err());
    }
}
