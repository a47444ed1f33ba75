//! One login for `make bench`, timed: a PAM application that does nothing but that, whatever the module.
//!
//!     pam-login CONFDIR SERVICE USER      one login; ends it when a line or the end comes on standard input
//!     pam-login --dlopen MODULE           only loads a module, as libpam would
//!
//! Prints a line with the nanoseconds of pam_start(3), which loads the modules, and of pam_open_session(3); after the
//! end one with those of pam_close_session(3). Of a login that is refused it says so, and ends. Each is one
//! write(2), so that a trace of system calls has marks.
#![deny(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is a program of the benchmarks"
)]

#[path = "../tests/module/application.rs"]
#[allow(unsafe_code, dead_code, reason = "PAM is a C interface, and not all of it is needed here")]
mod application;
#[path = "fenced/loading.rs"]
#[allow(unsafe_code, reason = "dlopen(3) is a C interface")]
mod loading;

use application::{Application, SUCCESS};
use pam_sys::PamItemType;
use std::{env, io::stdin, path::Path, time::Instant};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--dlopen", module] => {
            let start = Instant::now();
            assert!(loading::load(module), "{module} cannot be loaded");
            println!("{}", start.elapsed().as_nanos());
        }
        [confdir, service, user] => log_in(Path::new(confdir), service, user),
        _ => panic!("usage: see the head of pam-login.rs"),
    }
}

fn log_in(confdir: &Path, service: &str, user: &str) {
    // Before anything is timed: the first line that is printed allocates.
    println!("ready");
    let start = Instant::now();
    let mut login = Application::start(confdir, service, user.as_bytes());
    let started = start.elapsed();
    // As sshd would: to some managers a login from nowhere is a lesser one.
    login.set(PamItemType::TTY, b"ssh");
    login.set(PamItemType::RHOST, b"192.0.2.1");
    println!("started");
    let start = Instant::now();
    let code = login.open();
    let opened = start.elapsed();
    if code != SUCCESS {
        println!("refused {code}");
        return;
    }
    println!("{} {}", started.as_nanos(), opened.as_nanos());
    stdin().read_line(&mut String::new()).unwrap();
    println!("closing");
    let start = Instant::now();
    assert_eq!(login.close(), SUCCESS, "pam_close_session");
    println!("{}", start.elapsed().as_nanos());
}
