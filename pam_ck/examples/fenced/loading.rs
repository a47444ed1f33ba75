//! The unsafe code of `pam-login`, besides that of a PAM application: dlopen(3), as libpam calls it.

use std::ffi::{CString, c_char, c_int, c_void};

// The unwinder is linked in, as in the module (see pam_ck/build.rs). sshd and login have not loaded libgcc_s. If this
// program had loaded it, the cost of loading it for a module would not be measured.
#[cfg_attr(static_unwinder, link(name = "gcc_eh", kind = "static", modifiers = "-bundle"))]
unsafe extern "C" {}

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
}

/// `RTLD_NOW`, the flag that libpam uses.
const NOW: c_int = 2;

/// Loads the shared object at `path`. False if this fails.
pub(crate) fn load(path: &str) -> bool {
    let path = CString::new(path).unwrap();
    // SAFETY: the path ends with a NUL. The initialisers of a PAM module are trusted, as libpam trusts them.
    !unsafe { dlopen(path.as_ptr(), NOW) }.is_null()
}
