//! The server that does the least: what no broker of this kind can do without, and nothing else. It serves one
//! connection after the other, looks at nobody's credentials, watches nobody, survives nothing.
//!
//! | request | what is done |
//! | --- | --- |
//! | first open of a uid | mkdir, mount a tmpfs, chown; a file for the user and one for the session, each put in place by a rename |
//! | another open | the file for the session |
//! | a close | that file is removed |
//! | the last close | that too, then the tmpfs is detached, the directory and the user's file are removed |

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, OFlags, Uid, chown, mkdir, open as open_file, rename, rmdir, unlink};
use rustix::io::write;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen,
    recv, send, socket_with,
};

pub(super) const SOCKET: &str = "/run/floor.sock";
const NAME: &std::ffi::CStr = c"floor-server";
const RECORDS: &str = "/run/floor";
const CLOSE: u64 = 1 << 32;

/// The request to open a session of the uid. The answer is its number.
pub(super) fn open(uid: u32) -> [u8; 8] {
    u64::from(uid).to_le_bytes()
}

/// The request to close a session.
pub(super) fn close(session: u64) -> [u8; 8] {
    (CLOSE | session).to_le_bytes()
}

/// Who is here.
#[derive(Default)]
struct Table {
    last: u64,
    sessions: HashMap<u64, u32>,
    users: HashMap<u32, u32>,
}

/// Serves until it is killed.
pub(super) fn serve() {
    for directory in [RECORDS, "/run/floor/sessions", "/run/floor/users", "/run/user"] {
        std::fs::create_dir_all(directory).expect("make a directory");
    }
    let listener = listener();
    // So that it can be told from whoever asks.
    rustix::thread::set_name(NAME).expect("a name");
    println!("ready");
    let mut table = Table::default();
    loop {
        let peer = accept_with(&listener, SocketFlags::CLOEXEC).expect("accept");
        let mut packet = [0; 8];
        let Ok((8, _)) = recv(&peer, &mut packet[..], RecvFlags::empty()) else { continue };
        let reply = table.answer(u64::from_le_bytes(packet));
        let _ = send(&peer, &reply.to_le_bytes(), SendFlags::NOSIGNAL);
    }
}

fn listener() -> OwnedFd {
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .expect("a socket");
    bind(&listener, &SocketAddrUnix::new(SOCKET).expect("the name of a socket")).expect("bind");
    listen(&listener, 128).expect("listen");
    listener
}

impl Table {
    fn answer(&mut self, request: u64) -> u64 {
        let about = u32::try_from(request & (CLOSE - 1)).expect("32 bits");
        if request & CLOSE == 0 { self.open(about) } else { self.close(about.into()) }
    }

    fn open(&mut self, uid: u32) -> u64 {
        self.last += 1;
        let sessions = self.users.entry(uid).or_default();
        *sessions += 1;
        if *sessions == 1 {
            record(&user_file(uid), uid);
            make(&directory(uid), uid);
        }
        self.sessions.insert(self.last, uid);
        record(&session_file(self.last), uid);
        self.last
    }

    fn close(&mut self, session: u64) -> u64 {
        let uid = self.sessions.remove(&session).expect("a session that is open");
        unlink(session_file(session)).expect("unlink");
        let sessions = self.users.get_mut(&uid).expect("a user with a session");
        *sessions -= 1;
        if *sessions == 0 {
            self.users.remove(&uid);
            unmount(directory(uid), UnmountFlags::DETACH).expect("umount");
            rmdir(directory(uid)).expect("rmdir");
            unlink(user_file(uid)).expect("unlink");
        }
        session
    }
}

fn user_file(uid: u32) -> PathBuf {
    format!("{RECORDS}/users/{uid}").into()
}

fn session_file(session: u64) -> PathBuf {
    format!("{RECORDS}/sessions/{session}").into()
}

fn directory(uid: u32) -> PathBuf {
    format!("/run/user/{uid}").into()
}

/// Puts a record in place, whole or not at all.
fn record(path: &Path, uid: u32) {
    let temporary = path.with_extension("new");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let file = open_file(&temporary, flags, Mode::RUSR | Mode::WUSR).expect("make a record");
    write(&file, &uid.to_le_bytes()).expect("write a record");
    drop(file);
    rename(&temporary, path).expect("rename");
}

fn make(directory: &Path, uid: u32) {
    mkdir(directory, Mode::RWXU).expect("mkdir");
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", directory, "tmpfs", flags, c"mode=0700,size=10%").expect("mount");
    chown(directory, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid))).expect("chown");
}
