//! A session.

use crate::{HostName, PathText, Pid, SessionId, ShortName, Timestamp, Uid, UserName, Vt, named::named};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// One login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id, which is never reused within a boot: `XDG_SESSION_ID`.
    pub id: SessionId,
    /// The session whose leader is an ancestor of this one's leader: `su` within an ssh login.
    pub parent: Option<SessionId>,
    /// The user who is logged in.
    pub uid: Uid,
    /// The name of the account, from the name service of the PAM host.
    pub user: UserName,
    /// The process that opened the session.
    pub leader_pid: Pid,
    /// The PAM service, such as `sshd`.
    pub service: ShortName,
    /// The purpose of the session.
    pub class: Class,
    /// Its type, for example `tty` or `x11`.
    pub session_type: SessionType,
    /// The terminal without `/dev/`, if the PAM host named a real one.
    pub tty: Option<ShortName>,
    /// True unless the broker knows that the user is at this machine.
    pub remote: bool,
    /// The remote host, from the PAM host.
    pub remote_host: Option<HostName>,
    /// The user on the remote host, or the user who ran `su`.
    pub remote_user: Option<UserName>,
    /// The X display.
    pub display: Option<ShortName>,
    /// The seat, for console logins.
    pub seat: Option<ShortName>,
    /// The virtual terminal on the seat.
    pub vt: Option<Vt>,
    /// Its state.
    pub state: State,
    /// The time at which it was opened.
    pub opened_at: Timestamp,
    /// The runtime directory of the user, if there is one.
    pub runtime_dir: Option<PathText>,
    /// The audit session of the leader, if it has one: `sessionid` in proc(5), `ses` in the records of auditd(8).
    pub audit_id: Option<NonZeroU32>,
    /// The user who logged in at first, whatever `su` came later: `loginuid` in proc(5), `auid` in the records of auditd(8).
    pub login_uid: Option<Uid>,
}

named! {
    /// The purpose of a session: `XDG_SESSION_CLASS` of pam_systemd(8).
    Class, "session class":
    /// A person's login.
    User = "user",
    /// A display manager's login screen.
    Greeter = "greeter",
    /// A lock screen.
    LockScreen = "lock-screen",
    /// Work without a person, such as a cron job.
    Background = "background",
}

named! {
    /// The type of a session: `XDG_SESSION_TYPE` of pam_systemd(8).
    SessionType, "session type":
    /// Unknown, or not visible to the user.
    Unspecified = "unspecified",
    /// Text on a terminal.
    Tty = "tty",
    /// An X server.
    X11 = "x11",
    /// A Wayland compositor.
    Wayland = "wayland",
    /// A Mir compositor.
    Mir = "mir",
    /// A web console.
    Web = "web",
}

named! {
    /// The state of a session.
    State, "session state":
    /// Requested; its runtime directory is being made.
    Opening = "opening",
    /// Open, on a seat where another session is active.
    Online = "online",
    /// Open, and active on its seat or without a seat.
    Active = "active",
    /// Ended; its remains are being removed.
    Closing = "closing",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_reads_back_as_its_value() {
        for class in [Class::User, Class::Greeter, Class::LockScreen, Class::Background] {
            assert_eq!(class.as_str().parse(), Ok(class));
        }
        for session_type in [
            SessionType::Unspecified,
            SessionType::Tty,
            SessionType::X11,
            SessionType::Wayland,
            SessionType::Mir,
            SessionType::Web,
        ] {
            assert_eq!(session_type.as_str().parse(), Ok(session_type));
        }
        assert!("TTY".parse::<SessionType>().is_err());
    }
}
