//! A PAM application that times one login, for `make bench`. It works with any module.
//!
//!     pam-login CONFDIR SERVICE USER      one login; it ends at a line or the end of standard input
//!     pam-login --dlopen MODULE           only loads a module, as libpam would
//!
//! It prints a line with the nanoseconds of pam_start(3), which loads the modules, and of pam_open_session(3). At the
//! end, it prints a line with the nanoseconds of pam_close_session(3). If the login is refused, it prints this and
//! ends. Each line is one write(2), so that the lines are marks in a trace of system calls.
#![deny(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "this is a benchmark program"
)]

#[path = "../tests/module/application.rs"]
#[allow(unsafe_code, dead_code, reason = "PAM is a C interface, and not all of it is used here")]
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
    // This comes before anything is timed, because the first line that is printed allocates memory.
    println!("ready");
    let start = Instant::now();
    let mut login = Application::start(confdir, service, user.as_bytes());
    let started = start.elapsed();
    // sshd sets these. Some session managers treat a login without them differently.
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
