//! A FUSE file system of the user's. Its server answers only the requests that are needed to open a file in it. A
//! process that makes any other request waits, and cannot be killed meanwhile.

use crate::stage::{Stage, USER};
use nix::mount::{MsFlags, mount};
use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat, open};
use std::{
    fs::File,
    io::{Read, Write},
    os::fd::AsRawFd,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, sleep, spawn},
    time::Duration,
};

/// The requests that are answered (linux/fuse.h). FUSE_STATX is answered with ENOSYS.
const LOOKUP: u32 = 1;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const INIT: u32 = 26;
const STATX: u32 = 52;
const ENOSYS: i32 = 38;

/// The server. Once it is dropped, the mount answers with errors.
pub(crate) struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Mounts the file system on `on`. Tells who owns its root, and that a file of every name exists.
    pub(crate) fn start(stage: &Stage, on: &Path) -> Self {
        let node = stage.beside("fuse");
        mknodat(CWD, &node, FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, makedev(10, 229)).unwrap();
        let device = open(&node, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
            .expect("FUSE in this kernel");
        let device = File::from(device);
        let options =
            format!("fd={},rootmode=40700,user_id={USER},group_id={USER},allow_other", device.as_raw_fd());
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("hung"), on, Some("fuse"), flags, Some(options.as_str())).expect("a FUSE mount");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let server = Self { stop, thread: Some(spawn(move || serve(device, &stopped))) };
        // The kernel knows the owner from now on.
        std::fs::metadata(on).expect("the root's attributes");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut device: File, stop: &AtomicBool) {
    let mut request = vec![0; 256 * 1024];
    while !stop.load(Ordering::Relaxed) {
        if device.read(&mut request).is_ok() {
            let opcode = u32::from_le_bytes(request[4..8].try_into().unwrap());
            let (error, body) = match opcode {
                INIT => (0, init_answer()),
                GETATTR => (0, attributes(request[16])),
                LOOKUP => (0, entry()),
                OPEN => (0, vec![0; 16]),
                STATX => (-ENOSYS, Vec::new()),
                _ => continue,
            };
            let length = u32::try_from(16 + body.len()).unwrap().to_le_bytes();
            let answer = [&length, error.to_le_bytes().as_slice(), &request[8..16], &body].concat();
            device.write_all(&answer).unwrap();
        }
        sleep(Duration::from_millis(1));
    }
}

/// `struct fuse_init_out`: protocol 7.31, without any flags.
fn init_answer() -> Vec<u8> {
    let words = [7_u32, 31, 4096, 0, 0, 4096];
    let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    body.resize(64, 0);
    body
}

/// The inode numbers of the root and of the file.
const ROOT: u8 = 1;
const FILE: u8 = 2;

/// `struct fuse_attr_out`, valid for a day.
fn attributes(node: u8) -> Vec<u8> {
    [le(&[86_400, 0]), attr(node)].concat()
}

/// `struct fuse_entry_out` of the file, valid for a day.
fn entry() -> Vec<u8> {
    [le(&[u64::from(FILE), 0, 86_400, 86_400, 0]), attr(FILE)].concat()
}

/// `struct fuse_attr`: a directory of the user's, or a file of a megabyte.
fn attr(node: u8) -> Vec<u8> {
    let mode = if node == ROOT { 0o40700 } else { 0o100_600 };
    let wide = le(&[node.into(), 1 << 20, 0, 0, 0, 0]);
    let narrow = [0_u32, 0, 0, mode, 1, USER, USER, 0, 4096, 0];
    [wide, narrow.iter().flat_map(|word| word.to_le_bytes()).collect()].concat()
}

fn le(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
