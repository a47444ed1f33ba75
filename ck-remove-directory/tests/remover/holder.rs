//! Holds the lock of a directory. Every user who may read the directory can do this: getdents64(2) writes into memory
//! whose page must come from a FUSE file system, which never sends it.
//!
//! This is the only unsafe code of these tests.

use rustix::{
    fs::RawDir,
    mm::{MapFlags, ProtFlags, mmap},
};
use std::{
    env,
    ffi::c_void,
    fs::File,
    mem::MaybeUninit,
    path::Path,
    process::{Child, Command, Stdio},
    ptr::null_mut,
    slice,
    thread::sleep,
    time::Duration,
};

/// The bytes that are mapped and read into.
const LENGTH: usize = 64 * 1024;

/// The time after which the lock is certainly held.
const TIME_TO_LOCK: Duration = Duration::from_millis(300);

/// The environment variables that tell the holding process which directory to hold, and which file to map.
const DIRECTORY: &str = "CK_TEST_HOLD";
const BACKING: &str = "CK_TEST_HOLD_BY";

/// A process that holds a directory. It ends after the server has ended.
pub(crate) struct Holder(Child);

impl Holder {
    /// Holds the lock of `directory` until the server of the file system at `fuse` ends.
    ///
    /// This takes a process of its own, because its memory is locked meanwhile.
    pub(crate) fn start(directory: &Path, fuse: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "holder::holds_what_it_is_told"]);
        command.env(DIRECTORY, directory).env(BACKING, fuse.join("file"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let holder = Self(command.spawn().unwrap());
        sleep(TIME_TO_LOCK);
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
#[ignore = "not a test: Holder::start runs it"]
fn holds_what_it_is_told() {
    let Some((directory, backing)) = env::var_os(DIRECTORY).zip(env::var_os(BACKING)) else { return };
    let backing = File::options().read(true).write(true).open(backing).unwrap();
    let directory = File::open(directory).unwrap();
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the address, so no other mapping is touched.
    let memory: *mut c_void =
        unsafe { mmap(null_mut(), LENGTH, access, MapFlags::PRIVATE, &backing, 0) }.unwrap();
    // SAFETY: the mapping is `LENGTH` bytes long, private, never unmapped, and used nowhere else. Any content is valid.
    let memory = unsafe { slice::from_raw_parts_mut(memory.cast::<MaybeUninit<u8>>(), LENGTH) };
    let mut entries = RawDir::new(&directory, memory);
    // EFAULT once the server has ended. The names are not read, because they would be in that memory.
    let _ = entries.next().map(|entry| entry.map(drop));
}
