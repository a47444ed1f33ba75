//! The C interface: the two functions that libpam calls, and all calls into libpam.

use crate::{
    guard,
    host::{Account, Host, HostError, Item, Remembered, Status},
    options::Options,
    session,
    syslog::{self, Level},
};
use nix::{errno::Errno, libc};
use pam_sys::{PamHandle, PamItemType, PamReturnCode, raw};
use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    mem::MaybeUninit,
    ptr::{self, NonNull},
    slice,
};

/// The name of the module's data on the handle.
const DATA_NAME: &CStr = c"pam_ck_session";

/// The most that an account may take, in bytes: a group's members are no part of it.
const LARGEST_ACCOUNT: usize = 1 << 20;

/// The PAM handle of a login. It is valid until the entry point returns.
struct Handle(NonNull<PamHandle>);

/// `pam_sm_open_session(3)`
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_open_session(
    pamh: *mut PamHandle,
    _flags: c_int,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: libpam passes the handle of a login, which outlives this call, and in `argv` the `argc` words of the
    // configuration line.
    unsafe { enter(pamh, argc, argv, session::open) }
}

/// `pam_sm_close_session(3)`
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_close_session(
    pamh: *mut PamHandle,
    _flags: c_int,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: as in pam_sm_open_session.
    unsafe { enter(pamh, argc, argv, session::close) }
}

/// Runs `action` behind the guard.
///
/// # Safety
/// `pamh` is null or a handle that lives until this returns; `argv` holds `argc` strings that do.
unsafe fn enter(
    pamh: *mut PamHandle,
    argc: c_int,
    argv: *const *const c_char,
    action: fn(&mut Handle, &Options) -> Status,
) -> c_int {
    let Some(pamh) = NonNull::new(pamh) else { return PamReturnCode::SYSTEM_ERR as c_int };
    // SAFETY: this function has the same contract for `argc` and `argv`.
    let arguments = unsafe { arguments(argc, argv) };
    match guard::run(&mut Handle(pamh), arguments, action) {
        Status::Success => PamReturnCode::SUCCESS as c_int,
        Status::SessionError => PamReturnCode::SESSION_ERR as c_int,
    }
}

/// # Safety
/// `argv` holds `argc` strings that outlive `'a`.
unsafe fn arguments<'a>(argc: c_int, argv: *const *const c_char) -> impl Iterator<Item = &'a CStr> {
    let words = match usize::try_from(argc) {
        // SAFETY: it is not null, and holds `argc` pointers by this function's contract.
        Ok(count) if !argv.is_null() => unsafe { slice::from_raw_parts(argv, count) },
        _ => &[],
    };
    // SAFETY: it is not null, so it is a string by this function's contract.
    words.iter().filter(|word| !word.is_null()).map(|&word| unsafe { CStr::from_ptr(word) })
}

impl Handle {
    fn set_data(&mut self, data: *mut c_void, cleanup: Cleanup) -> Result<(), HostError> {
        // SAFETY: the handle lives (`enter`), and libpam copies the name. `cleanup` fits what `data` points to.
        check(unsafe { raw::pam_set_data(self.0.as_ptr(), DATA_NAME.as_ptr(), data, cleanup) })
    }
}

/// The function that libpam calls for data that is replaced, and at pam_end(3).
type Cleanup = Option<extern "C" fn(*mut PamHandle, *mut c_void, c_int)>;

impl Host for Handle {
    fn item(&self, item: Item) -> Option<&[u8]> {
        let mut value = ptr::null();
        // SAFETY: the handle lives (`enter`), and libpam writes one pointer into `value`.
        let code = unsafe { raw::pam_get_item(self.0.as_ptr(), item_number(item), &raw mut value) };
        if check(code).is_err() || value.is_null() {
            return None;
        }
        // SAFETY: all items of `Item` are strings. libpam keeps an item until it is set again, and nothing here sets
        // one.
        Some(unsafe { CStr::from_ptr(value.cast()) }.to_bytes())
    }

    fn account(&self, name: &[u8]) -> Result<Option<Account>, Errno> {
        let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
        account(&name)
    }

