//! FUSE of a user's, as the set-uid fusermount3 mounts them for anybody.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid, openat, statat};
use rustix::mount::{MountFlags, mount};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::fuse::{self, GETATTR, LOOKUP, Looks, Request};
use crate::ready;

/// What is mounted is the user's alone, as it is by default.
fn mount_for(uid: u32, directory: &str) -> File {
    let device = fuse::device();
    let options = format!("fd={},rootmode=40700,user_id={uid},group_id={uid}", device.as_raw_fd());
    let options = CString::new(options).expect("no nul");
    mount("attack", directory, "fuse", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())
        .unwrap_or_else(|errno| panic!("{directory}: {errno}"));
    device
}

/// Is that user, from here on: threads that are started later too.
fn become_user(uid: u32) {
    let (gid, uid) = (Gid::from_raw(uid), Uid::from_raw(uid));
    set_thread_groups(&[]).expect("setgroups");
    set_thread_res_gid(gid, gid, gid).expect("setresgid");
    set_thread_res_uid(uid, uid, uid).expect("setresuid");
}

/// One of which the kernel keeps many inodes: whoever unmounts it pays.
pub(crate) fn many(uid: u32, inodes: u64, directory: &str) {
    let device = mount_for(uid, directory);
    become_user(uid);
    let (looks, mut next) = (Looks { owner: uid, size: 0 }, fuse::ROOT);
    let mut answer = move |request: &Request| match request.opcode {
        GETATTR => Some(looks.attributes(request.node)),
        LOOKUP => {
            next += 1;
            Some(looks.entry(next))
        }
        _ => None,
    };
    let server = thread::spawn(move || while fuse::serve_one(&device, &mut answer) {});
    look_up(directory, inodes);
    ready();
    server.join().expect("the server");
}

fn look_up(directory: &str, names: u64) {
    let directory = openat(CWD, directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .expect("open the file system");
    for name in 0..names {
        statat(&directory, name.to_string(), AtFlags::empty()).expect("look a name up");
    }
}

/// One upon another.
pub(crate) fn layers(uid: u32, count: usize, directory: &str) {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("setrlimit");
    let mut devices: Vec<File> = (0..count).map(|_| mount_for(uid, directory)).collect();
    become_user(uid);
    ready();
    let looks = Looks { owner: uid, size: 0 };
    let mut answer = |request: &Request| (request.opcode == GETATTR).then(|| looks.attributes(request.node));
    while !devices.is_empty() {
        let mut polled: Vec<PollFd<'_>> =
            devices.iter().map(|device| PollFd::new(device, PollFlags::IN)).collect();
        poll(&mut polled, None).expect("poll");
        let due: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut due = due.into_iter();
        devices.retain(|device| !due.next().expect("one for each") || fuse::serve_one(device, &mut answer));
    }
}
