//! `ck-broker --pid` and `--stop`, without a broker: this process holds the lock.

#![allow(clippy::unwrap_used, reason = "tests may panic, also outside functions marked #[test]")]

use rustix::fs::{FlockOperation, fcntl_lock};
use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, id},
};

// Cargo builds this anew, with the path of the program, when the checkout has been moved: .cargo/config.toml.
const _: &str = env!("CK_ROOT");

/// A state directory, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ck-running-{}-{name}", id()));
        fs::create_dir_all(path.join("state")).unwrap();
        Self(path)
    }

    /// Puts a pid into a lock file, and takes the lock if `is_held`.
    fn lock(&self, name: &str, pid: u32, is_held: bool) -> File {
        let path = self.0.join(name);
        fs::write(&path, format!("{pid}\n")).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        if is_held {
            fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        }
        file
    }

    /// The exit status with that option, and what was printed.
    fn run(&self, option: &str) -> (Option<i32>, String) {
        let program = env!("CARGO_BIN_EXE_ck-broker");
        let place = format!("--state-dir={}", self.0.display());
        let output = Command::new(program).args([option, &place]).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(printed).unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn the_holder_of_the_lock_is_the_broker() {
    let place = Place::new("held");
    let held = place.lock("state/lock", id(), true);
    assert_eq!(place.run("--pid"), (Some(0), format!("{}\n", id())));
    drop(held);
    // As a broker that was killed leaves it.
    assert_eq!(place.run("--pid"), (Some(4), String::new()));
    assert_eq!(place.run("--stop"), (Some(0), String::new()));
}

/// A pid alone means nothing: it may be that of any process now.
#[test]
fn a_pid_without_the_lock_is_no_broker() {
    let place = Place::new("reused");
    let _free = place.lock("state/lock", 1, false);
    assert_eq!(place.run("--pid"), (Some(4), String::new()));
    assert_eq!(place.run("--stop"), (Some(0), String::new()));
    // The lock is held, and not by that process: a broker is about to write its pid.
    let _held = place.lock("state/lock", 1, true);
    assert_eq!(place.run("--pid"), (Some(4), String::new()));
    assert_eq!(place.run("--stop"), (Some(0), String::new()));
}

#[test]
fn a_broker_of_an_earlier_release_is_found() {
    let place = Place::new("earlier");
    let _held = place.lock("lock", id(), true);
    assert_eq!(place.run("--pid"), (Some(0), format!("{}\n", id())));
}

#[test]
fn where_there_was_no_broker_there_is_none() {
    let place = Place::new("none");
    assert_eq!(place.run("--pid"), (Some(3), String::new()));
    // It ended in order.
    fs::write(place.0.join("state/lock"), "").unwrap();
    assert_eq!(place.run("--pid"), (Some(3), String::new()));
    assert_eq!(place.run("--stop"), (Some(0), String::new()));
    fs::remove_file(place.0.join("state/lock")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", place.0.join("state/lock")).unwrap();
    let (status, printed) = place.run("--pid");
    assert!(status == Some(1) && printed.contains("state/lock"), "{printed}");
}
