//! Namespaces of many mounts. One that gets what is mounted outside and has no room for it keeps everybody from mounting. Whoever
//! copies one keeps the kernel's cache from answering.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::mount::{MountFlags, mount, mount_bind_recursive};

use crate::{in_own_namespaces, ready, wait_for_ever};

const PLACE: &str = "/mnt";
/// More than `fs.mount-max` has bits.
const STEPS: u32 = 20;
/// The trees of a namespace that is copied: with all of them, 2^15 mounts.
const COPIED: u32 = 14;

pub(crate) fn fill_each(count: usize) {
    let own = std::env::current_exe().expect("this program");
    let start = || Command::new(&own).arg("fill").stdout(Stdio::piped()).spawn().expect("start one more");
    let filled: Vec<Child> = (0..count).map(|_| start()).collect();
    for mut child in filled {
        let told = BufReader::new(child.stdout.take().expect("a pipe")).lines().next();
        assert!(told.is_some_and(|line| line.is_ok()), "a namespace was not filled");
    }
    ready();
    wait_for_ever();
}

/// Directories with 1, 2, 4 … mounts, as long as there is room; then the larger before the smaller until none fits.
pub(crate) fn fill() {
    in_own_namespaces();
    let made = trees(STEPS);
    for step in (0..=made).rev() {
        while mount_bind_recursive(tree(step), tree(STEPS)).is_ok() {}
    }
    ready();
    wait_for_ever();
}

/// Copies a namespace with 2^15 mounts without end. The copy goes with the program that it is made for.
pub(crate) fn copy() -> ! {
    in_own_namespaces();
    assert_eq!(trees(COPIED), COPIED, "no room for so many mounts");
    ready();
    loop {
        let copied = Command::new("unshare").args(["--mount", "true"]).status();
        assert!(copied.is_ok_and(|status| status.success()), "cannot copy the namespace");
    }
}

fn tree(step: u32) -> String {
    format!("{PLACE}/{step}")
}

/// Makes directories with 1, 2, 4 … mounts, up to the one with 2^`last`, as long as there is room; the last that there is.
fn trees(last: u32) -> u32 {
    mount("fill", PLACE, "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
    for step in 0..=STEPS {
        mkdirat(CWD, tree(step), Mode::RWXU).expect("mkdir");
    }
    mount("fill", tree(0), "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
    let mut made = 0;
    while made < last && double(&tree(made), &tree(made + 1)) {
        made += 1;
    }
    made
}

/// Whether `to` now has twice as many mounts as `from`.
fn double(from: &str, to: &str) -> bool {
    let inside = format!("{to}/more");
    mount_bind_recursive(from, to).is_ok()
        && (mkdirat(CWD, &inside, Mode::RWXU).is_ok() || std::fs::exists(&inside).is_ok_and(|there| there))
        && mount_bind_recursive(from, &inside).is_ok()
}
