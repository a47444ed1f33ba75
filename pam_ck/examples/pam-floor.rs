//! The least that a PAM module of this kind can do: one connection and one round trip at a login, and again at a
//! logout. No deadline, no check of who answers, nothing that is kept safe: what `make bench` compares with.
//!
//! `bench floor-server` answers, in packets of eight bytes each way. Options: `uid=N` spares the name service.
#![allow(unsafe_code, reason = "a PAM module is a C interface")]

use nix::unistd::User;
use pam_sys::{PamHandle, PamItemType, PamReturnCode, raw};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};
use std::{
    ffi::{CStr, c_char, c_int},
    ptr, slice,
    sync::atomic::{AtomicU32, Ordering},
};

// Built in, as in pam_ck.so: see pam_ck/build.rs.
#[cfg_attr(static_unwinder, link(name = "gcc_eh", kind = "static", modifiers = "-bundle"))]
unsafe extern "C" {}

const SOCKET: &str = "/run/floor.sock";
/// The session of this process. A login is a process here.
static SESSION: AtomicU32 = AtomicU32::new(0);

/// `pam_sm_open_session(3)`
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_open_session(
    pamh: *mut PamHandle,
    _flags: c_int,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: libpam's contract: the handle lives, and `argv` has `argc` strings.
    let uid = unsafe { uid_of(argc, argv).or_else(|| looked_up(pamh)) };
    let opened = uid.and_then(|uid| ask(0, uid));
    opened.map_or(PamReturnCode::SESSION_ERR as c_int, |session| {
        SESSION.store(session, Ordering::Relaxed);
        // SAFETY: the handle lives; libpam copies the string.
        unsafe { raw::pam_putenv(pamh, c"XDG_RUNTIME_DIR=/run/user/2001".as_ptr()) }
    })
}

/// `pam_sm_close_session(3)`
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_close_session(
    _pamh: *mut PamHandle,
    _flags: c_int,
    _argc: c_int,
    _argv: *const *const c_char,
) -> c_int {
    match ask(1, SESSION.load(Ordering::Relaxed)) {
        Some(_) => PamReturnCode::SUCCESS as c_int,
        None => PamReturnCode::SESSION_ERR as c_int,
    }
}

/// # Safety
/// `argv` has `argc` strings.
unsafe fn uid_of(argc: c_int, argv: *const *const c_char) -> Option<u32> {
    let count = usize::try_from(argc).ok().filter(|&count| count > 0)?;
    // SAFETY: the caller's promise.
    let first = unsafe { CStr::from_ptr(*slice::from_raw_parts(argv, count).first()?) };
    first.to_str().ok()?.strip_prefix("uid=")?.parse().ok()
}

/// # Safety
/// `pamh` is a handle that lives.
unsafe fn looked_up(pamh: *mut PamHandle) -> Option<u32> {
    let mut name = ptr::null();
    // SAFETY: the caller's promise; libpam writes one pointer, to a string that it keeps.
    let code = unsafe { raw::pam_get_item(pamh, PamItemType::USER as c_int, &raw mut name) };
    if code != PamReturnCode::SUCCESS as c_int || name.is_null() {
        return None;
    }
    // SAFETY: the item is a string, and nobody sets it meanwhile.
    let name = unsafe { CStr::from_ptr(name.cast()) };
    Some(User::from_name(name.to_str().ok()?).ok()??.uid.as_raw())
}

/// One question, `what` about a uid or a session, and its answer.
fn ask(what: u32, about: u32) -> Option<u32> {
    let address = SocketAddrUnix::new(SOCKET).ok()?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).ok()?;
    connect(&socket, &address).ok()?;
    let packet = (u64::from(what) << 32 | u64::from(about)).to_le_bytes();
    send(&socket, &packet, SendFlags::NOSIGNAL).ok()?;
    let mut reply = [0; 8];
    let (length, _) = recv(&socket, &mut reply[..], RecvFlags::empty()).ok()?;
    (length == reply.len()).then(|| u64::from_le_bytes(reply)).and_then(|reply| u32::try_from(reply).ok())
}
