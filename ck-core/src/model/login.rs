//! Logins, and the session that a login opens.

use super::Services;
use ck_protocol::{
    HostName, Open, Pid, Session, SessionId, SessionType, ShortName, State, Text, Timestamp, Uid, Vt,
};
use std::num::{NonZeroU32, NonZeroU64};

/// The process that opened a session.
///
/// A pid can be reused by another process. On kernels with one pidfd inode for each process, the inode tells the two
/// processes apart. On older kernels the start time does, unless both processes started within one clock tick (10 ms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The process id.
    pub pid: Pid,
    /// The start time in clock ticks since boot: field 22 of proc_pid_stat(5). 0 if there is an inode.
    pub started: u64,
    /// The inode of a pidfd of the process (Linux 6.9). It is not reused before the next boot.
    pub inode: Option<NonZeroU64>,
}

/// What the kernel's audit calls a process: the ids by which a session is found in the records of auditd(8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditIds {
    /// The audit session. `None` if there is none: pam_loginuid(8) begins one.
    pub session: Option<NonZeroU32>,
    /// The user who logged in at first.
    pub login_uid: Option<Uid>,
}

impl AuditIds {
    /// Sets the ids of a session.
    pub(crate) fn set(self, session: &mut Session) {
        (session.audit_id, session.login_uid) = (self.session, self.login_uid);
    }
}

/// A login: the facts from the PAM module, and the facts from the kernel about the module's process.
#[derive(Clone, Debug)]
pub struct Login {
    /// The facts from the PAM module.
    pub open: Open,
    /// The process that runs the PAM module.
    pub leader: Leader,
    /// The ancestors of the leader, its parent first. Empty if no session is open, because then none can be the parent.
    pub ancestors: Vec<Pid>,
    /// True if the terminal is a pseudo-terminal, whatever it is called: containers have one that is called `tty1`.
    pub is_pty: bool,
    /// The time of the request.
    pub now: Timestamp,
}

impl Login {
    /// The session that this login opens. `parent` is the session that the login comes from.
    #[must_use]
    pub fn session(&self, id: SessionId, parent: Option<&Session>, services: &Services) -> Session {
        let open = &self.open;
        let tty = open.tty.as_ref().and_then(terminal);
        let vt =
            tty.as_ref().and_then(virtual_terminal).filter(|_| open.remote_host.is_none() && !self.is_pty);
        Session {
            id,
            parent: parent.map(|parent| parent.id),
            uid: open.uid,
            user: open.user.clone(),
            leader_pid: self.leader.pid,
            service: open.service.clone(),
            class: open.class.unwrap_or_else(|| services.class(&open.service)),
            session_type: open.session_type.unwrap_or_else(|| session_type(open, tty.as_ref())),
            remote: is_remote(open, tty.as_ref().filter(|_| !self.is_pty), parent),
            tty,
            remote_host: open.remote_host.clone(),
            remote_user: open.remote_user.clone(),
            display: open.display.clone(),
            // The registry sets it: it knows the seats.
            seat: None,
            vt,
            state: State::Opening,
            opened_at: self.now,
            runtime_dir: None,
            // They are read when the login has been replied to.
            audit_id: None,
            login_uid: None,
        }
    }
}

/// The terminal that `PAM_TTY` names, without `/dev/`. sshd sets `PAM_TTY` to `ssh`, cron to `cron`, and display managers
/// to the display: those are not terminals.
fn terminal(tty: &ShortName) -> Option<ShortName> {
    let name = tty.as_str().strip_prefix("/dev/").unwrap_or(tty.as_str());
    if matches!(name, "" | "ssh" | "cron") || name.contains(':') {
        return None;
    }
    Text::new(name).ok()
}

/// The number of the virtual terminal that `tty` is.
fn virtual_terminal(tty: &ShortName) -> Option<Vt> {
    let digits = tty.as_str().strip_prefix("tty")?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse::<u8>().ok().filter(|_| plain).and_then(|number| Vt::try_from(number).ok())
}

fn session_type(open: &Open, tty: Option<&ShortName>) -> SessionType {
    let raw = open.tty.as_ref().map_or("", Text::as_str);
    if open.display.is_some() || raw.contains(':') {
        SessionType::X11
    } else if tty.is_some() || raw == "ssh" {
        SessionType::Tty
    } else {
        SessionType::Unspecified
    }
}

