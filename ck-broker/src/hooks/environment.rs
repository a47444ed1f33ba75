//! The environment of a hook: the variables of ConsoleKit, with the same values, and our own. See docs/HOOKS.md.

use ck_core::{json, model::HookEvent};
use ck_protocol::{Session, State, Text, is_printable, printable};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

/// The `PATH` of a hook.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// All variables of a hook for this event.
pub(super) fn of(event: &HookEvent) -> Vec<(String, OsString)> {
    let mut variables = Variables { prefix: "", all: Vec::new() };
    variables.put("PATH", PATH);
    match event {
        HookEvent::SessionAdded(session)
        | HookEvent::SessionRemoved(session)
        | HookEvent::SessionActiveChanged(session) => variables.put_session(session),
        HookEvent::SeatAdded(seat) | HookEvent::SeatRemoved(seat) => {
            variables.put("CK_SEAT_ID", on_one_line(seat.as_str()));
        }
        HookEvent::SeatActiveSessionChanged { seat, old, new } => {
            variables.put("CK_SEAT_ID", on_one_line(seat.as_str()));
            variables.put_seat_session("CK_SEAT_OLD_SESSION_", old.as_deref());
            variables.put_seat_session("CK_SEAT_SESSION_", new.as_deref());
        }
    }
    variables.all
}

struct Variables {
    prefix: &'static str,
    all: Vec<(String, OsString)>,
}

impl Variables {
    fn put(&mut self, name: &str, value: impl ToString) {
        self.put_bytes(name, value.to_string());
    }

    fn put_bytes(&mut self, name: &str, value: impl Into<OsString>) {
        self.all.push((format!("{}{name}", self.prefix), value.into()));
    }

    fn put_text<const MAX: usize>(&mut self, name: &str, value: Option<&Text<MAX>>) {
        if let Some(value) = value.filter(|value| !value.as_str().is_empty()) {
            self.put(name, on_one_line(value.as_str()));
        }
    }

    /// The variables of `run-session.d`.
    fn put_session(&mut self, session: &Session) {
        self.prefix = "CK_SESSION_";
        self.put("ID", session.id);
        self.put_text("SERVICE", Some(&session.service));
        self.put("TYPE", session.session_type);
        self.put("SEAT_ID", on_one_line(session.seat.as_ref().map_or("", Text::as_str)));
        self.put("USER_UID", session.uid);
        self.put_display(session);
        if session.display.is_none() {
            self.put("X11_DISPLAY", "");
        }
        self.put_text("REMOTE_HOST_NAME", session.remote_host.as_ref());
        self.put("IS_ACTIVE", session.state == State::Active);
        self.put("IS_LOCAL", !session.remote);
        // A name with control characters opens no session, so the bytes can be passed as they are.
        self.put_bytes("USER", OsStr::from_bytes(session.user.as_bytes()));
        self.put("CLASS", session.class);
        self.put("LEADER_PID", session.leader_pid);
        self.put_text("RUNTIME_DIR", session.runtime_dir.as_ref());
        self.put("JSON", json::session(session).to_json());
    }

    /// The variables of `run-seat.d` for one of its two sessions. Without a session, adds nothing.
    fn put_seat_session(&mut self, prefix: &'static str, session: Option<&Session>) {
        let Some(session) = session else { return };
        self.prefix = prefix;
        self.put("ID", session.id);
        self.put("TYPE", session.session_type);
        self.put("USER_UID", session.uid);
        self.put_display(session);
        self.put_text("REMOTE_HOST_NAME", session.remote_host.as_ref());
        self.put("IS_LOCAL", !session.remote);
    }

    /// The terminal of a text session, or the display and the terminal of a graphical session.
    fn put_display(&mut self, session: &Session) {
        let device = session.tty.as_ref().map(|tty| format!("/dev/{}", on_one_line(tty.as_str())));
        let name = if session.display.is_some() { "X11_DISPLAY_DEVICE" } else { "DISPLAY_DEVICE" };
        if let Some(device) = device {
            self.put(name, device);
        }
        self.put_text("X11_DISPLAY", session.display.as_ref());
    }
}

