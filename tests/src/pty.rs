//! A program on a terminal of a host, and somebody who types.

use std::fs::File;
use std::io::{Read, Write};
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};

use crate::host::Host;
use crate::process::Running;
use crate::wait::{patience, readable};

/// A program whose controlling terminal is a fresh pseudo-terminal of the host; we hold the other end.
///
/// The master is opened from out here, in the host's own devpts, so that the program finds its terminal under the same
/// name (`/dev/pts/0`) as after any login, and nothing but the program itself runs inside.
#[derive(Debug)]
pub struct Pty {
    master: Option<File>,
    running: Running,
    /// What the program has printed and [`Pty::expect`] has not returned yet.
    unread: String,
}

impl Host {
    /// Starts `command` as the leader of a session on a terminal of its own.
    pub fn on_terminal(&self, command: &[&str]) -> Pty {
        let ptmx = self.root().join("dev/pts/ptmx");
        let master = openat(CWD, ptmx, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
            .expect("open the host's ptmx");
        unlockpt(&master).expect("unlockpt");
        let terminal =
            ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
                .expect("open the terminal");
        let enter = self.enter(&[&["setsid", "--ctty"], command].concat());
        Pty {
            master: Some(master.into()),
            running: Running::start_on(enter, terminal),
            unread: String::new(),
        }
    }
}

impl Pty {
    /// Types a line.
    pub fn send(&mut self, line: &str) {
        let master = self.master.as_mut().expect("a terminal that was not hung up");
        master.write_all(format!("{line}\n").as_bytes()).expect("write to a terminal");
    }

    /// Waits until the program has printed `text`, and returns all that it printed from the last call up to and with
    /// it. A terminal echoes what is typed: expect what only the answer has.
    pub fn expect(&mut self, text: &str, limit: Duration) -> String {
        let (start, limit) = (Instant::now(), patience(limit));
        loop {
            if let Some(at) = self.unread.find(text) {
                let rest = self.unread.split_off(at + text.len());
                return std::mem::replace(&mut self.unread, rest);
            }
            let over = self.running.is_over(); // asked before the last read, so that nothing is missed
            let more = self.read(limit.saturating_sub(start.elapsed()));
            assert!(
                more || (!over && start.elapsed() < limit),
                "no {text:?} on the terminal after {:?}, but {:?}",
                start.elapsed(),
                self.unread
            );
        }
    }

    /// Takes in what there is; whether that was anything.
    fn read(&mut self, limit: Duration) -> bool {
        let mut master = self.master.as_ref().expect("a terminal that was not hung up");
        if !readable(master, limit) {
            return false;
        }
        let mut bytes = [0; 4096];
        match master.read(&mut bytes) {
            Ok(length) => {
                self.unread.push_str(&String::from_utf8_lossy(&bytes[..length]));
                length > 0
            }
            // Nobody has the terminal open. That need not be the end: `login` closes and reopens it around vhangup(2).
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                sleep(Duration::from_millis(5));
                false
            }
            Err(error) => panic!("read from a terminal: {error}"),
        }
    }

    /// Closes our end, as when a modem hangs up or a terminal emulator is killed: the session gets SIGHUP.
    pub fn hangup(&mut self) {
        self.master = None;
    }

    /// How the program ended, or `None` if it has not within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.running.wait(limit)
    }

    /// The pid of the program, as it is inside of the host.
    pub fn pid(&self) -> i32 {
        self.running.pid()
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }
}
