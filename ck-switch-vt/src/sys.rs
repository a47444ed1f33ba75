//! The only unsafe code: one ioctl.
#![allow(unsafe_code, reason = "no crate has VT_ACTIVATE")]

use ck_protocol::Vt;
use nix::errno::Errno;
use std::{fs::File, os::fd::AsRawFd};

/// `VT_ACTIVATE` of linux/vt.h.
const VT_ACTIVATE: u32 = 0x5606;

nix::ioctl_write_int_bad!(vt_activate, VT_ACTIVATE);

/// Asks the kernel to bring the terminal to the foreground.
pub(crate) fn activate(console: &File, vt: Vt) -> Result<(), Errno> {
    // SAFETY: the argument is a number, through which the kernel reads and writes nothing; the descriptor is
    // open as long as `console` is borrowed.
    unsafe { vt_activate(console.as_raw_fd(), vt.get().into()) }.map(drop)
}
