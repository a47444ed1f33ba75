//! Descriptors that peers push at us (`SCM_RIGHTS` of unix(7)).
//!
//! Dropping them is not enough: who drops the last copy of an open file closes it, and that can take
//! long. Any user can push a TCP connection with unsent data and `SO_LINGER`, close their own copy, and
//! then it is the receiver's close that waits; or a detached tmpfs with a million files, which the last
//! holder frees. Linux 6.16 can have them refused before they are ours.

use nix::{libc, setsockopt_impl, sockopt_impl, sys::socket::setsockopt};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// `SO_PASSRIGHTS` of `asm-generic/socket.h`, which libc does not name yet.
const SO_PASSRIGHTS: libc::c_int = 83;

sockopt_impl!(
    /// Whether peers may push descriptors.
    PassRights,
    SetOnly,
    libc::SOL_SOCKET,
    SO_PASSRIGHTS,
    bool
);

/// Has the kernel refuse a packet with descriptors, with EPERM to its sender: on each connection of the
/// listener, also before that is accepted. Earlier kernels cannot, and the filter of a container may refuse to (EPERM,
/// ENOSYS). Then this is false: see [`super::deferred_close`].
pub(crate) fn refuse(listener: &OwnedFd) -> Result<bool, Errno> {
    match setsockopt(listener, PassRights, &false) {
        Ok(()) => Ok(true),
        Err(nix::errno::Errno::ENOPROTOOPT | nix::errno::Errno::EPERM | nix::errno::Errno::ENOSYS) => {
            Ok(false)
        }
        Err(errno) => Err(Errno::from_raw_os_error(errno as i32)),
    }
}
