//! libpam, for a login on trial: the calls of an application. It is loaded only then, so that ckctl also runs where there is no
//! libpam.
//!
//! This file and `sys` have the only unsafe code. What is called, and the layout of its arguments, is that of
//! `security/pam_appl.h` and `security/_pam_types.h` of Linux-PAM, whose `libpam.so.0` has kept both since 1.0.
#![allow(unsafe_code, reason = "libpam is a C interface, and every call to it is in this file")]

use libloading::Library;
use nix::libc;
use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    ptr::{self, NonNull},
};

const LIBRARY: &str = "libpam.so.0";
/// Codes of `_pam_types.h`.
const SUCCESS: c_int = 0;
const CONVERSATION_FAILED: c_int = 19;
/// The styles of messages that expect no answer: `PAM_ERROR_MSG`, `PAM_TEXT_INFO`.
const NO_ANSWER: [c_int; 2] = [3, 4];

/// Why something did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PamError {
    #[error("cannot load {LIBRARY}: {0}")]
    Load(libloading::Error),
    #[error("{call} fails: {reason} ({code})")]
    Call { call: &'static str, reason: String, code: c_int },
}

/// What is told to the modules about a login: `PAM_TTY`, `PAM_RHOST`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    Tty = 3,
    RemoteHost = 4,
}

type Handle = *mut c_void;

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

type Conversation =
    unsafe extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int;

#[repr(C)]
struct Talk {
    conversation: Conversation,
    data: *mut c_void,
}

/// The functions of libpam that are called.
#[derive(Clone, Copy)]
struct Functions {
    start: unsafe extern "C" fn(*const c_char, *const c_char, *const Talk, *mut Handle) -> c_int,
    end: unsafe extern "C" fn(Handle, c_int) -> c_int,
    set_item: unsafe extern "C" fn(Handle, c_int, *const c_void) -> c_int,
    open_session: unsafe extern "C" fn(Handle, c_int) -> c_int,
    close_session: unsafe extern "C" fn(Handle, c_int) -> c_int,
    environment: unsafe extern "C" fn(Handle) -> *mut *mut c_char,
    reason: unsafe extern "C" fn(Handle, c_int) -> *const c_char,
}

/// A login. Its end is that of `pam_end(3)`.
pub(crate) struct Pam {
    functions: Functions,
    /// Valid until this is dropped.
    handle: NonNull<c_void>,
    last: c_int,
}

impl Pam {
    /// `pam_start(3)`
    ///
    /// # Errors
    /// [`PamError`]
    pub(crate) fn start(service: &CStr, user: &CStr) -> Result<Self, PamError> {
        let functions = load().map_err(PamError::Load)?;
        let talk = Talk { conversation: answer, data: ptr::null_mut() };
        let mut handle = ptr::null_mut();
        // SAFETY: both strings and `talk` live until the call returns, and libpam copies them. It writes to `handle`.
        let code =
            unsafe { (functions.start)(service.as_ptr(), user.as_ptr(), &raw const talk, &raw mut handle) };
        let failed = || PamError::Call { call: "pam_start", reason: "see the log".to_owned(), code };
        let handle = NonNull::new(handle).filter(|_| code == SUCCESS).ok_or_else(failed)?;
        Ok(Self { functions, handle, last: code })
    }

    /// `pam_set_item(3)`
    ///
    /// # Errors
    /// [`PamError`]
    pub(crate) fn set(&mut self, item: Item, value: &CStr) -> Result<(), PamError> {
        // SAFETY: the handle is valid. The value of these items is a string, which libpam copies.
        let code =
            unsafe { (self.functions.set_item)(self.handle.as_ptr(), item as c_int, value.as_ptr().cast()) };
        self.checked("pam_set_item", code)
    }

    /// `pam_open_session(3)`
    ///
    /// # Errors
    /// [`PamError`]
    pub(crate) fn open_session(&mut self) -> Result<(), PamError> {
        // SAFETY: the handle is valid, and this program has one thread, as modules may expect.
        let code = unsafe { (self.functions.open_session)(self.handle.as_ptr(), 0) };
        self.checked("pam_open_session", code)
    }

    /// `pam_close_session(3)`
    ///
    /// # Errors
    /// [`PamError`]
    pub(crate) fn close_session(&mut self) -> Result<(), PamError> {
        // SAFETY: as in `open_session`.
        let code = unsafe { (self.functions.close_session)(self.handle.as_ptr(), 0) };
        self.checked("pam_close_session", code)
    }

