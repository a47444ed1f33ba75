//! As much of the FUSE protocol (linux/fuse.h) as an attack needs.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::io::{Errno, read, write};

/// Requests.
pub(crate) const LOOKUP: u32 = 1;
pub(crate) const GETATTR: u32 = 3;
pub(crate) const OPEN: u32 = 14;
pub(crate) const READ: u32 = 15;
const FORGET: u32 = 2;
const STATFS: u32 = 17;
const RELEASE: u32 = 18;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const READDIR: u32 = 28;
const RELEASEDIR: u32 = 29;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;

/// The node of a file system's root.
pub(crate) const ROOT: u64 = 1;
/// At least `FUSE_MIN_READ_BUFFER`, or the kernel refuses to be read.
const REQUEST: usize = 64 * 1024;
/// How long the kernel need not ask again, in seconds.
const VALID: u64 = 86_400;

/// Somebody wants something of the file system.
pub(crate) struct Request {
    pub(crate) opcode: u32,
    unique: [u8; 8],
    pub(crate) node: u64,
}

/// What to say.
pub(crate) enum Answer {
    /// Nothing, now or ever: who asked waits.
    Never,
    Error(Errno),
    Body(Vec<u8>),
}

/// Opens `/dev/fuse`: a connection, still without a file system.
pub(crate) fn device() -> File {
    File::options().read(true).write(true).open("/dev/fuse").expect("open /dev/fuse")
}

/// Takes one request and answers it. `false` when the file system is gone.
pub(crate) fn serve_one(device: impl AsFd, answer: &mut impl FnMut(&Request) -> Option<Answer>) -> bool {
    let mut bytes = [0; REQUEST];
    match read(&device, &mut bytes) {
        Ok(length) => reply(device, &bytes[..length], answer),
        // A request that was taken back.
        Err(Errno::NOENT | Errno::INTR | Errno::AGAIN) => {}
        Err(Errno::NODEV) => return false,
        Err(errno) => panic!("read from /dev/fuse: {errno}"),
    }
    true
}

fn reply(device: impl AsFd, bytes: &[u8], answer: &mut impl FnMut(&Request) -> Option<Answer>) {
    let request = Request {
        opcode: u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes")),
        unique: bytes[8..16].try_into().expect("eight bytes"),
        node: u64::from_le_bytes(bytes[16..24].try_into().expect("eight bytes")),
    };
    let (error, body) = match answer(&request).unwrap_or_else(|| usual(request.opcode)) {
        Answer::Never => return,
        Answer::Error(errno) => (-errno.raw_os_error(), Vec::new()),
        Answer::Body(body) => (0, body),
    };
    let length = u32::try_from(16 + body.len()).expect("a short answer").to_le_bytes();
    let packet = [&length, error.to_le_bytes().as_slice(), &request.unique, &body].concat();
    // Who asked may have been killed meanwhile.
    let _ = write(device, &packet);
}

/// What any file system says.
fn usual(opcode: u32) -> Answer {
    match opcode {
        // `struct fuse_init_out`: protocol 7.31, nothing special.
        INIT => Answer::Body(words(&[7, 31, 4096, 0, 0, 4096], 64)),
        OPEN | OPENDIR => Answer::Body(words(&[1], 16)),
        STATFS => Answer::Body(words(&[], 80)),
        READDIR | RELEASE | RELEASEDIR | FLUSH => Answer::Body(Vec::new()),
        FORGET | BATCH_FORGET | INTERRUPT => Answer::Never,
        _ => Answer::Error(Errno::NOSYS),
    }
}

fn words(words: &[u32], length: usize) -> Vec<u8> {
    let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    body.resize(length, 0);
    body
}

/// Who owns what is there, and how large files are.
#[derive(Clone, Copy)]
pub(crate) struct Looks {
    pub(crate) owner: u32,
    pub(crate) size: u64,
}

impl Looks {
    /// `struct fuse_attr_out`.
    pub(crate) fn attributes(self, node: u64) -> Answer {
        let valid = [VALID, 0].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        Answer::Body([valid, self.attribute(node)].concat())
    }

    /// `struct fuse_entry_out`.
    pub(crate) fn entry(self, node: u64) -> Answer {
        let generation = 1;
        let head = [node, generation, VALID, VALID, 0];
        let head = head.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        Answer::Body([head, self.attribute(node)].concat())
    }

    /// `struct fuse_attr`: the root is a directory, all else are files.
    fn attribute(self, node: u64) -> Vec<u8> {
        let (mode, size) = if node == ROOT { (0o40700, 0) } else { (0o100_600, self.size) };
        let wide = [node, size, 0, 0, 0, 0];
        let narrow = [0_u32, 0, 0, mode, 1, self.owner, self.owner, 0, 4096, 0];
        let wide = wide.iter().flat_map(|word| word.to_le_bytes());
        wide.chain(narrow.iter().flat_map(|word| word.to_le_bytes())).collect()
    }
}
