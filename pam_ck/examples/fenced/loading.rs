//! dlopen(3), as libpam calls it: the unsafe code of `pam-login`, beside that of a PAM application.

use std::ffi::{CString, c_char, c_int, c_void};

// Built in, as in the module (see pam_ck/build.rs): sshd and login have not loaded libgcc_s, and a host of the module that
// has would hide what it costs a module to need it.
#[cfg_attr(static_unwinder, link(name = "gcc_eh", kind = "static", modifiers = "-bundle"))]
unsafe extern "C" {}

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
}

/// `RTLD_NOW`, as libpam has it.
const NOW: c_int = 2;

/// Whether the shared object at `path` could be loaded.
pub(crate) fn load(path: &str) -> bool {
    let path = CString::new(path).unwrap();
    // SAFETY: the path is a string that ends; what a PAM module runs when it is loaded is trusted, as by libpam.
    !unsafe { dlopen(path.as_ptr(), NOW) }.is_null()
}
