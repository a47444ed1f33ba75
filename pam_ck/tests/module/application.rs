//! A PAM application. It makes the calls that sshd and login make.

use pam_sys::{PamConversation, PamHandle, PamItemType, PamMessage, PamResponse, raw};
use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    os::unix::ffi::OsStrExt,
    path::Path,
    ptr,
};

/// `PAM_SUCCESS`
pub(crate) const SUCCESS: c_int = 0;

#[link(name = "pam")]
unsafe extern "C" {
    /// `pam_start_confdir(3)`, which pam-sys does not have.
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conversation: *const PamConversation,
        confdir: *const c_char,
        pamh: *mut *mut PamHandle,
    ) -> c_int;
}

extern "C" fn mute(_: c_int, _: *mut *mut PamMessage, _: *mut *mut PamResponse, _: *mut c_void) -> c_int {
    19 // PAM_CONV_ERR
}

/// A login.
pub(crate) struct Application {
    pub(crate) pamh: *mut PamHandle,
    // libpam keeps a pointer to it.
    _conversation: Box<PamConversation>,
}

impl Application {
    /// Calls pam_start(3) with the configuration in `confdir`.
    pub(crate) fn start(confdir: &Path, service: &str, user: &[u8]) -> Self {
        let conversation = Box::new(PamConversation { conv: Some(mute), data_ptr: ptr::null_mut() });
        let [service, user, confdir] = [service.as_bytes(), user, confdir.as_os_str().as_bytes()]
            .map(|text| CString::new(text).unwrap());
        let mut pamh = ptr::null_mut();
        // SAFETY: libpam copies the strings, and the conversation lives as long as the handle.
        let code = unsafe {
            pam_start_confdir(
                service.as_ptr(),
                user.as_ptr(),
                &raw const *conversation,
                confdir.as_ptr(),
                &raw mut pamh,
            )
        };
        assert_eq!(code, SUCCESS);
        Self { pamh, _conversation: conversation }
    }

    /// Calls pam_set_item(3) with a string.
    pub(crate) fn set(&mut self, item: PamItemType, value: &[u8]) {
        let value = CString::new(value).unwrap();
        // SAFETY: the handle lives as long as `self`, and libpam copies the string.
        assert_eq!(unsafe { raw::pam_set_item(self.pamh, item as c_int, value.as_ptr().cast()) }, SUCCESS);
    }

    /// Calls pam_open_session(3).
    pub(crate) fn open(&mut self) -> c_int {
        // SAFETY: the handle lives as long as `self`.
        unsafe { raw::pam_open_session(self.pamh, 0) }
    }

    /// Calls pam_close_session(3).
    pub(crate) fn close(&mut self) -> c_int {
        // SAFETY: the handle lives as long as `self`.
        unsafe { raw::pam_close_session(self.pamh, 0) }
    }

    /// Calls pam_putenv(3), as another module would.
    pub(crate) fn put_env(&mut self, pair: &str) {
        let pair = CString::new(pair).unwrap();
        // SAFETY: the handle lives as long as `self`, and libpam copies the string.
        assert_eq!(unsafe { raw::pam_putenv(self.pamh, pair.as_ptr()) }, SUCCESS);
    }

    /// Calls pam_getenv(3).
    pub(crate) fn env(&self, name: &str) -> Option<String> {
        let name = CString::new(name).unwrap();
        // SAFETY: the handle lives as long as `self`. The string is copied before the handle is used again.
        unsafe {
            let value = raw::pam_getenv(self.pamh, name.as_ptr());
            (!value.is_null()).then(|| CStr::from_ptr(value).to_str().unwrap().to_owned())
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // SAFETY: the handle is ended only here, once.
        unsafe { raw::pam_end(self.pamh, SUCCESS) };
    }
}
