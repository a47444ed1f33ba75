//! Namespaces that get what is mounted outside, and have no room for it: then nobody can mount anything.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::mount::{MountFlags, mount, mount_bind_recursive};

use crate::{in_own_namespaces, ready, wait_for_ever};

const PLACE: &str = "/mnt";
/// More than `fs.mount-max` has bits.
const STEPS: u32 = 20;

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
    mount("fill", PLACE, "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
    let tree = |step: u32| format!("{PLACE}/{step}");
    for step in 0..=STEPS {
        mkdirat(CWD, tree(step), Mode::RWXU).expect("mkdir");
    }
    mount("fill", tree(0), "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
    let mut made = 0;
    while made < STEPS && double(&tree(made), &tree(made + 1)) {
        made += 1;
    }
    for step in (0..=made).rev() {
        while mount_bind_recursive(tree(step), tree(STEPS)).is_ok() {}
    }
    ready();
    wait_for_ever();
}

/// Whether `to` now has twice as many mounts as `from`.
fn double(from: &str, to: &str) -> bool {
    let inside = format!("{to}/more");
    mount_bind_recursive(from, to).is_ok()
        && (mkdirat(CWD, &inside, Mode::RWXU).is_ok() || std::fs::exists(&inside).is_ok_and(|there| there))
        && mount_bind_recursive(from, &inside).is_ok()
}
