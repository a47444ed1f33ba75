//! What the users of sessions do, as w(1) shows it: the terminal of an ssh session, since when it is idle, and what runs.
//!
//! The broker is not asked, and need not look: sshd gets a terminal only after the login, and it can get several. So `ckctl`
//! reads proc(5) once each time that it shows sessions. What the caller may not see there (`hidepid=`), and what cannot be
//! found out, is absent.
//!
//! - [`listed`] adds it to sessions; `find` finds it for one
//! - `proc` reads proc(5); `terminal` looks at a device
//! - `patience` waits for no look-up for longer than a second

mod find;
mod patience;
mod proc;
mod terminal;

use ck_core::processes::Tree;
use ck_protocol::{Pid, Session, Text};
use find::{Found, Search};
use std::{sync::Arc, time::Duration};

/// A session, and what its user does.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The session. Its terminal is the one that PAM named, or else the one that was found.
    pub session: Session,
    /// The time since the last input or output of the terminal. Linux notes that time to 8 seconds (`tty_update_time` of
    /// tty_io.c).
    pub idle: Option<Duration>,
    /// What runs in the foreground of the terminal; without a terminal, the command of the session.
    pub command: Option<String>,
}

impl Listed {
    /// The session without any of it.
    #[must_use]
    pub fn alone(session: Session) -> Self {
        Self { session, idle: None, command: None }
    }

    fn with(self, Found { tty, idle, command }: Found) -> Self {
        let tty = self.session.tty.clone().or_else(|| Text::new(&tty?).ok());
        Self { session: Session { tty, ..self.session }, idle, command }
    }
}

/// Adds what their users do to `sessions`. `leaders` are those of all sessions, also of those that are not shown. `broker` is the
/// pid of the broker, if it has one here.
#[must_use]
pub fn listed(
    sessions: Vec<Session>,
    leaders: impl IntoIterator<Item = Pid>,
    broker: Option<Pid>,
) -> Vec<Listed> {
    let alone = sessions.into_iter().map(Listed::alone);
    // In another pid namespace than the broker's, its pids mean other processes.
    if alone.len() == 0 || !broker.is_some_and(proc::has_pids_of) {
        return alone.collect();
    }
    let tree = Tree::new(proc::all(), leaders);
    let sessions: Vec<Listed> = alone.collect();
    let of = |listed: &Listed| (listed.session.leader_pid, listed.session.uid, listed.session.tty.clone());
    let search = Arc::new(Search { tree, sessions: sessions.iter().map(of).collect() });
    let found = patience::each(sessions.len(), move |at| search.look(at));
    sessions.into_iter().zip(found).map(|(listed, found)| listed.with(found.unwrap_or_default())).collect()
}
