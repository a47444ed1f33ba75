//! A FUSE file system of the user's whose server takes requests and does not answer: what asks it, waits, and
//! cannot be killed while it does.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat, open};

use crate::mounted::handle;
use crate::stage::{Outcome, Stage, USER};

/// Requests that are answered: FUSE_GETATTR, FUSE_INIT and, with ENOSYS, FUSE_STATX (linux/fuse.h).
const GETATTR: u32 = 3;
const INIT: u32 = 26;
const STATX: u32 = 52;
const ENOSYS: i32 = 38;

/// The server's end; the mount answers with errors once it is dropped.
struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Mounts the file system on `on` and answers only who owns its root.
    fn start(stage: &Stage, on: &Path) -> Self {
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
        // From now on the kernel knows the owner.
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
                GETATTR => (0, attributes()),
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

/// `struct fuse_init_out`: protocol 7.31, nothing special.
fn init_answer() -> Vec<u8> {
    let words = [7_u32, 31, 4096, 0, 0, 4096];
    let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    body.resize(64, 0);
    body
}

/// `struct fuse_attr_out`: a directory of the user's, valid for a day.
fn attributes() -> Vec<u8> {
    let wide = [86_400_u64, 0, 1, 0, 0, 0, 0, 0];
    let narrow = [0_u32, 0, 0, 0o40700, 2, USER, USER, 0, 4096, 0];
    let wide = wide.iter().flat_map(|word| word.to_le_bytes());
    wide.chain(narrow.iter().flat_map(|word| word.to_le_bytes())).collect()
}

#[test]
fn inside_it_is_detached() {
    let stage = Stage::with_private_mounts();
    let _server = Server::start(&stage, &stage.user_directory("gvfs"));
    stage.user_file("other");
    let started = Instant::now();
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(outcome.json()["mounts_detached"], 1);
    stage.assert_gone();
}

#[test]
fn on_the_directory_it_is_refused_in_time() {
    let stage = Stage::with_private_mounts();
    let server = Server::start(&stage, &stage.run());
    let started = Instant::now();
    stage.remove(&[]).assert_refused("does not answer, unmount it first");
    let stdin = handle(&stage.run());
    let given = Outcome::of(stage.command(&["--dest-fd=0"]).stdin(stdin).output().unwrap());
    given.assert_refused("does not answer, unmount it first");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    drop(server);
    umount2(&stage.run(), MntFlags::MNT_DETACH).unwrap();
    stage.remove(&[]).assert_silent_success();
}
