//! What the kernel says of a process: a descriptor of it, when it started, who its ancestors are.

use crate::registry::Leader;
use ck_protocol::Pid;
use nix::sys::socket::{getsockopt, sockopt};
use rustix::{
    fs::{FsWord, fstat, fstatfs},
    io::Errno,
    process::{PidfdFlags, pidfd_open},
};
use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
};

/// `PID_FS_MAGIC` of linux/magic.h.
const PIDFS: FsWord = 0x5049_4446;
/// How far up ancestors are looked for. An ssh login is three below init, a `su` in its shell
/// a few more.
const GENERATIONS: usize = 32;

/// More than a line of proc_pid_stat(5) has: 50 numbers of at most 20 digits, and a name of 64 bytes. One read(2) brings it
/// whole, as the kernel makes it for that (seq_file).
const LINE: usize = 2048;

/// A descriptor of the process that connected `socket`, whose pid is `pid`.
///
/// # Errors
/// An I/O error when the peer is gone, or cannot be named beyond doubt.
pub fn peer(socket: &impl AsFd, pid: Pid) -> io::Result<OwnedFd> {
    match getsockopt(socket, sockopt::PeerPidfd) {
        Ok(pidfd) => Ok(pidfd),
        // Linux before 6.5.
        Err(nix::errno::Errno::ENOPROTOOPT) => peer_by_pid(socket, pid),
        Err(errno) => Err(errno.into()),
    }
}

/// As [`peer`], where the kernel has no `SO_PEERPIDFD`: by the pid, which is still the peer's
/// if the peer still holds its end of the socket afterwards.
fn peer_by_pid(socket: &impl AsFd, pid: Pid) -> io::Result<OwnedFd> {
    let pidfd = by_pid(pid)?;
    let mut probe = [rustix::event::PollFd::new(socket, rustix::event::PollFlags::empty())];
    rustix::event::poll(&mut probe, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if probe[0].revents().contains(rustix::event::PollFlags::HUP) {
        return Err(io::ErrorKind::NotConnected.into());
    }
    Ok(pidfd)
}

/// A descriptor of the process that has this pid now: pidfd_open(2), Linux 5.3.
///
/// # Errors
/// `ESRCH` when there is none.
pub fn by_pid(pid: Pid) -> io::Result<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(pid.get()).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// A process that ran earlier, if it still does.
///
/// # Errors
/// An I/O error when that cannot be found out, as without a descriptor that is free.
pub fn again(leader: Leader) -> io::Result<Option<OwnedFd>> {
    let gone = |error: &io::Error| error.raw_os_error() == Some(Errno::SRCH.raw_os_error());
    let pidfd = match by_pid(leader.pid) {
        Err(error) if gone(&error) => return Ok(None),
        pidfd => pidfd?,
    };
    // Read after the descriptor was taken: had the pid passed on before, the time would differ, or
    // else the inode; if it passes on later, the descriptor tells.
    let stat = match read_stat(leader.pid) {
        // ESRCH: it ended between opening and reading.
        Err(error) if error.kind() == io::ErrorKind::NotFound || gone(&error) => return Ok(None),
        line => parse(&line?),
    };
    let is_same = leader.inode.is_none_or(|known| inode(&pidfd) == Some(known));
    let runs = stat.is_some_and(|stat| stat.started == leader.started && !stat.is_zombie);
    Ok((is_same && runs).then_some(pidfd))
}

/// The inode of a pidfd, where it names one process only: on pidfs, Linux 6.9. Before, all pidfds had the
/// same one.
#[must_use]
pub fn inode(pidfd: &OwnedFd) -> Option<u64> {
    let is_pidfs = fstatfs(pidfd).is_ok_and(|found| found.f_type == PIDFS);
    fstat(pidfd).ok().filter(|_| is_pidfs).map(|found| found.st_ino)
}

/// Where a process comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// When it started, in clock ticks since boot.
    pub started: u64,
    /// Its ancestors, its parent first.
    pub ancestors: Vec<Pid>,
}

/// Where the process comes from; `None` when it is gone.
#[must_use]
pub fn origin(pid: Pid) -> Option<Origin> {
    let own = stat(pid)?;
    let parent = |pid: &Pid| stat(*pid).and_then(|stat| stat.parent);
    let ancestors = std::iter::successors(own.parent, parent).take(GENERATIONS).collect();
    Some(Origin { started: own.started, ancestors })
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
    let mut line = [0; LINE];
    let length = File::open(format!("/proc/{pid}/stat"))?.read(&mut line)?;
    // The name of the command may be anything, also no UTF-8: whoever runs `su` by a link of their own
    // chooses it.
    Ok(String::from_utf8_lossy(line.get(..length).unwrap_or_default()).into_owned())
}

/// Reads a line of proc_pid_stat(5). The command's name, field 2, may hold anything, also
/// spaces and parentheses; what counts begins after the last of these.
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
    use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, os::unix::fs::symlink, process::Command};

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
        let Origin { started, ancestors } = origin(pid).unwrap();
        assert_eq!(ancestors.first(), Some(&own_pid()));
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
        let leader = Leader { pid: own_pid(), started: origin(own_pid()).unwrap().started, inode: None };
        assert!(again(leader).unwrap().is_some());
        assert!(again(Leader { started: leader.started + 1, ..leader }).unwrap().is_none());
    }

    #[test]
    fn where_there_is_pidfs_a_process_is_recognised_by_its_inode() {
        let Some(inode) = inode(&by_pid(own_pid()).unwrap()) else { return };
        let leader =
            Leader { pid: own_pid(), started: origin(own_pid()).unwrap().started, inode: Some(inode) };
        assert!(again(leader).unwrap().is_some());
        assert!(again(Leader { inode: Some(inode + 1), ..leader }).unwrap().is_none());
    }

    #[test]
    fn the_ancestors_begin_with_the_parent() {
        let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert_eq!(origin(own_pid()).unwrap().ancestors.first().map(|pid| pid.get()), Some(parent));
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
