//! Holds the lock of a directory, as anybody can who may read it: getdents64(2) into memory whose page is to come from
//! a FUSE file system, and never comes.
//!
//! The only unsafe code of these tests.

use std::env;
use std::ffi::c_void;
use std::fs::File;
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;
use std::slice;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::RawDir;
use rustix::mm::{MapFlags, ProtFlags, mmap};

/// Bytes that are mapped, and as many are asked for.
const LENGTH: usize = 64 * 1024;

/// How long it takes until the lock is held, for certain.
const SOON: Duration = Duration::from_millis(300);

/// Where the process that holds it is told what to hold, and with which file's help.
const DIRECTORY: &str = "CK_TEST_HOLD";
const BACKING: &str = "CK_TEST_HOLD_BY";

/// A process that holds a directory; it ends once the server has ended.
pub(crate) struct Holder(Child);

impl Holder {
    /// Holds the lock of `directory` until the server of the file system at `fuse` ends.
    ///
    /// A process of its own, because its memory is locked meanwhile.
    pub(crate) fn start(directory: &Path, fuse: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "holder::holds_what_it_is_told"]);
        command.env(DIRECTORY, directory).env(BACKING, fuse.join("file"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let holder = Self(command.spawn().unwrap());
        sleep(SOON);
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "no test, but what Holder::start runs"]
fn holds_what_it_is_told() {
    let Some((directory, backing)) = env::var_os(DIRECTORY).zip(env::var_os(BACKING)) else { return };
    let backing = File::options().read(true).write(true).open(backing).unwrap();
    let directory = File::open(directory).unwrap();
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses where, so that no other mapping is touched.
    let memory: *mut c_void =
        unsafe { mmap(null_mut(), LENGTH, access, MapFlags::PRIVATE, &backing, 0) }.unwrap();
    // SAFETY: the mapping is as long, private, never unmapped, and used nowhere else; what is in it does not matter.
    let memory = unsafe { slice::from_raw_parts_mut(memory.cast::<MaybeUninit<u8>>(), LENGTH) };
    let mut entries = RawDir::new(&directory, memory);
    // EFAULT once there is no server any more. Its names are not looked at: they would be in that memory.
    let _ = entries.next().map(|entry| entry.map(drop));
}
