//! The columns of the lists that the broker replies with, and the fields of a session.

use crate::{
    activity::Listed,
    layout::{Cell, Column, Layout, named},
};
use ck_protocol::{Seat, Session, SessionId, TeardownDetail, Uid, User, Vt};

/// Sessions, as `ckctl list` shows them.
pub const SESSIONS: Layout<Listed> = Layout {
    noun: "session",
    columns: &[
        Column {
            name: "SESSION",
            meaning: "The id of the session. It is not used again until the next boot.",
            cell: |listed| listed.session.id.get().into(),
        },
        Column {
            name: "UID",
            meaning: "The uid of the user.",
            cell: |listed| listed.session.uid.get().into(),
        },
        Column {
            name: "USER",
            meaning: "The name of the user.",
            cell: |listed| (&listed.session.user).into(),
        },
        Column {
            name: "SERVICE",
            meaning: "The PAM service that the user logged in through, such as sshd.",
            cell: |listed| (&listed.session.service).into(),
        },
        Column {
            name: "TTY",
            meaning: "The terminal, without /dev/. Of several terminals of an ssh connection, it is the one that was used last.",
            cell: |listed| listed.session.tty.as_ref().into(),
        },
        Column {
            name: "SEAT",
            meaning: "The seat. A remote session has none.",
            cell: |listed| listed.session.seat.as_ref().into(),
        },
        Column {
            name: "STATE",
            meaning: "The state of the session.",
            cell: |listed| listed.session.state.as_str().into(),
        },
        Column {
            name: "SINCE",
            meaning: "The time of the login.",
            cell: |listed| listed.session.opened_at.into(),
        },
        Column {
            name: "REMOTE HOST",
            meaning: "The host that the user logged in from.",
            cell: |listed| listed.session.remote_host.as_ref().into(),
        },
        Column {
            name: "IDLE",
            meaning: "The time since the last input or output of the terminal, to 8 seconds.",
            cell: |listed| idle(listed),
        },
        Column {
            name: "WHAT",
            meaning: "The command in the foreground of the terminal. Without a terminal, it is the command that the login has started. A terminal that is too narrow cuts it.",
            cell: |listed| listed.command.as_deref().into(),
        },
    ],
    least_useful: &["SEAT", "UID", "SERVICE", "STATE", "SINCE", "IDLE", "WHAT", "TTY", "SESSION"],
    elastic: Some("WHAT"),
};

/// The columns of [`SESSIONS`] that [`activity`](crate::activity) fills in.
pub const ACTIVITY: [&str; 3] = ["TTY", "IDLE", "WHAT"];

fn idle(listed: &Listed) -> Cell {
    listed.idle.map_or(Cell::Absent, |idle| Cell::Duration(idle, false))
}

/// Users, as `ckctl users` shows them.
pub const USERS: Layout<User> = Layout {
    noun: "user",
    columns: &[
        UID,
        USER,
        COUNT,
        Column {
            name: "LINGER",
            meaning: "Whether the user keeps the runtime directory without a session.",
            cell: |user| user.linger.into(),
        },
        STATE,
        DIRECTORY,
    ],
    least_useful: &["RUNTIME DIRECTORY", "LINGER", "STATE", "UID"],
    elastic: None,
};

/// Users, as `ckctl linger list` shows them.
pub const LINGERING: Layout<User> = Layout {
    noun: "user",
    columns: &[UID, USER, COUNT, STATE, DIRECTORY],
    least_useful: &["RUNTIME DIRECTORY", "STATE", "UID"],
    elastic: None,
};

const UID: Column<User> =
    Column { name: "UID", meaning: "The uid of the user.", cell: |user| user.uid.get().into() };
const USER: Column<User> =
    Column { name: "USER", meaning: "The name of the user.", cell: |user| (&user.name).into() };
const COUNT: Column<User> = Column {
    name: "SESSIONS",
    meaning: "The number of sessions of the user.",
    cell: |user| user.sessions.into(),
};
const STATE: Column<User> =
    Column { name: "STATE", meaning: "The state of the user.", cell: |user| user.state.as_str().into() };
const DIRECTORY: Column<User> = Column {
    name: "RUNTIME DIRECTORY",
    meaning: "The value of XDG_RUNTIME_DIR in the sessions of the user.",
    cell: |user| user.runtime_dir.as_ref().into(),
};

/// Seats, as `ckctl seats` shows them.
pub const SEATS: Layout<Seat> = Layout {
    noun: "seat",
    columns: &[
        Column { name: "SEAT", meaning: "The name of the seat.", cell: |seat| (&seat.id).into() },
        Column {
            name: "ACTIVE SESSION",
            meaning: "The session in the foreground.",
            cell: |seat| seat.active.map(SessionId::get).into(),
        },
        Column {
            name: "SESSIONS",
            meaning: "The number of sessions on the seat.",
            cell: |seat| seat.sessions.into(),
        },
        Column {
            name: "VIRTUAL TERMINALS",
            meaning: "Whether the seat has the virtual terminals of the kernel.",
            cell: |seat| seat.has_vts.into(),
        },
    ],
    least_useful: &["VIRTUAL TERMINALS", "SESSIONS"],
    elastic: None,
};

