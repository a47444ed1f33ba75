//! `fuse-server hung|silent`: the server of a FUSE file system, on standard input, which is the `/dev/fuse` that the
//! file system was mounted with. It takes every request and keeps whoever made it waiting: `silent` answers nothing at
//! all, `hung` says who it is and who owns its root, and nothing more. It ends with its file system.

use std::io::{Stdin, stdin};

use rustix::io::{Errno, read, write};

/// Requests (linux/fuse.h).
const GETATTR: u32 = 3;
const INIT: u32 = 26;
const STATX: u32 = 52;
/// Whose the root is: alice's.
const OWNER: u32 = 2001;
/// At least `FUSE_MIN_READ_BUFFER`, or the kernel refuses to be read.
const REQUEST: usize = 256 * 1024;

fn main() {
    let silent = match std::env::args().nth(1).as_deref() {
        Some("hung") => false,
        Some("silent") => true,
        _ => panic!("usage: fuse-server hung|silent </dev/fuse"),
    };
    let device = stdin();
    let mut request = vec![0; REQUEST];
    loop {
        match read(&device, &mut request) {
            // A request that was taken back.
            Err(Errno::NOENT | Errno::INTR) => {}
            Err(Errno::NODEV) => return,
            Err(errno) => panic!("read from /dev/fuse: {errno}"),
            Ok(_) if silent => {}
            Ok(length) => answer(&device, &request[..length]),
        }
    }
}

fn answer(device: &Stdin, request: &[u8]) {
    let opcode = u32::from_le_bytes(request[4..8].try_into().expect("four bytes"));
    let (error, body) = match opcode {
        INIT => (0, init_answer()),
        GETATTR => (0, attributes()),
        STATX => (Errno::NOSYS.raw_os_error(), Vec::new()),
        _ => return,
    };
    let length = u32::try_from(16 + body.len()).expect("a short answer").to_le_bytes();
    let packet = [&length, (-error).to_le_bytes().as_slice(), &request[8..16], &body].concat();
    // Who asked may have been killed meanwhile.
    let _ = write(device, &packet);
}

/// `struct fuse_init_out`: protocol 7.31, nothing special.
fn init_answer() -> Vec<u8> {
    let words = [7_u32, 31, 4096, 0, 0, 4096];
    let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    body.resize(64, 0);
    body
}

/// `struct fuse_attr_out`: a directory of the owner's, valid for a day.
fn attributes() -> Vec<u8> {
    let wide = [86_400_u64, 0, 1, 0, 0, 0, 0, 0];
    let narrow = [0_u32, 0, 0, 0o40700, 2, OWNER, OWNER, 0, 4096, 0];
    let wide = wide.iter().flat_map(|word| word.to_le_bytes());
    wide.chain(narrow.iter().flat_map(|word| word.to_le_bytes())).collect()
}
