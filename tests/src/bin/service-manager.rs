//! Opens the broker's sockets and starts it on them, again and again, as a service manager does (sd_listen_fds(3)).
//!
//!     service-manager TYPE PAUSE COMMAND...
//!
//! TYPE is that of the sockets: seqpacket or stream. PAUSE is how many milliseconds pass before each start.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{Mode, chmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};

const DIRECTORY: &str = "/run/ck-broker";
/// As sd_listen_fds(3) has it in a shell, whose pid stays that of the command.
const PASS: &str = "export LISTEN_PID=$$ LISTEN_FDS=2; exec \"$@\"";

/// A socket that is passed on: it is not closed by exec.
fn socket(name: &str, mode: u32, kind: SocketType) -> OwnedFd {
    let path = format!("{DIRECTORY}/{name}");
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::empty(), None).expect("a socket");
    bind(&socket, &SocketAddrUnix::new(&path).expect("an address")).expect("bind");
    chmod(&path, Mode::from_raw_mode(mode)).expect("its mode");
    listen(&socket, 128).expect("listen");
    socket
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, pause, command @ ..] = &arguments[..] else {
        panic!("usage: service-manager TYPE PAUSE COMMAND...")
    };
    let kind = if kind == "stream" { SocketType::STREAM } else { SocketType::SEQPACKET };
    let pause = Duration::from_millis(pause.parse().expect("milliseconds"));
    std::fs::create_dir_all(DIRECTORY).expect("make the directory");
    // The manager's order is its own.
    let sockets =
        [("admin.sock", 0o666), ("session.sock", 0o600)].map(|(name, mode)| socket(name, mode, kind));
    assert_eq!(sockets.each_ref().map(AsRawFd::as_raw_fd), [3, 4], "something else was open");
    loop {
        sleep(pause);
        Command::new("sh").args(["-c", PASS, "sh"]).args(command).status().expect("start the command");
    }
}