/// Teardowns, as `ckctl teardown list` shows them.
pub const TEARDOWNS: Layout<TeardownDetail> = Layout {
    noun: "teardown",
    columns: &[
        Column {
            name: "TEARDOWN",
            meaning: "The id of the teardown.",
            cell: |detail| detail.teardown.id.get().into(),
        },
        Column {
            name: "UID",
            meaning: "The uid of the user whose runtime directory is removed.",
            cell: |detail| detail.teardown.uid.get().into(),
        },
        Column {
            name: "STATE",
            meaning: "The state of the teardown.",
            cell: |detail| detail.teardown.state.as_str().into(),
        },
        Column {
            name: "SINCE",
            meaning: "The time at which the user left, or at which a broker found the directory.",
            cell: |detail| detail.since.into(),
        },
        Column {
            name: "BYTES",
            meaning: "The bytes in the directory at the logout, where that is known.",
            cell: |detail| detail.bytes.into(),
        },
        Column {
            name: "FAILURES",
            meaning: "The number of tries that failed.",
            cell: |detail| detail.teardown.failures.into(),
        },
        Column {
            name: "NEXT TRY",
            meaning: "The time of the next try.",
            cell: |detail| detail.teardown.next_try.into(),
        },
        Column {
            name: "DIRECTORY",
            meaning: "The path of what is left.",
            cell: |detail| (&detail.teardown.path).into(),
        },
        Column {
            name: "REASON",
            meaning: "The reason why the last try failed.",
            cell: |detail| detail.teardown.reason.as_ref().into(),
        },
    ],
    least_useful: &["BYTES", "SINCE", "NEXT TRY", "FAILURES"],
    elastic: None,
};

/// The fields of a session, as `ckctl show` shows them.
pub const SESSION: [Column<Session>; 20] = [
    Column { name: "Session", meaning: "The id of the session.", cell: |session| session.id.get().into() },
    Column {
        name: "Parent",
        meaning: "The session in which the user logged in.",
        cell: |session| session.parent.map(SessionId::get).into(),
    },
    Column { name: "User", meaning: "The name of the user.", cell: |session| (&session.user).into() },
    Column { name: "UID", meaning: "The uid of the user.", cell: |session| session.uid.get().into() },
    Column {
        name: "Leader PID",
        meaning: "The process that opened the session, such as sshd. The session ends with it.",
        cell: |session| session.leader_pid.get().unsigned_abs().into(),
    },
    Column {
        name: "Service",
        meaning: "The PAM service that the user logged in through.",
        cell: |session| (&session.service).into(),
    },
    Column {
        name: "Class",
        meaning: "The purpose: user, greeter, lock-screen or background.",
        cell: |session| session.class.as_str().into(),
    },
    Column {
        name: "Type",
        meaning: "The kind of display: unspecified, tty, x11, wayland, mir or web.",
        cell: |session| session.session_type.as_str().into(),
    },
    Column {
        name: "TTY",
        meaning: "The terminal, without /dev/. That of an ssh session is the one that was used last.",
        cell: |session| session.tty.as_ref().into(),
    },
    Column {
        name: "Remote",
        meaning: "Whether the user logged in from another machine.",
        cell: |session| session.remote.into(),
    },
    Column {
        name: "Remote host",
        meaning: "The host that the user logged in from.",
        cell: |session| session.remote_host.as_ref().into(),
    },
    Column {
        name: "Remote user",
        meaning: "The user on that host, if PAM was told.",
        cell: |session| session.remote_user.as_ref().into(),
    },
    Column { name: "Display", meaning: "The X display.", cell: |session| session.display.as_ref().into() },
    Column { name: "Seat", meaning: "The seat.", cell: |session| session.seat.as_ref().into() },
    Column {
        name: "VT",
        meaning: "The number of the virtual terminal.",
        cell: |session| session.vt.map(|vt: Vt| u32::from(vt.get())).into(),
    },
    Column {
        name: "State",
        meaning: "The state of the session.",
        cell: |session| session.state.as_str().into(),
    },
    Column { name: "Since", meaning: "The time of the login.", cell: |session| session.opened_at.into() },
    Column {
        name: "Runtime directory",
        meaning: "The value of XDG_RUNTIME_DIR in the session.",
        cell: |session| session.runtime_dir.as_ref().into(),
    },
    Column {
        name: "Audit session",
        meaning: "The number of the session in the records of auditd, where it is ses.",
        cell: |session| session.audit_id.map(u32::from).into(),
    },
    Column {
        name: "Login UID",
        meaning: "The user who logged in at first, whatever su came later. In the records of auditd it is auid.",
        cell: |session| session.login_uid.map(Uid::get).into(),
    },
];

/// The fields of what the user of a session does. They come after [`SESSION`].
pub const DOING: [Column<Listed>; 2] = [
    Column {
        name: "Idle",
        meaning: "The time since the last input or output of the terminal, to 8 seconds.",
        cell: idle,
    },
    Column {
        name: "Command",
        meaning: "The command in the foreground of the terminal, or without one the command that the login has started.",
        cell: |listed| listed.command.as_deref().into(),
    },
];

/// The fields of a session, one on each line.
#[must_use]
pub fn session(listed: &Listed) -> String {
    let facts = SESSION.iter().map(|field| (field.name, (field.cell)(&listed.session).shown()));
    named(facts.chain(DOING.iter().map(|field| (field.name, (field.cell)(listed).shown()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_names_exist<T>(layout: &Layout<T>) {
        for name in layout.least_useful {
            assert!(layout.columns.iter().any(|column| column.name == *name), "{name}");
        }
        if let Some(name) = layout.elastic {
            assert_eq!(layout.columns.last().map(|column| column.name), Some(name));
        }
        assert!(layout.least_useful.len() < layout.columns.len());
    }

    #[test]
    fn columns_that_can_be_left_out_exist() {
        assert_names_exist(&SESSIONS);
        for name in ACTIVITY {
            assert!(SESSIONS.columns.iter().any(|column| column.name == name), "{name}");
        }
        assert_names_exist(&USERS);
        assert_names_exist(&LINGERING);
        assert_names_exist(&SEATS);
        assert_names_exist(&TEARDOWNS);
    }
}
