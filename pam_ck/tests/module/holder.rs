//! Holds a directory. A process that reads a directory holds its lock until the memory for the names is there, and
//! this memory never arrives. Users can make such memory with FUSE. Tests run as root, and userfaultfd(2) takes less
//! code.

use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    fs::{Mode, OFlags, RawDir, open},
    io,
    ioctl::{Updater, ioctl, opcode},
    mm::{MapFlags, ProtFlags, UserfaultfdFlags, mmap_anonymous, munmap, userfaultfd},
    thread::gettid,
};
use std::{
    fs,
    mem::MaybeUninit,
    path::{Path, PathBuf},
    ptr, slice,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

/// At least one page on every architecture.
const ROOM: usize = 65_536;
/// `UFFD_API` and `UFFDIO_REGISTER_MODE_MISSING` of linux/userfaultfd.h.
const API: u64 = 0xAA;
const MISSING: u64 = 1;

/// struct uffdio_api: version, features, supported ioctls.
type Handshake = [u64; 3];
/// struct uffdio_register: start, length, mode, supported ioctls.
type Register = [u64; 4];

/// Holds a directory until it is dropped. Meanwhile, every look-up of a name that is not in the kernel's cache waits.
pub(crate) struct Holder {
    memory: Option<OwnedFd>,
    reader: Option<JoinHandle<()>>,
    maker: Option<JoinHandle<()>>,
}

impl Holder {
    /// Holds `directory`.
    pub(crate) fn of(directory: &Path) -> Self {
        // SAFETY: this affects no memory until `read` registers some.
        let memory = unsafe { userfaultfd(UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK) }.unwrap();
        let listing =
            open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let reader = read(&memory, listing);
        // This waits for the first access to that memory. From here on the reader has the lock. (poll(2) reports it
        // only for a descriptor that does not block.)
        poll(&mut [PollFd::new(&memory, PollFlags::IN)], None).unwrap();
        // A reader alone lets others read. Once a writer waits, all further readers wait behind it.
        let maker = make(directory.join("made-by-the-holder"));
        Self { memory: Some(memory), reader: Some(reader), maker: Some(maker) }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Without the userfaultfd, the memory is ordinary memory.
        drop(self.memory.take());
        for thread in [self.reader.take(), self.maker.take()] {
            thread.expect("it was started").join().unwrap();
        }
    }
}

/// Reads `listing` into memory that `memory` has to provide. It never does.
fn read(memory: &OwnedFd, listing: OwnedFd) -> JoinHandle<()> {
    // SAFETY: the kernel chooses the address, so no other mapping is touched.
    let room = unsafe {
        mmap_anonymous(ptr::null_mut(), ROOM, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
    };
    let address = room.unwrap().expose_provenance();
    let mut handshake: Handshake = [API, 0, 0];
    let mut register: Register = [address as u64, ROOM as u64, MISSING, 0];
    // SAFETY: the codes and the layout are those of linux/userfaultfd.h. Only `ROOM` is registered, and only the
    // reader touches it.
    unsafe {
        ioctl(memory, Updater::<{ opcode::read_write::<Handshake>(0xAA, 0x3F) }, _>::new(&mut handshake))
            .unwrap();
        ioctl(memory, Updater::<{ opcode::read_write::<Register>(0xAA, 0x00) }, _>::new(&mut register))
            .unwrap();
    }
    thread::spawn(move || {
        let start = ptr::with_exposed_provenance_mut::<MaybeUninit<u8>>(address);
        // SAFETY: the mapping has this size, and only this thread uses it until it is unmapped below.
        let room = unsafe { slice::from_raw_parts_mut(start, ROOM) };
        let _: Option<io::Result<_>> = RawDir::new(listing, room).next();
        // SAFETY: the slice is no longer used.
        unsafe { munmap(start.cast(), ROOM) }.unwrap();
    })
}

/// Starts a thread that makes `path`. Returns when the thread waits for the lock of the directory.
fn make(path: PathBuf) -> JoinHandle<()> {
    let (tell, told) = mpsc::channel();
    let maker = thread::spawn(move || {
        tell.send(gettid().as_raw_nonzero()).unwrap();
        fs::create_dir(&path).unwrap();
    });
    let stat = format!("/proc/self/task/{}/stat", told.recv().unwrap());
    // "pid (name) state": D is an uninterruptible wait.
    while !fs::read_to_string(&stat).unwrap().contains(") D ") {
        thread::sleep(Duration::from_millis(1));
    }
    maker
}
