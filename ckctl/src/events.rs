//! Events, as lines for people or for programs.

use crate::{json, time};
use ck_core::json::{Members, rfc3339};
use ck_protocol::{Event, Reply, Seat, Session, SessionId, ShortName, Text, Timestamp, Uid};
use serde::Serialize;

/// The form of the lines.
#[derive(Clone, Copy, Debug)]
pub struct EventFormat {
    /// Whether each line is a JSON object.
    pub json: bool,
    /// Whether a line says that the snapshot is complete.
    pub legend: bool,
}

/// Makes a line of each reply to a subscriber.
#[derive(Debug)]
pub struct EventLines {
    format: EventFormat,
    /// The number of sessions in the snapshot.
    present: usize,
}

/// A line for programs. The names of the members are a contract. An absent value is `null`.
#[derive(Debug, Default, Serialize)]
struct EventJson<'r> {
    /// The time at which `ckctl` received the event.
    time: String,
    /// The number of the event.
    sequence: Option<u64>,
    event: &'static str,
    /// The session that the event is about.
    id: Option<String>,
    /// The user whom the event is about.
    uid: Option<u32>,
    /// The session after the event.
    session: Option<Members<'r>>,
    seat: Option<&'r str>,
    /// The session in the foreground of the seat, and the one before it.
    active: Option<String>,
    before: Option<String>,
    /// The number of events that were lost.
    lost: Option<u64>,
}

impl EventLines {
    /// No line has been made yet.
    #[must_use]
    pub fn new(format: EventFormat) -> Self {
        Self { format, present: 0 }
    }

    /// The line for `reply`, which was received at `now`, with its line feed. It is empty if the format has no line for the
    /// reply. `None`: the reply is not one to a subscriber.
    ///
    /// # Errors
    /// Those of [`serde_json`].
    pub fn line(&mut self, reply: &Reply, now: Timestamp) -> serde_json::Result<Option<String>> {
        if matches!(reply, Reply::Session(_)) {
            self.present += 1;
        }
        if !self.format.json {
            return Ok(self.for_people(reply, now));
        }
        EventJson::of(reply).map(|event| json::line(&EventJson { time: rfc3339(now), ..event })).transpose()
    }

    fn for_people(&self, reply: &Reply, now: Timestamp) -> Option<String> {
        let at = time::local(now);
        // Texts from outside escape themselves when they are displayed.
        Some(match reply {
            Reply::Session(session) => {
                let opened = time::local(session.opened_at);
                format!("{opened}  already here: {}\n", Event::SessionAdded(session.clone()))
            }
            Reply::Seat(seat) => {
                let Seat { id, active, .. } = &**seat;
                let event = Event::SeatChanged { seat: id.clone(), active: *active, before: None };
                format!("{at}  already here: {event}\n")
            }
            Reply::Synced(_) if !self.format.legend => String::new(),
            Reply::Synced(_) => match self.present {
                1 => format!("{at}  1 session is here; changes follow\n"),
                count => format!("{at}  {count} sessions are here; changes follow\n"),
            },
            Reply::Change(change) => format!("{at}  {}\n", change.event),
            Reply::Lost(1) => format!("{at}  lost 1 change\n"),
            Reply::Lost(count) => format!("{at}  lost {count} changes\n"),
            _ => return None,
        })
    }
}

impl<'r> EventJson<'r> {
    fn of(reply: &'r Reply) -> Option<Self> {
        Some(match reply {
            Reply::Session(session) => Self::session("session_present", session),
            Reply::Seat(seat) => Self::seat("seat_present", &seat.id, seat.active, None),
            Reply::Synced(next) => Self { event: "synced", sequence: Some(*next), ..Self::default() },
            Reply::Change(change) => Self { sequence: Some(change.sequence), ..Self::change(&change.event) },
            Reply::Lost(count) => Self { event: "lost", lost: Some(*count), ..Self::default() },
            _ => return None,
        })
    }

    fn change(event: &'r Event) -> Self {
        match event {
            Event::UserAdded(uid) => Self::about("user_added", None, *uid),
            Event::SessionAdded(session) => Self::session("session_added", session),
            Event::SessionRemoved { id, uid } => Self::about("session_removed", Some(*id), *uid),
            Event::UserRemoved(uid) => Self::about("user_removed", None, *uid),
            Event::TeardownFinished(uid) => Self::about("teardown_finished", None, *uid),
            Event::TeardownFailed(uid) => Self::about("teardown_failed", None, *uid),
            Event::SessionChanged(session) => Self::session("session_changed", session),
            Event::SeatChanged { seat, active, before } => Self::seat("seat_changed", seat, *active, *before),
            Event::LockRequested { id, uid } => Self::about("lock_requested", Some(*id), *uid),
            Event::UnlockRequested { id, uid } => Self::about("unlock_requested", Some(*id), *uid),
        }
    }

