//! Somebody who holds a directory: who reads it keeps its lock until there is memory for what was read, and that
//! never comes. A user has such memory by FUSE; here, where root is, userfaultfd(2) is shorter.

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

/// One page of any architecture that there is.
const ROOM: usize = 65_536;
/// `UFFD_API` and `UFFDIO_REGISTER_MODE_MISSING` of linux/userfaultfd.h.
const API: u64 = 0xAA;
const MISSING: u64 = 1;

/// struct uffdio_api: version, features, and what the kernel can do.
type Handshake = [u64; 3];
/// struct uffdio_register: from where, how much, how, and what can be done there.
type Register = [u64; 4];

/// Holds a directory until it is dropped: nobody finds a name there any more that is not in the kernel's cache.
pub(crate) struct Holder {
    memory: Option<OwnedFd>,
    reader: Option<JoinHandle<()>>,
    maker: Option<JoinHandle<()>>,
}

impl Holder {
    /// Holds `directory`.
    pub(crate) fn of(directory: &Path) -> Self {
        // SAFETY: what this process reads of its own memory stays as it is until `read` hands some of it over.
        let memory = unsafe { userfaultfd(UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK) }.unwrap();
        let listing =
            open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let reader = read(&memory, listing);
        // The first access to that memory: from here on the reader has the lock. (Told only of a descriptor that does
        // not block.)
        poll(&mut [PollFd::new(&memory, PollFlags::IN)], None).unwrap();
        // A reader alone lets others read. Behind one who waits for writing, all of them wait.
        let maker = make(directory.join("made-by-the-holder"));
        Self { memory: Some(memory), reader: Some(reader), maker: Some(maker) }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Without it the memory is like any other.
        drop(self.memory.take());
        for thread in [self.reader.take(), self.maker.take()] {
            thread.expect("it was started").join().unwrap();
        }
    }
}

/// Reads what `listing` is open on into memory that `memory` gives, which it never does.
fn read(memory: &OwnedFd, listing: OwnedFd) -> JoinHandle<()> {
    // SAFETY: a new mapping at a place of the kernel's choice is nobody's.
    let room = unsafe {
        mmap_anonymous(ptr::null_mut(), ROOM, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
    };
    let address = room.unwrap().expose_provenance();
    let mut handshake: Handshake = [API, 0, 0];
    let mut register: Register = [address as u64, ROOM as u64, MISSING, 0];
    // SAFETY: the codes are those of linux/userfaultfd.h, and so is the layout; only `ROOM` is handed over,
    // which nobody but the reader touches.
    unsafe {
        ioctl(memory, Updater::<{ opcode::read_write::<Handshake>(0xAA, 0x3F) }, _>::new(&mut handshake))
            .unwrap();
        ioctl(memory, Updater::<{ opcode::read_write::<Register>(0xAA, 0x00) }, _>::new(&mut register))
            .unwrap();
    }
    thread::spawn(move || {
        let start = ptr::with_exposed_provenance_mut::<MaybeUninit<u8>>(address);
        // SAFETY: the mapping is of that size, and this thread's alone until it is unmapped below.
        let room = unsafe { slice::from_raw_parts_mut(start, ROOM) };
        let _: Option<io::Result<_>> = RawDir::new(listing, room).next();
        // SAFETY: the slice is not used any more.
        unsafe { munmap(start.cast(), ROOM) }.unwrap();
    })
}

/// Makes `path` once the lock of its directory is free; returns when that is waited for.
fn make(path: PathBuf) -> JoinHandle<()> {
    let (tell, told) = mpsc::channel();
    let maker = thread::spawn(move || {
        tell.send(gettid().as_raw_nonzero()).unwrap();
        fs::create_dir(&path).unwrap();
    });
    let stat = format!("/proc/self/task/{}/stat", told.recv().unwrap());
    // "pid (name) state": D is a wait that no signal ends.
    while !fs::read_to_string(&stat).unwrap().contains(") D ") {
        thread::sleep(Duration::from_millis(1));
    }
    maker
}
