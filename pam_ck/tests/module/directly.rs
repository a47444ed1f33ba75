//! Calls into the module without libpam.

use crate::application::Application;
use nix::{errno::Errno, libc};
use pam_sys::PamHandle;
use std::{
    ffi::{CString, c_char, c_int},
    mem,
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// The type of `pam_sm_open_session(3)` and `pam_sm_close_session(3)`.
type Function = unsafe extern "C" fn(*mut PamHandle, c_int, c_int, *const *const c_char) -> c_int;

impl Application {
    /// Sets errno to `errno`, calls `function` of `module`, and returns errno.
    pub(crate) fn errno_after(
        &mut self,
        module: &Path,
        function: &str,
        arguments: &[&str],
        errno: c_int,
    ) -> c_int {
        let [path, function] =
            [module.as_os_str().as_bytes(), function.as_bytes()].map(|text| CString::new(text).unwrap());
        let arguments: Vec<_> = arguments.iter().map(|text| CString::new(*text).unwrap()).collect();
        let words: Vec<_> = arguments.iter().map(|text| text.as_ptr()).collect();
        let count = c_int::try_from(words.len()).unwrap();
        // SAFETY: both strings end with a NUL, and the module has no initialisers with requirements.
        let symbol = unsafe { libc::dlsym(libc::dlopen(path.as_ptr(), libc::RTLD_NOW), function.as_ptr()) };
        assert!(!symbol.is_null(), "{function:?}");
        // SAFETY: a function of this name has this type in every PAM module.
        let call = unsafe { mem::transmute::<*mut libc::c_void, Function>(symbol) };
        Errno::set_raw(errno);
        // SAFETY: the handle lives as long as `self`, and the words outlive the call.
        unsafe { call(self.pamh, 0, count, words.as_ptr()) };
        Errno::last_raw()
    }
}