    fn recall(&self) -> Option<Remembered> {
        let mut data = ptr::null();
        // SAFETY: the handle lives (`enter`), and libpam writes one pointer into `data`.
        let code = unsafe { raw::pam_get_data(self.0.as_ptr(), DATA_NAME.as_ptr(), &raw mut data) };
        if check(code).is_err() || data.is_null() {
            return None;
        }
        // SAFETY: only `remember` sets data of this name. It is a boxed `Remembered`, which libpam keeps until it is
        // replaced.
        Some(unsafe { *data.cast::<Remembered>() })
    }

    fn remember(&mut self, session: Option<Remembered>) -> Result<(), HostError> {
        let Some(session) = session else { return self.set_data(ptr::null_mut(), None) };
        let data = Box::into_raw(Box::new(session)).cast();
        self.set_data(data, Some(forget)).inspect_err(|_| forget(ptr::null_mut(), data, 0))
    }

    fn env(&self, name: &CStr) -> Option<&[u8]> {
        // SAFETY: the handle lives (`enter`).
        let value = unsafe { raw::pam_getenv(self.0.as_ptr(), name.as_ptr()) };
        // SAFETY: it is a string of libpam, which keeps it until the variable changes. A change takes `&mut self`.
        (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_bytes())
    }

    fn put_env(&mut self, name: &str, value: &str) -> Result<(), HostError> {
        let bad_item = |_| HostError(PamReturnCode::BAD_ITEM as c_int);
        let pair = CString::new(format!("{name}={value}")).map_err(bad_item)?;
        // SAFETY: the handle lives (`enter`), and libpam copies the string.
        check(unsafe { raw::pam_putenv(self.0.as_ptr(), pair.as_ptr()) })
    }

    fn remove_env(&mut self, name: &CStr) -> Result<(), HostError> {
        // SAFETY: the handle lives (`enter`). A name without `=` deletes the variable.
        check(unsafe { raw::pam_putenv(self.0.as_ptr(), name.as_ptr()) })
    }

    fn log(&self, level: Level, message: &str) {
        let service = self.item(Item::Service).map(String::from_utf8_lossy);
        syslog::write(&service.unwrap_or_default(), level, message);
    }
}

/// Frees what `remember` has boxed, and does nothing else. login and su also end the handle in their child, which
/// does not log out.
extern "C" fn forget(_: *mut PamHandle, data: *mut c_void, _: c_int) {
    if !data.is_null() {
        // SAFETY: `remember` has boxed it. It is passed either to libpam, which calls this function once, or directly
        // to this function.
        drop(unsafe { Box::from_raw(data.cast::<Remembered>()) });
    }
}

/// `getpwnam_r(3)`. nix has it for names in UTF-8 only.
fn account(name: &CStr) -> Result<Option<Account>, Errno> {
    let mut strings: Vec<c_char> = vec![0; 1024];
    loop {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found = ptr::null_mut();
        // SAFETY: the name is a string, the entry and the buffer are ours, and the buffer has the length that is given.
        let code = unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                strings.as_mut_ptr(),
                strings.len(),
                &raw mut found,
            )
        };
        match Errno::from_raw(code) {
            // The strings of the entry found no room.
            Errno::ERANGE if strings.len() < LARGEST_ACCOUNT => strings.resize(2 * strings.len(), 0),
            // What getpwnam(3) lists for a name that is not found.
            Errno::ENOENT | Errno::ESRCH => return Ok(None),
            _ if code != 0 => return Err(Errno::from_raw(code)),
            _ if found.is_null() => return Ok(None),
            _ => {
                // SAFETY: it was found, so libc has filled the entry in. Its strings are in the buffer.
                let (entry, name) = unsafe {
                    let entry = entry.assume_init();
                    (entry, CStr::from_ptr(entry.pw_name))
                };
                let name = name.to_bytes().to_vec();
                return Ok(Some(Account { name, uid: entry.pw_uid, gid: entry.pw_gid }));
            }
        }
    }
}

/// An error unless `code` is `PAM_SUCCESS`.
fn check(code: c_int) -> Result<(), HostError> {
    if code == PamReturnCode::SUCCESS as c_int { Ok(()) } else { Err(HostError(code)) }
}

fn item_number(item: Item) -> c_int {
    let item = match item {
        Item::User => PamItemType::USER,
        Item::Service => PamItemType::SERVICE,
        Item::Tty => PamItemType::TTY,
        Item::RemoteHost => PamItemType::RHOST,
        Item::RemoteUser => PamItemType::RUSER,
        Item::Display => PamItemType::XDISPLAY,
    };
    item as c_int
}
