//! The only unsafe code: questions to the kernel that neither nix nor rustix can ask, and taking descriptors over
//! of which only their number is known.

use ck_protocol::Vt;
use nix::{
    errno::Errno,
    libc,
    sys::signal::{SigHandler, Signal, signal},
};
use std::{
    fs::{self, File},
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering},
};

/// How many groups one can be in: `NGROUPS_MAX` of linux/limits.h.
const GROUPS: usize = 65_536;
/// How many most are in: then one call does.
const FEW: usize = 64;
/// `SO_PEERGROUPS` of asm-generic/socket.h, Linux 4.13.
const SO_PEERGROUPS: libc::c_int = 59;
/// `VT_ACTIVATE` of linux/vt.h.
const VT_ACTIVATE: libc::Ioctl = 0x5606;

/// The descriptors that the service manager has passed (sd_listen_fds(3)), if it has. They are handed out once, and only
/// before this process has opened any of its own.
///
/// # Errors
/// The variables make no sense, or name a descriptor that is not open.
pub(crate) fn passed_descriptors() -> io::Result<Vec<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let numbers = sd_notify::listen_fds()?;
    // SAFETY: each is open, or listen_fds had failed when it set FD_CLOEXEC; the manager has passed them to this very
    // process (LISTEN_PID), so nothing else in here owns them; and TAKEN sees to it that nobody gets them twice.
    Ok(numbers.map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}

/// The supplementary groups of the process that connected `socket`, as they were then.
///
/// # Errors
/// `ENODATA` for a socket that nobody connected, and what else unix(7) knows.
pub(crate) fn peer_groups(socket: &OwnedFd) -> Result<Vec<u32>, Errno> {
    match groups_within(socket, FEW) {
        Err(Errno::ERANGE) => groups_within(socket, GROUPS),
        groups => groups,
    }
}

/// The same, if they are at most `most`; otherwise `ERANGE`.
fn groups_within(socket: &OwnedFd, most: usize) -> Result<Vec<u32>, Errno> {
    let mut groups = vec![0_u32; most];
    let mut length = libc::socklen_t::try_from(size_of_val(&groups[..])).map_err(|_| Errno::ERANGE)?;
    // SAFETY: the kernel writes at most `length` bytes, which is what `groups` holds, and then how many
    // those were; every bit pattern is a u32.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    Errno::result(done)?;
    let count = usize::try_from(length).map_or(0, |bytes| bytes / size_of::<u32>());
    groups.truncate(count);
    Ok(groups)
}

/// The pid of the parent of the process behind `pidfd`, in our pid namespace; 0 when it has none there.
///
/// # Errors
/// `ENOTTY` or `EINVAL` before Linux 6.13 (`PIDFD_GET_INFO`), `ESRCH` when the process is gone.
pub(crate) fn pidfd_parent(pidfd: &OwnedFd) -> Result<i32, Errno> {
    let mut info = MaybeUninit::<libc::pidfd_info>::zeroed();
    // SAFETY: the number of the request holds the size of the structure, so the kernel reads and writes just that; it is
    // numbers only, for which all bits 0 are a value.
    let info = unsafe {
        Errno::result(libc::ioctl(pidfd.as_raw_fd(), libc::PIDFD_GET_INFO, info.as_mut_ptr()))?;
        info.assume_init()
    };
    i32::try_from(info.ppid).map_err(|_| Errno::ERANGE)
}

/// Asks the kernel to bring the virtual terminal to the foreground.
///
/// # Errors
/// Those of ioctl_console(2).
pub(crate) fn activate_vt(console: &File, vt: Vt) -> Result<(), Errno> {
    // SAFETY: the argument is a number, through which the kernel reads and writes nothing; the descriptor is open as long as
    // `console` is borrowed.
    let done = unsafe { libc::ioctl(console.as_raw_fd(), VT_ACTIVATE, libc::c_ulong::from(vt.get())) };
    Errno::result(done).map(drop)
}

/// True if clone3(2) fails with EPERM, whatever it is asked: a filter refuses it.
pub(super) fn is_clone3_refused() -> bool {
    // SAFETY: a structure of no bytes is none (EINVAL). The kernel reads and starts nothing.
    let asked = unsafe { libc::syscall(libc::SYS_clone3, std::ptr::null::<libc::c_void>(), 0_usize) };
    Errno::result(asked) == Err(Errno::EPERM)
}

/// Marks all descriptors from `first` on close-on-exec, and those opened later are as their opener has it.
///
/// # Errors
/// Before Linux 5.11, and where a filter does not let it ask: those of reading `/proc/self/fd`, and of fcntl(2).
pub(super) fn close_on_exec_from(first: libc::c_uint) -> Result<(), rustix::io::Errno> {
    // SAFETY: it changes flags of descriptors only, and closes none.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 { Ok(()) } else { close_on_exec_each(first) }
}

/// The same, one by one.
fn close_on_exec_each(first: libc::c_uint) -> Result<(), rustix::io::Errno> {
    let failed = |error: io::Error| rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO);
    for entry in fs::read_dir("/proc/self/fd").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<libc::c_int>().ok()) else { continue };
        if u32::try_from(number).is_ok_and(|number| number >= first) {
            // SAFETY: it changes a flag of a descriptor that this very loop has just seen, and closes none.
            let done = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
            Errno::result(done).map_err(|errno| rustix::io::Errno::from_raw_os_error(errno as i32))?;
        }
    }
    Ok(())
}

/// Has SIGCHLD do what it does by default. Where it is ignored, a child that has ended cannot be waited for (wait(2)).
///
/// # Errors
/// sigaction(2)
pub(super) fn reset_child_signal() -> Result<(), rustix::io::Errno> {
    // SAFETY: no handler is installed, and none was: this process has just been started.
    let done = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    done.map(drop).map_err(|errno| rustix::io::Errno::from_raw_os_error(errno as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    #[test]
    fn inherited_descriptors_are_closed_on_exec_with_and_without_the_newer_call() {
        use rustix::io::{FdFlags, dup, fcntl_getfd, fcntl_setfd};
        // dup(2) clears the flag.
        let inherited = dup(io::stderr()).unwrap();
        for mark in [close_on_exec_each, close_on_exec_from] {
            fcntl_setfd(&inherited, FdFlags::empty()).unwrap();
            mark(3).unwrap();
            assert_eq!(fcntl_getfd(&inherited), Ok(FdFlags::CLOEXEC));
        }
    }

    #[test]
    fn a_peer_has_the_groups_that_it_has() {
        let (ours, _theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        let own: Vec<u32> = line.split_whitespace().map(|gid| gid.parse().unwrap()).collect();
        assert_eq!(peer_groups(&ours), Ok(own.clone()));
        assert_eq!(groups_within(&ours, own.len()), Ok(own.clone()));
        if !own.is_empty() {
            assert_eq!(groups_within(&ours, own.len() - 1), Err(Errno::ERANGE));
        }
    }
}
