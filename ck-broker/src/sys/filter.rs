//! Filters of system calls (seccomp(2)): whether the one of a container refuses what the broker needs.
//!
//! Filters that are older than a system call refuse it, with EPERM or ENOSYS. Each call is asked something that the kernel
//! answers with another error, or that everybody may do. So EPERM says that the call itself is refused.

use super::kernel::is_clone3_refused;
use caps::{CapSet, Capability, has_cap};
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, open, openat2, statx},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
        UnmountFlags, fsconfig_create, fsmount, fsopen, mount_change, move_mount, open_tree, unmount,
    },
    process::{PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal},
};
use std::os::fd::OwnedFd;

/// No flag of a call: the kernel answers EINVAL.
const NO_FLAG: u32 = 1 << 31;

/// How a call is asked for. It is given the root directory.
type Ask = fn(&OwnedFd) -> Result<(), Errno>;
/// The name of a call, what does not work without it, and how it is asked for.
type Question = (&'static str, &'static str, Ask);

/// A filter refuses a system call.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "a filter of system calls (seccomp) refuses {call}(2), without which {without}: allow it in the profile of the container or service"
)]
pub struct Refused {
    call: &'static str,
    /// What does not work.
    without: &'static str,
}

/// Asks for the calls that the broker needs from its start on.
///
/// # Errors
/// [`Refused`]; then the broker must not start.
pub(crate) fn check_needed() -> Result<(), Refused> {
    let needed: [Question; 3] = [
        ("pidfd_open", "ck-broker cannot watch processes", |_| {
            pidfd_open(getpid(), PidfdFlags::empty()).map(drop)
        }),
        // The descriptor is not one of a process: EBADF.
        ("pidfd_send_signal", "ck-broker cannot end processes", |root| pidfd_send_signal(root, Signal::CONT)),
        ("statx", "ck-broker cannot tell mounts from directories", |root| {
            statx(root, c"", AtFlags::EMPTY_PATH, StatxFlags::empty()).map(drop)
        }),
    ];
    first_refused(&needed).map_or(Ok(()), Err)
}

/// What users and administrators should know: a protection is missing.
pub(crate) fn problem() -> Option<String> {
    let look_up: Question = ("openat2", "local users can make logins wait (see docs/THREATS.md)", |_| {
        openat2(CWD, c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::empty()).map(drop)
    });
    first_refused(&[look_up]).map(|refused| refused.to_string())
}

/// Whether it refuses clone3(2) with EPERM. Where the answer is ENOSYS, posix_spawn(3) uses clone(2).
pub(super) fn refused_clone() -> Option<Refused> {
    let refused = Refused { call: "clone3", without: "ck-broker cannot start programs" };
    is_clone3_refused().then_some(refused)
}

/// The first of the calls for mounting that a filter refuses to a process that may mount.
pub(crate) fn refused_mount_call() -> Option<Refused> {
    const WITHOUT: &str = "ck-broker cannot mount";
    // Otherwise the kernel itself refuses most of them.
    if !has_cap(None, CapSet::Effective, Capability::CAP_SYS_ADMIN).unwrap_or(false) {
        return None;
    }
    let mounting: [Question; 7] = [
        ("fsopen", WITHOUT, |_| fsopen(c"tmpfs", FsOpenFlags::from_bits_retain(NO_FLAG)).map(drop)),
        ("fsconfig", WITHOUT, |root| fsconfig_create(root)),
        ("fsmount", WITHOUT, |root| {
            fsmount(root, FsMountFlags::from_bits_retain(NO_FLAG), MountAttrFlags::empty()).map(drop)
        }),
        ("open_tree", WITHOUT, |_| open_tree(CWD, c"/", OpenTreeFlags::from_bits_retain(NO_FLAG)).map(drop)),
        ("move_mount", WITHOUT, |_| {
            move_mount(CWD, c"", CWD, c"", MoveMountFlags::from_bits_retain(NO_FLAG))
        }),
        // There is no such path: ENOENT.
        ("mount", WITHOUT, |_| mount_change(c"", MountPropagationFlags::PRIVATE)),
        ("umount2", WITHOUT, |_| unmount(c"", UnmountFlags::NOFOLLOW)),
    ];
    first_refused(&mounting)
}

fn first_refused(questions: &[Question]) -> Option<Refused> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // The root directory can be opened always. If not, that is reported where it matters.
    let root = open(c"/", flags, Mode::empty()).ok()?;
    let is_refused = |ask: Ask| matches!(ask(&root), Err(Errno::PERM | Errno::NOSYS));
    let refused = questions.iter().find(|(_, _, ask)| is_refused(*ask));
    refused.map(|&(call, without, _)| Refused { call, without })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_filter_nothing_is_refused() {
        assert!(check_needed().is_ok());
        assert!(problem().is_none());
        assert!(refused_mount_call().is_none());
    }
}
