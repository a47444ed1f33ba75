//! The files that libsystemd reads: sd_session_get_state(3), sd_uid_get_sessions(3) and their like. The members are those
//! of systemd 247 to 257 (`src/libsystemd/sd-login/sd-login.c` there). No manual page describes the files.
//!
//! A file has lines `KEY=value`. libsystemd reads a value as a shell would, and no file at all if it is not UTF-8.

use ck_protocol::{Seat, Session, State, Text, User, UserState, is_printable};
use std::fmt::{Display, Write as _};

/// The first line of each of our files, by which we know them again. To readers it is a comment.
pub const MARK: &str = "# This file belongs to ck-broker.\n";

/// How the line begins that names the terminal of a session.
pub const TERMINAL: &str = "TTY=";

/// The line that names the terminal of a session: its name below `/dev`.
#[must_use]
pub fn terminal_line(name: &str) -> String {
    format!("{TERMINAL}{}\n", quoted(name))
}

/// The file of a session.
#[must_use]
pub fn session_file(session: &Session) -> String {
    let Session { uid, user, .. } = session;
    let state = state_of_session(session);
    let mut file = File::new();
    file.line("UID", uid);
    file.line("USER", user.to_text());
    file.line("ACTIVE", u8::from(state == State::Active));
    file.line("STATE", state);
    file.line("REMOTE", u8::from(session.remote));
    file.line("CLASS", session.class);
    file.line("TYPE", session.session_type);
    file.line("SERVICE", session.service.as_str());
    file.line("LEADER", session.leader_pid);
    file.line("REALTIME", session.opened_at.as_micros());
    file.line_if("SEAT", session.seat.as_ref().map(Text::as_str));
    file.line_if("VTNR", session.vt.map(|vt| vt.get()));
    file.line_if("DISPLAY", session.display.as_ref().map(Text::as_str));
    file.line_if("REMOTE_HOST", session.remote_host.as_ref().map(Text::as_str));
    file.line_if("REMOTE_USER", session.remote_user.as_ref().map(|user| user.to_text()));
    file.0.extend(session.tty.as_ref().map(|tty| terminal_line(tty.as_str())));
    file.0
}

/// The file of a user with these sessions, by id.
#[must_use]
pub fn user_file(user: &User, sessions: &[&Session]) -> String {
    let mut file = File::new();
    file.line("NAME", user.name.to_text());
    let is_active = |session: &&&Session| state_of_session(session) == State::Active;
    let is_any_active = sessions.iter().any(|session| is_active(&session));
    file.line("STATE", if is_any_active { UserState::Active } else { user.state });
    file.line_if("REALTIME", sessions.first().map(|session| session.opened_at.as_micros()));
    file.line_if("DISPLAY", sessions.iter().find(|session| session.seat.is_some()).map(|session| session.id));
    file.list("SESSIONS", sessions.iter().map(|session| session.id));
    file.list("ONLINE_SESSIONS", sessions.iter().map(|session| session.id));
    file.list("ACTIVE_SESSIONS", sessions.iter().filter(is_active).map(|session| session.id));
    let seats = |which: &dyn Fn(&&&Session) -> bool| {
        let mut seats: Vec<&str> = sessions
            .iter()
            .filter(|session| which(session))
            .filter_map(|session| session.seat.as_ref().map(Text::as_str))
            .collect();
        seats.sort_unstable();
        seats.dedup();
        seats
    };
    file.list("SEATS", seats(&|_| true));
    file.list("ONLINE_SEATS", seats(&|_| true));
    file.list("ACTIVE_SEATS", seats(&is_active));
    file.0
}

/// The file of a seat with these open sessions, by id.
#[must_use]
pub fn seat_file(seat: &Seat, sessions: &[&Session]) -> String {
    let mut file = File::new();
    let active = sessions.iter().find(|session| Some(session.id) == seat.active);
    file.line("IS_SEAT0", u8::from(seat.has_vts));
    file.line("CAN_MULTI_SESSION", 1);
    file.line("CAN_TTY", u8::from(seat.has_vts));
    // Nothing is known of graphics cards.
    file.line("CAN_GRAPHICAL", 0);
    file.line_if("ACTIVE", active.map(|session| session.id));
    file.line_if("ACTIVE_UID", active.map(|session| session.uid));
    file.list("SESSIONS", sessions.iter().map(|session| session.id));
    file.list("UIDS", sessions.iter().map(|session| session.uid));
    file.0
}

