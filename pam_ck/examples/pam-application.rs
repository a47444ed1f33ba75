//! A PAM application that is controlled by its command line, for tests on whole hosts. It does what sshd and login
//! never do: it closes twice, or sets items that are invalid.
//!
//!     pam-application SERVICE USER WORD...
//!
//! | word | what it does |
//! | --- | --- |
//! | `tty=…` `rhost=…` `ruser=…` `xdisplay=…` | sets an item |
//! | `open` `close` | calls it; prints its name, its PAM code and its duration in microseconds |
//! | `putenv NAME=VALUE` | sets a variable with pam_putenv(3), as modules do |
//! | `env` | prints the variables of the session |
//! | `other` | changes to the other handle of the process, which is made at the first use |
//! | `spawn CMD` `exec CMD` | runs a shell command beside this process, or in its place |
//! | `await PATH` | waits until the file exists |
//! | `become UID` | gives up root for good, as ftp daemons do |
//! | `leave` | ends at once, without pam_end(3) |
#![deny(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "this is a test program"
)]

#[path = "../tests/module/application.rs"]
#[allow(unsafe_code, reason = "PAM is a C interface, and every call to it is in this file")]
mod application;

use application::Application;
use pam_sys::PamItemType;
use std::{
    env,
    ffi::{OsString, c_int},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::Path,
    process::{self, Command},
    thread,
    time::{Duration, Instant},
};

/// The variables of a session.
const VARIABLES: [&str; 5] =
    ["XDG_SESSION_ID", "XDG_SESSION_CLASS", "XDG_SESSION_TYPE", "XDG_RUNTIME_DIR", "XDG_SEAT"];

fn main() {
    let mut words = env::args_os().skip(1);
    let (service, user) = (next(&mut words), next(&mut words));
    let start = || Application::start(Path::new("/etc/pam.d"), service.to_str().unwrap(), user.as_bytes());
    let mut handles = vec![start()];
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("open") => timed("open", || handles[0].open()),
            Some("close") => timed("close", || handles[0].close()),
            Some("putenv") => handles[0].put_env(next(&mut words).to_str().unwrap()),
            Some("env") => tell(&handles[0]),
            Some("other") => {
                if handles.len() == 1 {
                    handles.push(start());
                }
                handles.swap(0, 1);
            }
            Some("spawn") => drop(shell(&next(&mut words)).spawn().unwrap()),
            Some("exec") => panic!("{}", shell(&next(&mut words)).exec()),
            Some("await") => await_file(Path::new(&next(&mut words))),
            Some("become") => {
                let uid = next(&mut words).to_str().unwrap().parse().unwrap();
                nix::unistd::setuid(nix::unistd::Uid::from_raw(uid)).unwrap();
            }
            Some("leave") => process::exit(0),
            _ => set(&mut handles[0], word.as_bytes()),
        }
    }
}

fn next(words: &mut impl Iterator<Item = OsString>) -> OsString {
    words.next().expect("another word")
}

fn shell(script: &OsString) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    command
}

fn timed(name: &str, call: impl FnOnce() -> c_int) {
    let start = Instant::now();
    let code = call();
    println!("{name} {code} {}", start.elapsed().as_micros());
}

fn tell(handle: &Application) {
    let found = VARIABLES.iter().filter_map(|name| Some(format!("{name}={}", handle.env(name)?)));
    println!("{}", found.collect::<Vec<_>>().join(" "));
}

fn await_file(path: &Path) {
    while !path.exists() {
        thread::sleep(Duration::from_millis(5));
    }
}

fn set(handle: &mut Application, word: &[u8]) {
    let at = word.iter().position(|&byte| byte == b'=').expect("a word that is known");
    let item = match &word[..at] {
        b"tty" => PamItemType::TTY,
        b"rhost" => PamItemType::RHOST,
        b"ruser" => PamItemType::RUSER,
        b"xdisplay" => PamItemType::XDISPLAY,
        _ => panic!("there is no such item"),
    };
    handle.set(item, &word[at + 1..]);
}