    fn about(event: &'static str, id: Option<SessionId>, uid: Uid) -> Self {
        Self { event, id: id.map(|id| id.to_string()), uid: Some(uid.get()), ..Self::default() }
    }

    fn session(event: &'static str, session: &'r Session) -> Self {
        Self {
            session: Some(ck_core::json::session(session)),
            ..Self::about(event, Some(session.id), session.uid)
        }
    }

    fn seat(
        event: &'static str,
        seat: &'r ShortName,
        active: Option<SessionId>,
        before: Option<SessionId>,
    ) -> Self {
        let text = |id: Option<SessionId>| id.map(|id| id.to_string());
        let (seat, active, before) = (Some(Text::as_str(seat)), text(active), text(before));
        Self { event, seat, active, before, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::{Change, Class, Pid, SessionType, State, UserName};

    fn hostile() -> Session {
        Session {
            id: SessionId::new(7),
            parent: None,
            uid: Uid::try_from(2001).unwrap(),
            user: UserName::clipped("al\u{1b}[2Jice"),
            leader_pid: Pid::try_from(9).unwrap(),
            service: Text::clipped("sshd"),
            class: Class::User,
            session_type: SessionType::Tty,
            tty: None,
            remote: true,
            remote_host: Some(Text::clipped("a\nb")),
            remote_user: None,
            display: None,
            seat: None,
            vt: None,
            state: State::Active,
            opened_at: Timestamp::from_micros(0),
            runtime_dir: None,
        }
    }

    fn replies() -> [Reply; 4] {
        let event = Event::SessionAdded(Box::new(hostile()));
        let change = Box::new(Change { sequence: 4, event });
        [Reply::Session(Box::new(hostile())), Reply::Synced(4), Reply::Change(change), Reply::Lost(12)]
    }

    #[test]
    fn people_get_one_line_per_event_without_control_characters() {
        let mut events = EventLines::new(EventFormat { json: false, legend: true });
        let lines = replies().map(|reply| events.line(&reply, Timestamp::from_micros(0)).unwrap().unwrap());
        let what = lines.each_ref().map(|line| line.split_once("  ").unwrap().1);
        let opened = r"session 7 opened for al\u{1b}[2Jice (2001) by sshd[9] from a\u{a}b";
        assert_eq!(what[0], format!("already here: {opened}\n"));
        assert_eq!(what[1], "1 session is here; changes follow\n");
        assert_eq!(what[2], format!("{opened}\n"));
        assert_eq!(what[3], "lost 12 changes\n");
    }

    #[test]
    fn programs_get_one_object_per_event_all_with_the_same_members() {
        let mut events = EventLines::new(EventFormat { json: true, legend: true });
        let lines = replies().map(|reply| events.line(&reply, Timestamp::from_micros(0)).unwrap().unwrap());
        let fields =
            "time sequence event id uid session seat active before lost".split(' ').collect::<Vec<_>>();
        let objects = lines.map(|line| {
            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
            assert!(!line.contains('\u{1b}'));
            serde_json::from_str::<serde_json::Value>(&line).unwrap()
        });
        for object in &objects {
            assert!(fields.iter().all(|field| object.get(field).is_some()), "{object}");
            assert_eq!(object.as_object().unwrap().len(), fields.len());
        }
        let names = objects.each_ref().map(|object| object["event"].as_str().unwrap());
        assert_eq!(names, ["session_present", "synced", "session_added", "lost"]);
        assert_eq!(
            (&objects[1]["sequence"], &objects[2]["sequence"], &objects[3]["lost"]),
            (&4.into(), &4.into(), &12.into())
        );
        assert_eq!(objects[2]["session"]["remote_host"], "a\nb");
        assert_eq!((&objects[2]["id"], &objects[2]["uid"]), (&"7".into(), &2001.into()));
    }

    #[test]
    fn a_reply_that_no_subscriber_is_sent_has_no_line() {
        for json in [false, true] {
            let mut events = EventLines::new(EventFormat { json, legend: true });
            assert_eq!(events.line(&Reply::Closed, Timestamp::from_micros(0)).unwrap(), None);
        }
    }
}