/// The state in the words of sd_session_get_state(3), which has none for a session that is being opened. That one is written what
/// it will be: without a seat, it is active.
fn state_of_session(session: &Session) -> State {
    match session.state {
        State::Opening if session.seat.is_none() => State::Active,
        State::Opening => State::Online,
        state => state,
    }
}

/// A file that is being written.
struct File(String);

impl File {
    fn new() -> Self {
        Self(MARK.to_owned())
    }

    fn line(&mut self, key: &str, value: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{key}={}", quoted(&value.to_string()));
    }

    fn line_if(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.line(key, value);
        }
    }

    /// Values with blanks between them. They mean nothing to a shell, and there can be thousands of them.
    fn list(&mut self, key: &str, values: impl IntoIterator<Item = impl Display>) {
        let mut values = values.into_iter();
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{key}=");
        let start = self.0.len();
        if let Some(value) = values.next() {
            let _ = write!(self.0, "{value}");
        }
        let end = self.0.len();
        for value in values {
            let _ = write!(self.0, " {value}");
        }
        if self.0.len() > end {
            self.0.insert(start, '"');
            self.0.push('"');
        }
        self.0.push('\n');
    }
}

/// The value as a shell reads it back: between quotation marks, unless nothing in it means something to a shell. What could
/// break the line or steer the terminal of a reader becomes a question mark.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@+%,".contains(c);
    if value.chars().all(is_plain) {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(if is_printable(c) { c } else { '?' });
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::{Class, Pid, SessionId, SessionType, Timestamp, Uid, UserName};

    fn session(id: u64, seat: Option<&str>, state: State) -> Session {
        Session {
            id: SessionId::new(id),
            parent: None,
            uid: Uid::try_from(2001).unwrap(),
            user: UserName::clipped("alice"),
            leader_pid: Pid::try_from(71).unwrap(),
            service: Text::clipped("sshd"),
            class: Class::User,
            session_type: SessionType::Tty,
            tty: None,
            remote: true,
            remote_host: Some(Text::clipped("fe80::1%eth0")),
            remote_user: None,
            display: None,
            seat: seat.map(Text::clipped),
            vt: None,
            state,
            opened_at: Timestamp::from_micros(1_500_000),
            runtime_dir: None,
            audit_id: None,
            login_uid: None,
        }
    }

    #[test]
    fn a_session_has_a_line_for_each_thing_that_is_known() {
        assert_eq!(
            session_file(&session(7, None, State::Active)),
            "# This file belongs to ck-broker.\nUID=2001\nUSER=alice\nACTIVE=1\nSTATE=active\nREMOTE=1\nCLASS=user\n\
             TYPE=tty\nSERVICE=sshd\nLEADER=71\nREALTIME=1500000\nREMOTE_HOST=fe80::1%eth0\n"
        );
    }

    #[test]
    fn a_user_has_lists_of_sessions_and_seats() {
        let sessions = [
            session(2, None, State::Active),
            session(3, Some("seat0"), State::Online),
            session(5, Some("seat0"), State::Active),
        ];
        let user = User {
            uid: sessions[0].uid,
            name: sessions[0].user.clone(),
            sessions: 3,
            linger: false,
            state: UserState::Active,
            runtime_dir: Some(Text::clipped("/run/user/2001")),
        };
        let all: Vec<&Session> = sessions.iter().collect();
        assert_eq!(
            user_file(&user, &all),
            "# This file belongs to ck-broker.\nNAME=alice\nSTATE=active\nREALTIME=1500000\nDISPLAY=3\n\
             SESSIONS=\"2 3 5\"\nONLINE_SESSIONS=\"2 3 5\"\nACTIVE_SESSIONS=\"2 5\"\nSEATS=seat0\nONLINE_SEATS=seat0\n\
             ACTIVE_SEATS=seat0\n"
        );
        let lingering = User { state: UserState::Lingering, sessions: 0, ..user };
        assert!(user_file(&lingering, &[]).ends_with(
            "SESSIONS=\nONLINE_SESSIONS=\nACTIVE_SESSIONS=\nSEATS=\nONLINE_SEATS=\nACTIVE_SEATS=\n"
        ));
    }

    #[test]
    fn whatever_comes_from_outside_is_one_value() {
        let host = "a\nACTIVE=0\u{1b}\" `$x`\\é";
        let file = session_file(&Session {
            remote_host: Some(Text::clipped(host)),
            ..session(1, None, State::Online)
        });
        let line = r#"REMOTE_HOST="a?ACTIVE=0?\" \`\$x\`\\é""#;
        assert!(file.lines().any(|other| other == line), "{file}");
        assert_eq!(file.lines().filter(|line| line.starts_with("ACTIVE=")).count(), 1);
    }
}
