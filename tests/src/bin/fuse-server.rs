//! `fuse-server hung|silent|console FILE`: the server of a FUSE file system, on standard input, which is the `/dev/fuse`
//! that the file system was mounted with. It ends with its file system.
//!
//! - `silent` takes every request, and answers nothing at all;
//! - `hung` says who it is and who owns its root, and nothing more;
//! - `console` is a single file, to be mounted on `/dev/tty0`: asked to switch to a virtual terminal (ioctl_console(2)), it writes
//!   the terminal's name to FILE, as the kernel's file in sysfs has it.

use std::fs;
use std::io::{Stdin, stdin};

use rustix::io::{Errno, read, write};

/// Requests (linux/fuse.h).
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const RELEASE: u32 = 18;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const IOCTL: u32 = 39;
const STATX: u32 = 52;
/// `VT_ACTIVATE` of linux/vt.h.
const VT_ACTIVATE: u32 = 0x5606;
/// Whose the root is: alice's.
const OWNER: u32 = 2001;
/// At least `FUSE_MIN_READ_BUFFER`, or the kernel refuses to be read.
const REQUEST: usize = 256 * 1024;

/// What it does.
enum Kind<'f> {
    Silent,
    Hung,
    Console(&'f str),
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kind = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["hung"] => Kind::Hung,
        ["silent"] => Kind::Silent,
        ["console", file] => Kind::Console(file),
        _ => panic!("usage: fuse-server hung|silent|console FILE </dev/fuse"),
    };
    let device = stdin();
    let mut request = vec![0; REQUEST];
    loop {
        match read(&device, &mut request) {
            // A request that was taken back.
            Err(Errno::NOENT | Errno::INTR) => {}
            Err(Errno::NODEV) => return,
            Err(errno) => panic!("read from /dev/fuse: {errno}"),
            Ok(length) => answer(&device, &request[..length], &kind),
        }
    }
}

fn answer(device: &Stdin, request: &[u8], kind: &Kind<'_>) {
    let answered = match (word(request, 4), kind) {
        (_, Kind::Silent) => return,
        (INIT, _) => Ok(init_answer()),
        (GETATTR, Kind::Hung) => Ok(attributes(0o40700, OWNER)),
        (GETATTR, Kind::Console(_)) => Ok(attributes(0o100_600, 0)),
        (STATX, Kind::Hung) => Err(Errno::NOSYS),
        (_, Kind::Hung) => return,
        (OPEN, _) => Ok(vec![0; 16]),
        (IOCTL, Kind::Console(file)) => switched(request, file),
        (FLUSH | RELEASE, _) => Ok(Vec::new()),
        _ => Err(Errno::NOSYS),
    };
    let (error, body) = answered.map_or_else(|errno| (errno.raw_os_error(), Vec::new()), |body| (0, body));
    let length = u32::try_from(16 + body.len()).expect("a short answer").to_le_bytes();
    let packet = [&length, (-error).to_le_bytes().as_slice(), &request[8..16], &body].concat();
    // Who asked may have been killed meanwhile.
    let _ = write(device, &packet);
}

/// The number at this place of a request.
fn word(request: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(request[at..at + 4].try_into().expect("four bytes"))
}

/// Takes `struct fuse_ioctl_in`, which follows the head of 40 bytes; returns `struct fuse_ioctl_out`.
fn switched(request: &[u8], file: &str) -> Result<Vec<u8>, Errno> {
    let (command, terminal) = (word(request, 52), word(request, 56));
    if command != VT_ACTIVATE {
        return Err(Errno::NOTTY);
    }
    fs::write(file, format!("tty{terminal}\n")).expect("write the terminal in the foreground");
    Ok(vec![0; 16])
}

/// `struct fuse_init_out`: protocol 7.31, nothing special.
fn init_answer() -> Vec<u8> {
    let words = [7_u32, 31, 4096, 0, 0, 4096];
    let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    body.resize(64, 0);
    body
}

/// `struct fuse_attr_out`: what is at the root, valid for a day.
fn attributes(mode: u32, owner: u32) -> Vec<u8> {
    let wide = [86_400_u64, 0, 1, 0, 0, 0, 0, 0];
    let narrow = [0_u32, 0, 0, mode, 2, owner, owner, 0, 4096, 0];
    let wide = wide.iter().flat_map(|word| word.to_le_bytes());
    wide.chain(narrow.iter().flat_map(|word| word.to_le_bytes())).collect()
}
