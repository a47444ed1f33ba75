//! Acting as a user for a while.

use rustix::process::{Uid, getuid};
use rustix::thread::set_thread_res_uid;

/// Does `act` with the rights of the uid.
pub(crate) fn as_user<T>(uid: u32, act: impl FnOnce() -> T) -> T {
    let root = getuid();
    set_thread_res_uid(root, Uid::from_raw(uid), root).expect("become the user");
    let result = act();
    set_thread_res_uid(root, root, root).expect("become root again");
    result
}
