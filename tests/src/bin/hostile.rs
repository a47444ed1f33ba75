//! What a hostile user's process does in a runtime directory, from the session's start until it is killed: a driver
//! for the tests. Everything is relative to its working directory, which it never leaves, so that it goes on in a
//! directory that was taken out of its place.
//!
//! - `hostile exchange NAME TARGET`: directories and links to TARGET change places, as fast as it goes.
//! - `hostile recreate NAME`: files and directories are made again and again.
//! - `hostile descriptor NAME`: the same through a descriptor, the working directory being elsewhere.

use std::env;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, mkdirat, openat, renameat_with, symlinkat};
use rustix::io::{self, Errno};

/// How many pairs one process exchanges.
const PAIRS: usize = 8;
/// How often a pair is exchanged before it is looked whether both are still there.
const EXCHANGES: usize = 32;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match arguments[..] {
        ["exchange", name, target] => exchange(name, target),
        ["recreate", name] => recreate(CWD, name),
        ["descriptor", name] => {
            let directory =
                openat(CWD, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).expect("open .");
            env::set_current_dir("/").expect("chdir /");
            recreate(directory.as_fd(), name)
        }
        _ => panic!("usage: hostile exchange NAME TARGET | recreate NAME | descriptor NAME"),
    };
    // Only a directory that was removed ends it: in it nothing can be made any more.
    assert_eq!(ended, Errno::NOENT);
}

/// Several pairs in turn, so that there is hardly a moment without any.
fn exchange(name: &str, target: &str) -> Errno {
    let pairs: Vec<(String, String)> =
        (0..PAIRS).map(|pair| (format!("{name}-{pair}"), format!("{name}-{pair}-link"))).collect();
    loop {
        for (directory, link) in &pairs {
            if let Err(errno) = pair(directory, link, target) {
                return errno;
            }
        }
        for (directory, link) in pairs.iter().cycle().take(PAIRS * EXCHANGES) {
            let _ = renameat_with(CWD, directory, CWD, link, RenameFlags::EXCHANGE);
        }
    }
}

/// The directory gets the names of what the link leads to, so that who looks at the one and removes
/// from the other finds something to remove.
fn pair(directory: &str, link: &str, target: &str) -> io::Result<()> {
    directory_at(CWD, directory)?;
    let _ = directory_at(CWD, &format!("{directory}/a"))
        .and_then(|()| directory_at(CWD, &format!("{directory}/a/b")));
    for file in ["f1", "f2", "a/b/g1"] {
        let _ = file_at(CWD, &format!("{directory}/{file}"));
    }
    let _ = symlinkat(target, CWD, link);
    Ok(())
}

fn recreate(at: BorrowedFd<'_>, name: &str) -> Errno {
    for number in 0_u64.. {
        let number = number % 100;
        if let Err(errno) = directory_at(at, name) {
            return errno;
        }
        let _ = directory_at(at, &format!("{name}/{number}"));
        let _ = file_at(at, &format!("{name}/{number}/file"));
        let _ = file_at(at, &format!("{name}-{number}"));
    }
    unreachable!("the numbers do not end")
}

/// Makes a directory. Only that the place itself is gone is an error: one that may not be written may
/// be again.
fn directory_at(at: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    match mkdirat(at, name, Mode::RWXU) {
        Err(errno @ Errno::NOENT) => Err(errno),
        _ => Ok(()),
    }
}

fn file_at(at: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    openat(
        at,
        name,
        OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )
    .map(drop)
}
