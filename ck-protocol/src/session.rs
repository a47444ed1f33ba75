//! What is known of a session.

use crate::{HostName, PathText, Pid, SessionId, ShortName, Timestamp, Uid, UserName, Vt, named::named};
use serde::{Deserialize, Serialize};

/// One login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name, never used again within a boot; `XDG_SESSION_ID`.
    pub id: SessionId,
    /// The session whose leader is an ancestor of this one's leader: `su` within an ssh login.
    pub parent: Option<SessionId>,
    /// Who is logged in.
    pub uid: Uid,
    /// The name of the user's account, as the PAM host's name service has it.
    pub user: UserName,
    /// The process that opened the session.
    pub leader_pid: Pid,
    /// The PAM service, such as `sshd`.
    pub service: ShortName,
    /// What the session is for.
    pub class: Class,
    /// How its user sees it.
    pub kind: Kind,
    /// The terminal without `/dev/`, where the PAM host named a real one.
    pub tty: Option<ShortName>,
    /// Whether the user sits elsewhere. True unless the broker knows better.
    pub remote: bool,
    /// The remote host, as the PAM host named it.
    pub remote_host: Option<HostName>,
    /// The user on the remote side, or the one who ran `su`.
    pub remote_user: Option<UserName>,
    /// The X display.
    pub display: Option<ShortName>,
    /// The seat, for console logins.
    pub seat: Option<ShortName>,
    /// The virtual terminal on that seat.
    pub vt: Option<Vt>,
    /// Where it is in its life.
    pub state: State,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The user's runtime directory; absent where there is none.
    pub runtime_dir: Option<PathText>,
}

named! {
    /// What a session is for: `XDG_SESSION_CLASS` of pam_systemd(8).
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
    /// How the user of a session sees it: `XDG_SESSION_TYPE` of pam_systemd(8).
    Kind, "session type":
    /// Not known, or nothing to see.
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
    /// Where a session is in its life.
    State, "session state":
    /// Asked for; its directory is being made.
    Opening = "opening",
    /// Open, on a seat whose foreground is another session.
    Online = "online",
    /// Open, and in the foreground of its seat, or without a seat.
    Active = "active",
    /// Taken out of the table; what it leaves is being cleaned up.
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
        for kind in [Kind::Unspecified, Kind::Tty, Kind::X11, Kind::Wayland, Kind::Mir, Kind::Web] {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("TTY".parse::<Kind>().is_err());
    }
}
