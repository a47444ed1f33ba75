//! A line of proc_pid_stat(5).

use super::Device;
use ck_protocol::Pid;
use std::str::from_utf8;

/// What proc_pid_stat(5) says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The process, in the pid namespace of the file system that was read.
    pub pid: Pid,
    /// The name of its program, of at most 15 bytes. The process can give itself any name.
    pub name: Vec<u8>,
    /// True if it has ended, and its parent has not noticed yet.
    pub is_zombie: bool,
    /// Its parent. `None` if that is not in the pid namespace.
    pub parent: Option<Pid>,
    /// Its process group. `None` if the leader of that is not in the pid namespace.
    pub group: Option<Pid>,
    /// Its controlling terminal.
    pub terminal: Option<Device>,
    /// The process group in the foreground of that terminal.
    pub foreground: Option<Pid>,
    /// When it started, in clock ticks since boot.
    pub started: u64,
}

impl Stat {
    /// Parses a line. The name, field 2, may contain any byte, also spaces and parentheses. The other fields follow its last
    /// parenthesis.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let opened = line.windows(2).position(|bytes| bytes == b" (")?;
        let closed = line.windows(2).rposition(|bytes| bytes == b") ")?;
        let pid = from_utf8(line.get(..opened)?).ok()?;
        let mut fields = from_utf8(line.get(closed + 2..)?).ok()?.split_ascii_whitespace();
        let state = fields.next()?;
        // Fields 4 to 8: ppid, pgrp, session, tty_nr, tpgid.
        let parent = fields.next().and_then(of);
        let group = fields.next().and_then(of);
        let terminal = fields.nth(1)?.parse().ok().and_then(Device::from_tty_nr);
        let foreground = fields.next().and_then(of);
        // `fields` now begins with field 9; the start time is field 22.
        let started = fields.nth(13)?.parse().ok()?;
        Some(Self {
            pid: of(pid)?,
            name: line.get(opened + 2..closed)?.to_owned(),
            is_zombie: matches!(state, "Z" | "X"),
            parent,
            group,
            terminal,
            foreground,
            started,
        })
    }
}

/// The process or process group that a field means. 0 and -1 mean none.
fn of(field: &str) -> Option<Pid> {
    field.parse::<i32>().ok().and_then(|pid| Pid::try_from(pid).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: &str = "S 7 11 10 34819 12 4194560 1 0 0 0 1 2 3 4 20 0 1 0 4711 1 1\n";

    #[test]
    fn a_line_has_its_fields() {
        let stat = Stat::parse(format!("12 (sleep) {FIELDS}").as_bytes()).unwrap();
        let number = |pid: Option<Pid>| pid.map(Pid::get);
        assert_eq!((stat.pid.get(), stat.name.as_slice(), stat.is_zombie), (12, &b"sleep"[..], false));
        assert_eq!((number(stat.parent), number(stat.group)), (Some(7), Some(11)));
        assert_eq!((stat.terminal, number(stat.foreground)), (Device::from_tty_nr(34_819), Some(12)));
        assert_eq!(stat.started, 4711);
        let line = b"1 (init) Z 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 3";
        let init = Stat::parse(line).unwrap();
        assert_eq!((init.parent, init.group, init.terminal, init.foreground), (None, None, None, None));
        assert!(init.is_zombie);
    }

    #[test]
    fn a_name_with_parentheses_misleads_nobody() {
        let line = "12 (a) R 9 (b) S 7 1 1 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 4711 1 1";
        let stat = Stat::parse(line.as_bytes()).unwrap();
        assert_eq!((stat.parent.map(Pid::get), stat.started, stat.is_zombie), (Some(7), 4711, false));
        assert_eq!(stat.name, b"a) R 9 (b");
        assert!(Stat::parse(b"12 (cut").is_none() && Stat::parse(b") 1 (").is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_parsing_panic(line in any::<Vec<u8>>()) {
            let _ = Stat::parse(&line);
        }

        #[test]
        fn no_line_makes_parsing_panic(line in "[0-9() a-zA-Z\\-\n\u{fffd}]{0,120}") {
            let _ = Stat::parse(line.as_bytes());
        }

        #[test]
        fn no_name_changes_what_is_read(name in any::<Vec<u8>>()) {
            let line = [b"12 (", &*name, b") ", FIELDS.as_bytes()].concat();
            let stat = Stat::parse(&line).unwrap();
            prop_assert_eq!((stat.parent.map(Pid::get), stat.started), (Some(7), 4711));
            prop_assert_eq!(stat.name, name);
        }
    }
}