/// True if the login came from another host, or from within a session that did. cron, at and `login -f` name no host.
fn is_remote(open: &Open, tty: Option<&ShortName>, parent: Option<&Session>) -> bool {
    if open.remote_host.as_ref().is_some_and(|host| !is_this_host(host)) {
        return true;
    }
    !tty.is_some_and(is_console) && parent.is_some_and(|parent| parent.remote)
}

/// True for a terminal at which somebody has to sit at the machine.
fn is_console(tty: &ShortName) -> bool {
    let name = tty.as_str();
    virtual_terminal(tty).is_some()
        || name == "console"
        || ["ttyS", "ttyAMA", "hvc"].iter().any(|console| name.starts_with(console))
}

/// True for the names that always mean this host (RFC 6761, section 6.3), and for the one that many distributions have in
/// hosts(5). An address is another host's: whoever forwards a connection comes from 127.0.0.1.
fn is_this_host(host: &HostName) -> bool {
    let host = host.as_str().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let host = host.strip_suffix(".localdomain").unwrap_or(host);
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ck_protocol::{Gid, Token, Uid, UserName};

    /// A login of alice, 2001.
    pub(crate) fn login(tty: &str, remote_host: Option<&str>) -> Login {
        let open = Open {
            token: Token::new([0; 16]),
            uid: Uid::try_from(2001).unwrap(),
            gid: Gid::try_from(2001).unwrap(),
            user: UserName::clipped("alice"),
            service: Text::clipped("login"),
            class: None,
            session_type: None,
            tty: Some(Text::clipped(tty)),
            remote_host: remote_host.map(Text::clipped),
            remote_user: None,
            display: None,
            runtime_dir: true,
        };
        let leader = Leader { pid: Pid::try_from(9).unwrap(), started: 1, inode: None };
        Login { open, leader, ancestors: Vec::new(), is_pty: false, now: Timestamp::from_micros(0) }
    }

    fn session(tty: &str, remote_host: Option<&str>) -> Session {
        login(tty, remote_host).session(SessionId::FIRST, None, &Services::default())
    }

    #[test]
    fn a_login_on_a_virtual_terminal_is_local() {
        for tty in ["/dev/tty2", "tty2"] {
            let session = session(tty, None);
            assert_eq!(session.tty, Some(Text::clipped("tty2")));
            assert_eq!(
                (session.vt.map(Vt::get), session.remote, session.session_type),
                (Some(2), false, SessionType::Tty)
            );
        }
    }

    #[test]
    fn a_remote_host_makes_it_remote_whatever_the_terminal_says() {
        let session = session("tty2", Some("203.0.113.9"));
        assert!(session.remote && session.vt.is_none());
    }

    #[test]
    fn without_a_remote_host_no_login_is_remote() {
        for tty in
            ["pts/0", "ssh", "cron", "", "tty", "tty0", "tty64", "ttyp1", "ttyS0", "/dev/console", "hvc0"]
        {
            assert!(!session(tty, None).remote, "{tty}");
        }
    }

    #[test]
    fn this_host_by_name_is_no_remote_host() {
        for host in
            ["localhost", "LOCALHOST.", "localhost.localdomain", "a.localhost", "a.localhost.localdomain."]
        {
            assert!(!session("pts/0", Some(host)).remote, "{host}");
        }
        for host in ["127.0.0.1", "::1", "UNKNOWN", "localhost.example.com", "mylocalhost", "localdomain"] {
            assert!(session("pts/0", Some(host)).remote, "{host}");
        }
    }

    #[test]
    fn words_that_are_no_terminals_are_not_shown_as_such() {
        assert_eq!((session("ssh", None).tty, session("ssh", None).session_type), (None, SessionType::Tty));
        assert_eq!(
            (session("cron", None).tty, session("cron", None).session_type),
            (None, SessionType::Unspecified)
        );
        assert_eq!((session(":0", None).tty, session(":0", None).session_type), (None, SessionType::X11));
    }

    #[test]
    fn a_login_within_a_session_is_as_remote_as_that() {
        let console = session("tty1", None);
        let inner = login("pts/3", None).session(SessionId::new(2), Some(&console), &Services::default());
        assert_eq!((inner.parent, inner.remote), (Some(console.id), false));
        let far = session("ssh", Some("203.0.113.9"));
        for (tty, remote) in [("pts/3", true), ("cron", true), ("tty2", false)] {
            let inner = login(tty, None).session(SessionId::new(2), Some(&far), &Services::default());
            assert_eq!(inner.remote, remote, "{tty}");
        }
    }
}
