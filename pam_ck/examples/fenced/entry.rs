//! The unsafe code of `pam-floor`: its entry points, and the calls into libpam.
#![allow(unsafe_code, reason = "a PAM module is a C interface")]

use super::{close, open};
use nix::unistd::User;
use pam_sys::{PamHandle, PamItemType, PamReturnCode, raw};
use std::{
    ffi::{CStr, c_char, c_int},
    ptr, slice,
};

// The unwinder is linked in, as in pam_ck.so: see pam_ck/build.rs.
#[cfg_attr(static_unwinder, link(name = "gcc_eh", kind = "static", modifiers = "-bundle"))]
unsafe extern "C" {}

/// `pam_sm_open_session(3)`
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_open_session(
    pamh: *mut PamHandle,
    _flags: c_int,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: libpam guarantees that the handle lives and that `argv` has `argc` strings.
    let uid = unsafe { uid_of(argc, argv).or_else(|| looked_up(pamh)) };
    match uid.and_then(open) {
        // SAFETY: the handle lives, and libpam copies the string.
        Some(()) => unsafe { raw::pam_putenv(pamh, c"XDG_RUNTIME_DIR=/run/user/2001".as_ptr()) },
        None => PamReturnCode::SESSION_ERR as c_int,
    }
}

/// `pam_sm_close_session(3)`
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_close_session(
    _pamh: *mut PamHandle,
    _flags: c_int,
    _argc: c_int,
    _argv: *const *const c_char,
) -> c_int {
    match close() {
        Some(()) => PamReturnCode::SUCCESS as c_int,
        None => PamReturnCode::SESSION_ERR as c_int,
    }
}

/// # Safety
/// `argv` has `argc` strings.
unsafe fn uid_of(argc: c_int, argv: *const *const c_char) -> Option<u32> {
    let count = usize::try_from(argc).ok().filter(|&count| count > 0)?;
    // SAFETY: `argv` has `argc` strings by this function's contract.
    let first = unsafe { CStr::from_ptr(*slice::from_raw_parts(argv, count).first()?) };
    first.to_str().ok()?.strip_prefix("uid=")?.parse().ok()
}

/// # Safety
/// `pamh` is a live handle.
unsafe fn looked_up(pamh: *mut PamHandle) -> Option<u32> {
    let mut name = ptr::null();
    // SAFETY: the handle lives by this function's contract. libpam writes one pointer, to a string that it keeps.
    let code = unsafe { raw::pam_get_item(pamh, PamItemType::USER as c_int, &raw mut name) };
    if code != PamReturnCode::SUCCESS as c_int || name.is_null() {
        return None;
    }
    // SAFETY: the item is a string, and nothing sets it meanwhile.
    let name = unsafe { CStr::from_ptr(name.cast()) };
    Some(User::from_name(name.to_str().ok()?).ok()??.uid.as_raw())
}
