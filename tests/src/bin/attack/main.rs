//! What an ordinary user of a server can do to those who share it, with Debian's defaults: a driver for the tests, in a
//! host. Each attack prints `ready` when it stands, and goes on until it is killed.
//!
//! - `attack hold [--keep] DIR…`: the lock of each directory is held, see [`hold`]. With `--keep` it is held until the
//!   file system's connection is aborted, whoever is killed.
//! - `attack heavy FILES PATH`: a file system with so many files is mounted on PATH in a namespace of its own.
//! - `attack fuse-many UID INODES DIR`: a FUSE of the user's on DIR, of which the kernel keeps so many inodes.
//! - `attack layers UID COUNT DIR`: so many FUSE of the user's on DIR, one upon another.
//! - `attack mkdirs DIR`: mkdir(2) in DIR without end, which waits for the directory's lock before it is refused.
//! - `attack rename-hold FROM TO`: rename(2) from FROM to TO without end: who holds FROM, holds TO.
//! - `attack stopper`: whatever runs as the user and is called as the remover is, is stopped.
//! - `attack bomb SECONDS`: all process ids that there are.
//! - `attack namespaces COUNT`: so many namespaces that get what is mounted here, filled until no mount has room.
//! - `attack copies`: a namespace with many mounts is copied without end.
//!
//! `fuse-many` and `layers` are started by root, stand in for the set-uid fusermount3, and are the user from then on.

mod fuse;
mod heavy;
mod hold;
mod mounts;
mod names;
mod namespaces;
mod processes;
mod sys;

use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["hold", "--keep", ..] => hold::serve(&words[2..], hold::Keep::Device),
        ["hold", ..] => hold::serve(&words[1..], hold::Keep::Nothing),
        ["held-by", file, directory] => hold::hold(file, directory),
        ["heavy", files, path] => heavy::run(number(files), path),
        ["fuse-many", uid, inodes, directory] => mounts::many(number(uid), number(inodes), directory),
        ["layers", uid, count, directory] => mounts::layers(number(uid), number(count), directory),
        ["mkdirs", directory] => names::mkdirs(directory),
        ["rename-hold", from, to] => names::renames(from, to),
        ["stopper"] => processes::stop_removers(),
        ["bomb", seconds] => processes::bomb(number(seconds)),
        ["namespaces", count] => namespaces::fill_each(number(count)),
        ["fill"] => namespaces::fill(),
        ["copies"] => namespaces::copy(),
        _ => panic!("usage: see the head of attack/main.rs"),
    }
}

fn number<N: std::str::FromStr>(word: &str) -> N {
    word.parse().unwrap_or_else(|_| panic!("{word}: no number that fits"))
}

/// Tells whoever started it that the attack stands.
fn ready() {
    println!("ready");
}

fn wait_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

/// Starts anew with this program's arguments, in namespaces of its own in which it may mount, unless it is there already.
/// What is mounted outside later is mounted there too, as far as it is shared.
fn in_own_namespaces() {
    const MARK: &str = "ATTACK_IN_NAMESPACES";
    if std::env::var_os(MARK).is_some() {
        return;
    }
    let own = std::env::current_exe().expect("this program");
    let unshare = ["--user", "--map-root-user", "--mount", "--propagation=slave", "--"];
    let error =
        Command::new("unshare").args(unshare).arg(own).args(std::env::args_os().skip(1)).env(MARK, "").exec();
    panic!("unshare: {error}");
}
