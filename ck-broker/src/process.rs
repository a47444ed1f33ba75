//! Facts about a process from the kernel: its pidfd, its identity across restarts, its ancestors.

use crate::{poll, sys};
use ck_core::model::Leader;
use ck_protocol::Pid;
use nix::sys::socket::{getsockopt, sockopt};
use rustix::{
    event::PollFlags,
    fs::{FsWord, fstat, fstatfs},
    io::Errno,
    process::{PidfdFlags, pidfd_open},
};
use std::{
    fs::File,
    io::{self, Read},
    iter,
    os::fd::{AsFd, OwnedFd},
    sync::OnceLock,
};

/// `PID_FS_MAGIC` of linux/magic.h.
const PIDFS: FsWord = 0x5049_4446;
/// The maximum number of ancestors that are looked for. An ssh login is three generations below init, a `su` in its
/// shell a few more.
const MAX_ANCESTORS: usize = 32;

/// The size of the buffer for a line of proc_pid_stat(5), which has 50 numbers of at most 20 digits, and a name of 64
/// bytes. One read(2) returns the whole line (seq_file).
const STAT_SIZE: usize = 2048;

/// A descriptor of the process that connected `socket`, whose pid is `pid`.
///
/// # Errors
/// An I/O error if the peer is gone, or cannot be identified with certainty.
pub fn peer(socket: &impl AsFd, pid: Pid) -> io::Result<OwnedFd> {
    match getsockopt(socket, sockopt::PeerPidfd) {
        Ok(pidfd) => Ok(pidfd),
        // Linux before 6.5.
        Err(nix::errno::Errno::ENOPROTOOPT) => peer_by_pid(socket, pid),
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
/// An I/O error if that cannot be found out, for example if no descriptor is free.
pub fn again(leader: Leader) -> io::Result<Option<OwnedFd>> {
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
    let stat = match read_stat(leader.pid) {
        // ESRCH: it ended between opening and reading.
        Err(error) if error.kind() == io::ErrorKind::NotFound || gone(&error) => return Ok(None),
        line => parse(&line?),
    };
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
pub fn inode(pidfd: &OwnedFd) -> Option<u64> {
    // All pidfds of a system are on one file system.
    static ON_PIDFS: OnceLock<bool> = OnceLock::new();
    let on_pidfs = || fstatfs(pidfd).is_ok_and(|found| found.f_type == PIDFS);
    ON_PIDFS.get_or_init(on_pidfs).then(|| fstat(pidfd).ok()).flatten().map(|found| found.st_ino)
}

/// The identity of the process behind `pidfd`, which has this pid. `None` if it is gone.
#[must_use]
pub fn leader(pidfd: &OwnedFd, pid: Pid) -> Option<Leader> {
    match inode(pidfd) {
        // The inode is sufficient. Reading /proc would take 18 µs more.
        Some(inode) => Some(Leader { pid, started: 0, inode: Some(inode) }),
        None => Some(Leader { pid, started: stat(pid)?.started, inode: None }),
    }
}

/// The ancestors of the process behind `pidfd`, which has this pid, its parent first.
#[must_use]
pub fn ancestors(pidfd: &OwnedFd, pid: Pid) -> Vec<Pid> {
    let above = |pid: &Pid| by_pid(*pid).ok().and_then(|pidfd| parent(&pidfd, *pid));
    iter::successors(parent(pidfd, pid), above).take(MAX_ANCESTORS).collect()
}

/// The parent of the process behind `pidfd`, which has this pid. `None` if the process is gone, or its parent is not in
/// our pid namespace.
fn parent(pidfd: &OwnedFd, pid: Pid) -> Option<Pid> {
    match sys::pidfd_parent(pidfd) {
        Ok(parent) => Pid::try_from(parent).ok(),
        // Linux before 6.13: ENOTTY, or EINVAL if pidfds support other requests already.
        Err(nix::errno::Errno::ENOTTY | nix::errno::Errno::EINVAL) => stat(pid)?.parent,
        Err(_) => None,
    }
}

struct Stat {
    parent: Option<Pid>,
    started: u64,
    is_zombie: bool,
}

fn stat(pid: Pid) -> Option<Stat> {
    parse(&read_stat(pid).ok()?)
}

fn read_stat(pid: Pid) -> io::Result<String> {
    let mut line = [0; STAT_SIZE];
    let length = File::open(format!("/proc/{pid}/stat"))?.read(&mut line)?;
    // The name of the command may not be UTF-8: a user who runs `su` through a link chooses it.
    Ok(String::from_utf8_lossy(line.get(..length).unwrap_or_default()).into_owned())
}

/// Parses a line of proc_pid_stat(5). The name of the command, field 2, may contain any character, also spaces and
/// parentheses. The other fields follow its last parenthesis.
fn parse(line: &str) -> Option<Stat> {
    let (_, fields) = line.rsplit_once(") ")?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse::<i32>().ok().and_then(|pid| Pid::try_from(pid).ok());
    // `fields` now begins with field 5; the start time is field 22.
    let started = fields.nth(17)?.parse().ok()?;
    Some(Stat { parent, started, is_zombie: matches!(state, "Z" | "X") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use proptest::prelude::*;
    use std::{
        ffi::OsStr, fs, os::unix::ffi::OsStrExt, os::unix::fs::symlink, os::unix::process::parent_id,
        process::Command,
    };

    fn own_pid() -> Pid {
        Pid::try_from(i32::try_from(std::process::id()).unwrap()).unwrap()
    }

    #[test]
    fn a_name_with_parentheses_misleads_nobody() {
        let line = "12 (a) R 9 (b) S 7 1 1 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 4711 1 1";
        let stat = parse(line).unwrap();
        assert_eq!((stat.parent.map(Pid::get), stat.started, stat.is_zombie), (Some(7), 4711, false));
        assert!(parse("12 (cut").is_none());
    }

    #[test]
    fn a_name_that_is_no_text_hides_nobody() {
        let dir = std::env::temp_dir().join(format!("ck-broker-name-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let program = dir.join(OsStr::from_bytes(b"\xff) Z 1 "));
        symlink("/bin/sleep", &program).unwrap();
        let mut child = Command::new(&program).arg("60").spawn().unwrap();
        let pid = Pid::try_from(i32::try_from(child.id()).unwrap()).unwrap();
        let Stat { parent, started, .. } = stat(pid).unwrap();
        assert_eq!(parent, Some(own_pid()));
        assert!(again(Leader { pid, started, inode: None }).unwrap().is_some());
        child.kill().and_then(|()| child.wait()).unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }

    proptest! {
        #[test]
        fn no_line_makes_parsing_panic(line in "[0-9() a-zA-Z\\-\n\u{fffd}]{0,120}") {
            let _ = parse(&line);
        }

        #[test]
        fn no_name_changes_what_is_read(name in any::<String>()) {
            let line = format!("12 ({name}) S 7 1 1 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 4711 1 1");
            let stat = parse(&line).unwrap();
            prop_assert_eq!((stat.parent.map(Pid::get), stat.started), (Some(7), 4711));
        }
    }

    #[test]
    fn a_process_is_recognised_by_its_start_time() {
        let leader = Leader { pid: own_pid(), started: stat(own_pid()).unwrap().started, inode: None };
        assert!(again(leader).unwrap().is_some());
        assert!(again(Leader { started: leader.started + 1, ..leader }).unwrap().is_none());
    }

    #[test]
    fn where_there_is_pidfs_a_process_is_recognised_by_its_inode() {
        let leader = leader(&by_pid(own_pid()).unwrap(), own_pid()).unwrap();
        assert!(again(leader).unwrap().is_some());
        let Some(inode) = leader.inode else { return };
        assert!(again(Leader { inode: Some(inode + 1), ..leader }).unwrap().is_none());
    }

    #[test]
    fn one_that_has_ended_and_is_not_reaped_is_none() {
        let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let pid = Pid::try_from(i32::try_from(child.id()).unwrap()).unwrap();
        let by_inode = leader(&by_pid(pid).unwrap(), pid).unwrap();
        let by_time = Leader { pid, started: stat(pid).unwrap().started, inode: None };
        child.kill().unwrap();
        while !stat(pid).unwrap().is_zombie {}
        for leader in [by_inode, by_time] {
            assert!(again(leader).unwrap().is_none(), "{leader:?}");
        }
        child.wait().unwrap();
    }

    #[test]
    fn the_ancestors_are_those_that_proc_tells() {
        let parent = |pid: &Pid| stat(*pid).and_then(|stat| stat.parent);
        let told: Vec<_> = iter::successors(parent(&own_pid()), parent).collect();
        assert_eq!(told.first().map(|pid| pid.get()), Some(i32::try_from(parent_id()).unwrap()));
        assert_eq!(ancestors(&by_pid(own_pid()).unwrap(), own_pid()), told);
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
