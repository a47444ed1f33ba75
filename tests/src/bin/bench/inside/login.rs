//! A login by libpam, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The user whose logins are measured, and the directory that comes and goes with them.
pub(super) const USER: &str = "alice";
pub(super) const UID: u32 = 2001;
pub(super) const DIRECTORY: &str = "/run/user/2001";
const PROGRAM: &str = "/usr/local/bin/pam-login";

/// A login that is open.
pub(super) struct Login {
    process: Child,
    lines: BufReader<ChildStdout>,
    /// Nanoseconds that pam_start(3) took: it loads the modules.
    pub(super) start: u64,
    /// And pam_open_session(3).
    pub(super) open: u64,
}

impl Login {
    pub(super) fn open(confdir: &str, service: &str, user: &str) -> Self {
        Self::try_open(confdir, service, user).expect("a login that is not refused")
    }

    /// The same, where it may be refused.
    pub(super) fn try_open(confdir: &str, service: &str, user: &str) -> Option<Self> {
        let mut process = Command::new(PROGRAM)
            .args([confdir, service, user])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start pam-login");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe"));
        assert_eq!((line(&mut lines), line(&mut lines)), ("ready".to_owned(), "started".to_owned()));
        let times = line(&mut lines);
        let (start, open) = times.split_once(' ').expect("two words");
        if start == "refused" {
            process.wait().expect("wait for pam-login");
            return None;
        }
        let (start, open) = (start.parse().expect("a time"), open.parse().expect("a time"));
        Some(Self { process, lines, start, open })
    }

    /// Logs out; the nanoseconds of pam_close_session(3).
    pub(super) fn close(mut self) -> u64 {
        self.process.stdin.take().expect("a pipe").write_all(b"\n").expect("tell pam-login");
        assert_eq!(line(&mut self.lines), "closing");
        let took = line(&mut self.lines).parse().expect("a time");
        assert!(self.process.wait().expect("wait for pam-login").success());
        took
    }
}

fn line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).expect("read from pam-login");
    line.trim_end().to_owned()
}

/// Holds logins until this process is ended, after it has said `held`.
pub(super) fn hold(confdir: &str, service: &str, count: u32) {
    let held: Vec<_> = (0..count).map(|_| Login::open(confdir, service, USER)).collect();
    println!("held");
    std::io::stdin().lines().next();
    std::thread::sleep(std::time::Duration::from_secs(600));
    drop(held);
}