    /// `pam_getenvlist(3)`: `NAME=VALUE`, what the modules have set for the user.
    pub(crate) fn environment(&self) -> Vec<CString> {
        let mut found = Vec::new();
        // SAFETY: the handle is valid. The answer is null or a list of strings with a null at its end, which belongs to the
        // caller. It is never freed: this process ends soon.
        unsafe {
            let mut entry = (self.functions.environment)(self.handle.as_ptr());
            while !entry.is_null() && !(*entry).is_null() {
                found.push(CStr::from_ptr(*entry).to_owned());
                entry = entry.add(1);
            }
        }
        found
    }

    fn checked(&mut self, call: &'static str, code: c_int) -> Result<(), PamError> {
        self.last = code;
        if code == SUCCESS {
            return Ok(());
        }
        // SAFETY: the handle is valid. The answer is null or a string that nobody frees.
        let reason = unsafe {
            let reason = (self.functions.reason)(self.handle.as_ptr(), code);
            if reason.is_null() {
                String::new()
            } else {
                CStr::from_ptr(reason).to_string_lossy().into_owned()
            }
        };
        Err(PamError::Call { call, reason, code })
    }
}

impl Drop for Pam {
    fn drop(&mut self) {
        // SAFETY: the handle is valid, and is not used any more.
        unsafe { (self.functions.end)(self.handle.as_ptr(), self.last) };
    }
}

/// Loads libpam for as long as this process lives: modules may leave callbacks.
fn load() -> Result<Functions, libloading::Error> {
    // SAFETY: libpam's initialisers may run in any program that is linked with it. The types are those of pam_appl.h.
    unsafe {
        let library: &'static Library = Box::leak(Box::new(Library::new(LIBRARY)?));
        Ok(Functions {
            start: *library.get(b"pam_start\0")?,
            end: *library.get(b"pam_end\0")?,
            set_item: *library.get(b"pam_set_item\0")?,
            open_session: *library.get(b"pam_open_session\0")?,
            close_session: *library.get(b"pam_close_session\0")?,
            environment: *library.get(b"pam_getenvlist\0")?,
            reason: *library.get(b"pam_strerror\0")?,
        })
    }
}

/// The conversation: `pam_conv(3)`. What modules tell is dropped. Nobody is there who could answer, so every question fails.
unsafe extern "C" fn answer(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    _data: *mut c_void,
) -> c_int {
    let Some(count) = usize::try_from(count).ok().filter(|count| *count > 0 && !messages.is_null()) else {
        return CONVERSATION_FAILED;
    };
    // SAFETY: Linux-PAM passes an array of `count` pointers to messages, and a place for the array of responses. The caller
    // frees that array, so it is from the allocator of C; all its texts are null.
    unsafe {
        let styles = (0..count).map(|index| (**messages.add(index)).style);
        if responses.is_null() || !styles.into_iter().all(|style| NO_ANSWER.contains(&style)) {
            return CONVERSATION_FAILED;
        }
        *responses = libc::calloc(count, size_of::<Response>()).cast();
        if (*responses).is_null() { CONVERSATION_FAILED } else { SUCCESS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_accepted_and_a_question_fails() {
        let ask = |style| {
            let message = Message { style, text: c"x".as_ptr() };
            let (mut messages, mut responses) = ([&raw const message], ptr::null_mut());
            // SAFETY: one message, and a place for the responses.
            let code = unsafe { answer(1, messages.as_mut_ptr(), &raw mut responses, ptr::null_mut()) };
            let is_there = !responses.is_null();
            // SAFETY: it is null, or `answer` has allocated it.
            unsafe { libc::free(responses.cast()) };
            (code, is_there)
        };
        assert_eq!((ask(4), ask(3)), ((SUCCESS, true), (SUCCESS, true)));
        assert_eq!((ask(1), ask(2)), ((CONVERSATION_FAILED, false), (CONVERSATION_FAILED, false)));
        // SAFETY: nothing is read.
        let none = unsafe { answer(-1, ptr::null_mut(), ptr::null_mut(), ptr::null_mut()) };
        assert_eq!(none, CONVERSATION_FAILED);
    }
}
