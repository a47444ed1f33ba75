//! The lock of a directory, held for as long as one likes.
//!
//! getdents64(2) holds the lock of the directory while it writes names into the caller's memory. That memory is a file
//! of a FUSE of the user's own, and its page never comes.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::{Child, Command};

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::mount::{MountFlags, mount};

use crate::fuse::{self, Answer, GETATTR, LOOKUP, Looks, READ, Request};
use crate::sys::mapped;
use crate::{in_own_namespaces, ready};

/// Where the file system is mounted, in a namespace of its own.
const PLACE: &str = "/mnt";
/// As long as the mapped memory.
const SIZE: usize = 64 * 1024;

/// What the holders have of the file system.
#[derive(PartialEq)]
pub(crate) enum Keep {
    /// Once the server is killed, they go.
    Nothing,
    /// They keep its connection alive, and it keeps them.
    Device,
}

/// Has each directory held by a process of its own, and never answers what they wait for.
pub(crate) fn serve(directories: &[&str], keep: Keep) {
    in_own_namespaces();
    let device = mounted();
    if keep == Keep::Device {
        fcntl_setfd(&device, FdFlags::empty()).expect("fcntl");
    }
    let directories: Vec<&&str> = directories.iter().filter(|directory| can_be_read(directory)).collect();
    let _holders: Vec<Child> = directories.iter().enumerate().map(holder).collect();
    if directories.is_empty() {
        ready();
    }
    let (mut next, mut asked) = (fuse::ROOT, HashSet::new());
    let looks = Looks { owner: 0, size: SIZE as u64 };
    let mut answer = |request: &Request| match request.opcode {
        GETATTR => Some(looks.attributes(request.node)),
        LOOKUP => {
            next += 1;
            Some(looks.entry(next))
        }
        READ => {
            if asked.insert(request.node) && asked.len() == directories.len() {
                ready();
            }
            Some(Answer::Never)
        }
        _ => None,
    };
    while fuse::serve_one(&device, &mut answer) {}
}

/// What cannot be read cannot be held: then that is said.
fn can_be_read(directory: &str) -> bool {
    let opened = openat(CWD, directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    opened.map_err(|errno| println!("refused: {directory}: {errno}")).is_ok()
}

fn mounted() -> File {
    let device = fuse::device();
    let options = format!("fd={},rootmode=40700,user_id=0,group_id=0\0", device.as_raw_fd());
    let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes()).expect("one nul at the end");
    mount("hold", PLACE, "fuse", MountFlags::NOSUID | MountFlags::NODEV, options).expect("mount");
    device
}

/// A file of its own for each, so that one that holds is told from another.
fn holder((index, directory): (usize, &&&str)) -> Child {
    let own = std::env::current_exe().expect("this program");
    let file = format!("{PLACE}/{index}");
    Command::new(own).args(["held-by", &file, **directory]).spawn().expect("start a holder")
}

/// Reads `directory` into memory that is `file`.
pub(crate) fn hold(file: &str, directory: &str) {
    let opened = openat(CWD, directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let opened = opened.unwrap_or_else(|errno| panic!("{directory}: {errno}"));
    let file = File::options().read(true).open(file).expect("open the memory's file");
    let _ = RawDir::new(opened, mapped(&file, SIZE)).next();
}