/// The text as it is, so that a hook can pass it on as an argument. A text that could break a line or steer a terminal is escaped.
fn on_one_line(text: &str) -> String {
    if text.chars().all(is_printable) { text.to_owned() } else { printable(text).to_string() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::any_text::any_text;
    use ck_protocol::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// A session of bob's on the console.
    pub(in crate::hooks) fn session() -> Session {
        Session {
            id: SessionId::new(7),
            parent: None,
            uid: Uid::try_from(2002).unwrap(),
            user: UserName::clipped("bob"),
            leader_pid: Pid::try_from(11).unwrap(),
            service: Text::clipped("login"),
            class: Class::User,
            session_type: SessionType::Tty,
            tty: Some(Text::clipped("tty2")),
            remote: false,
            remote_host: None,
            remote_user: None,
            display: None,
            seat: Some(Text::clipped("seat0")),
            vt: Vt::try_from(2).ok(),
            state: State::Active,
            opened_at: Timestamp::from_micros(0),
            runtime_dir: Some(Text::clipped("/run/user/2002")),
            audit_id: std::num::NonZeroU32::new(42),
            login_uid: None,
        }
    }

    fn shown(event: &HookEvent) -> Vec<String> {
        let variables = of(event).into_iter().filter(|(name, _)| name != "PATH" && !name.ends_with("_JSON"));
        variables.map(|(name, value)| format!("{name}={}", value.display())).collect()
    }

    #[test]
    fn a_session_is_told_as_consolekit_told_it() {
        let expected = "CK_SESSION_ID=7 CK_SESSION_SERVICE=login CK_SESSION_TYPE=tty CK_SESSION_SEAT_ID=seat0 \
            CK_SESSION_USER_UID=2002 CK_SESSION_DISPLAY_DEVICE=/dev/tty2 CK_SESSION_X11_DISPLAY= \
            CK_SESSION_IS_ACTIVE=true CK_SESSION_IS_LOCAL=true CK_SESSION_USER=bob CK_SESSION_CLASS=user \
            CK_SESSION_LEADER_PID=11 CK_SESSION_RUNTIME_DIR=/run/user/2002";
        assert_eq!(shown(&HookEvent::SessionAdded(Box::new(session()))).join(" "), expected);
    }

    #[test]
    fn a_remote_session_without_anything_else_has_no_empty_variables_but_two() {
        let mut session = session();
        (session.tty, session.seat, session.vt, session.runtime_dir) = (None, None, None, None);
        (session.remote, session.remote_host) = (true, Some(Text::clipped("203.0.113.9")));
        let shown = shown(&HookEvent::SessionRemoved(Box::new(session)));
        let empty: Vec<_> = shown.iter().filter(|line| line.ends_with('=')).collect();
        assert_eq!(empty, ["CK_SESSION_SEAT_ID=", "CK_SESSION_X11_DISPLAY="]);
        assert!(shown.contains(&"CK_SESSION_REMOTE_HOST_NAME=203.0.113.9".to_owned()));
        assert!(shown.contains(&"CK_SESSION_IS_LOCAL=false".to_owned()));
    }

    #[test]
    fn a_seat_tells_of_the_sessions_that_there_are() {
        let seat: ShortName = Text::clipped("seat0");
        assert_eq!(shown(&HookEvent::SeatAdded(seat.clone())), ["CK_SEAT_ID=seat0"]);
        let mut graphical = session();
        graphical.display = Some(Text::clipped(":0"));
        let change = HookEvent::SeatActiveSessionChanged { seat, old: None, new: Some(Box::new(graphical)) };
        let expected = "CK_SEAT_ID=seat0 CK_SEAT_SESSION_ID=7 CK_SEAT_SESSION_TYPE=tty CK_SEAT_SESSION_USER_UID=2002 \
            CK_SEAT_SESSION_X11_DISPLAY_DEVICE=/dev/tty2 CK_SEAT_SESSION_X11_DISPLAY=:0 CK_SEAT_SESSION_IS_LOCAL=true";
        assert_eq!(shown(&change).join(" "), expected);
    }

    /// Events of every kind, of sessions with all that a session can have, and with less.
    fn every_event() -> Vec<HookEvent> {
        let (text, mut graphical) = (Box::new(session()), Box::new(session()));
        graphical.remote_host = Some(Text::clipped("host"));
        graphical.display = Some(Text::clipped(":0"));
        let seat = ShortName::clipped("seat0");
        let both = |session: &Session| {
            let (old, new) = (Some(Box::new(session.clone())), Some(Box::new(session.clone())));
            HookEvent::SeatActiveSessionChanged { seat: seat.clone(), old, new }
        };
        vec![
            both(&text),
            both(&graphical),
            HookEvent::SessionAdded(graphical),
            HookEvent::SessionRemoved(text.clone()),
            HookEvent::SessionActiveChanged(text),
            HookEvent::SeatAdded(seat.clone()),
            HookEvent::SeatRemoved(seat),
        ]
    }

    /// What the entries of ck-hooks(7) are about.
    fn entries(wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let page = include_str!("../../../packaging/man/man7/ck-hooks.7");
        let pairs = page.lines().zip(page.lines().skip(1)).filter(|(line, _)| [".TP", ".TQ"].contains(line));
        let tags = pairs.filter_map(|(_, tag)| tag.strip_prefix(".B "));
        tags.filter(|tag| wanted(tag)).map(str::to_owned).collect()
    }

    #[test]
    fn the_manual_page_has_every_variable_and_no_other() {
        let set: BTreeSet<String> = every_event().iter().flat_map(of).map(|(name, _)| name).collect();
        assert_eq!(entries(|tag| tag.starts_with(char::is_uppercase)), set);
    }

    #[test]
    fn the_manual_page_has_every_action_and_no_other() {
        let told: BTreeSet<String> = every_event().iter().map(|told| told.action().to_owned()).collect();
        assert_eq!(entries(|tag| tag.starts_with("session_") || tag.starts_with("seat_")), told);
        let spelt = include_str!("../../../ck-core/src/model/hook_event.rs").matches("=> \"").count();
        assert_eq!(spelt, told.len(), "an action that every_event() does not have");
    }

    /// The JSON of the session, as a hook gets it.
    fn json_of(session: &Session) -> String {
        let variables = of(&HookEvent::SessionAdded(Box::new(session.clone())));
        variables.into_iter().find(|(name, _)| name == "CK_SESSION_JSON").unwrap().1.into_string().unwrap()
    }

    #[test]
    fn a_session_is_one_line_of_json_with_every_member() {
        let mut session = session();
        session.remote_host = Some(Text::clipped("a\"\\\n\u{202e}b"));
        let expected = r#"{"id":"7","parent":null,"uid":2002,"user":"bob","leader_pid":11,"service":"login","class":"user","type":"tty","tty":"tty2","remote":false,"remote_host":"a\"\\\u000a\u202eb","remote_user":null,"display":null,"seat":"seat0","vt":2,"state":"active","opened_at":"1970-01-01T00:00:00.000000Z","runtime_dir":"/run/user/2002","audit_id":42,"login_uid":null}"#;
        assert_eq!(json_of(&session), expected);
    }

    proptest! {
        #[test]
        fn the_json_reads_back_whatever_its_texts_are(texts in prop::array::uniform8(any_text())) {
            let mut session = session();
            let [user, service, tty, remote_host, remote_user, display, seat, runtime_dir] = &texts;
            (session.user, session.service) = (UserName::clipped(user), Text::clipped(service));
            (session.tty, session.display) = (Some(Text::clipped(tty)), Some(Text::clipped(display)));
            session.remote_host = Some(Text::clipped(remote_host));
            session.remote_user = Some(UserName::clipped(remote_user));
            (session.seat, session.runtime_dir) = (Some(Text::clipped(seat)), Some(Text::clipped(runtime_dir)));
            let json = json_of(&session);
            prop_assert!(json.chars().all(is_printable), "{json:?}");
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            for (name, text) in [
                ("user", Some(&*session.user.to_text())),
                ("service", Some(session.service.as_str())),
                ("tty", session.tty.as_ref().map(Text::as_str)),
                ("remote_host", session.remote_host.as_ref().map(Text::as_str)),
                ("remote_user", session.remote_user.as_ref().map(UserName::to_text).as_deref()),
                ("display", session.display.as_ref().map(Text::as_str)),
                ("seat", session.seat.as_ref().map(Text::as_str)),
                ("runtime_dir", session.runtime_dir.as_ref().map(Text::as_str)),
            ] {
                prop_assert_eq!(read[name].as_str(), text);
            }
        }
    }

    #[test]
    fn a_name_is_passed_on_as_the_account_has_it() {
        let mut session = session();
        session.remote_host = Some(Text::clipped("a\\b"));
        for name in [&b"DOM\\alice"[..], b"J\xf6rg", b"alice of sales"] {
            session.user = UserName::new(name).unwrap();
            let variables = of(&HookEvent::SessionAdded(Box::new(session.clone())));
            let value = |wanted| variables.iter().find(|(name, _)| name == wanted).unwrap().1.as_bytes();
            assert_eq!(
                (value("CK_SESSION_USER"), value("CK_SESSION_REMOTE_HOST_NAME")),
                (name, &b"a\\b"[..])
            );
        }
    }

    #[test]
    fn nothing_from_outside_breaks_a_line() {
        let mut session = session();
        session.remote_host = Some(Text::clipped("a\nCK_SESSION_USER_UID=0\0b"));
        for (name, value) in of(&HookEvent::SessionAdded(Box::new(session))) {
            let value = value.into_string().unwrap();
            assert!(!value.chars().any(char::is_control), "{name}={value}");
        }
    }
}
