//! A name that is dear to remove: removing it takes away what is mounted on it in any namespace, and whoever removes it
//! frees all that is in there.

use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat};
use rustix::io::{self, Errno};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::{in_own_namespaces, ready, wait_for_ever};

const PLACE: &str = "/mnt";
const IN_EACH: usize = 10_000;

/// Prints the errno when the name cannot be had.
pub(crate) fn mount_on(path: &str) -> io::Result<()> {
    match mount_bind(PLACE, path) {
        // A name that is no directory's takes a file.
        Err(Errno::NOTDIR) => mount_bind(format!("{PLACE}/0/0"), path),
        result => result,
    }
}

/// Makes a file system with `files` files, whose only mount in the end is on `path`.
pub(crate) fn mount_heavy(files: usize, path: &str) -> io::Result<()> {
    mount("heavy", PLACE, "tmpfs", MountFlags::empty(), c"size=100%,nr_inodes=0").expect("mount a tmpfs");
    for (index, start) in (0..files).step_by(IN_EACH).enumerate() {
        let name = format!("{PLACE}/{index}");
        mkdirat(CWD, &name, Mode::RWXU).expect("mkdir");
        let directory = openat(CWD, &name, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).expect("open");
        for file in 0..IN_EACH.min(files - start) {
            mknodat(&directory, file.to_string(), FileType::RegularFile, Mode::RUSR, 0).expect("mknod");
        }
    }
    mount_on(path)?;
    unmount(PLACE, UnmountFlags::DETACH)
}

pub(crate) fn run(files: usize, path: &str) {
    in_own_namespaces();
    match mount_heavy(files, path) {
        Ok(()) => ready(),
        Err(errno) => {
            println!("refused: {errno}");
            return;
        }
    }
    wait_for_ever();
}
