//! What the user of one session does.

use super::{proc, terminal::Terminal};
use ck_core::processes::{Stat, Tree};
use ck_protocol::{Pid, ShortName, Uid};
use std::time::{Duration, SystemTime};

/// Where it is looked for.
#[derive(Debug)]
pub(super) struct Search {
    /// All processes that are visible.
    pub(super) tree: Tree,
    /// The leader of each session, its user, and the terminal that PAM named.
    pub(super) sessions: Vec<(Pid, Uid, Option<ShortName>)>,
}

/// What was found of a session.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The name of the terminal, without `/dev/`.
    pub(super) tty: Option<String>,
    /// The time since the last use of it.
    pub(super) idle: Option<Duration>,
    /// What runs on it.
    pub(super) command: Option<String>,
}

/// A terminal of a session.
#[derive(Default)]
struct Place<'t> {
    name: Option<String>,
    used: Option<SystemTime>,
    /// A process of the session on it.
    process: Option<&'t Stat>,
}

impl Search {
    /// What the session `at` does.
    pub(super) fn look(&self, at: usize) -> Found {
        let Some((leader, uid, tty)) = self.sessions.get(at) else { return Found::default() };
        let place = match tty {
            Some(name) => self.named(*leader, name.as_str()),
            None => self.last_used(*leader, *uid),
        };
        let running = match place.process {
            Some(process) => self.tree.foreground(process),
            None => self.tree.program(*leader),
        };
        let idle = place.used.map(|used| SystemTime::now().duration_since(used).unwrap_or_default());
        Found { tty: place.name, idle, command: running.and_then(proc::command) }
    }

    /// The terminal that PAM named.
    fn named(&self, leader: Pid, name: &str) -> Place<'_> {
        let Some(terminal) = Terminal::of(name) else { return Place::default() };
        let process = self.tree.on_terminal(leader, terminal.device);
        Place { name: Some(name.to_owned()), used: Some(terminal.used), process }
    }

    /// Of the terminals that the processes of the session have, the one that was used last.
    fn last_used(&self, leader: Pid, uid: Uid) -> Place<'_> {
        let places = self.tree.terminals(leader).into_iter().map(|process| {
            let name = process.terminal.and_then(|device| device.name());
            let there = name.as_deref().and_then(Terminal::of);
            // Another terminal can have the name here, where /dev is not that of the session. In another instance of devpts, which
            // every user can make, it can also have the number.
            let is_it = |there: &Terminal| Some(there.device) == process.terminal && there.owner == uid.get();
            let there = there.filter(is_it);
            let name = name.filter(|_| there.is_some());
            Place { name, used: there.map(|there| there.used), process: Some(process) }
        });
        places.max_by_key(|place| place.used).unwrap_or_default()
    }
}
