//! Events, as lines for people or for programs.

use crate::{account, json, time};
use ck_core::json::{Members, rfc3339};
use ck_protocol::{
    EndCause, Event, Reply, Seat, Session, SessionEnd, SessionId, ShortName, Text, Timestamp, Uid, UserName,
};
use serde::Serialize;
use std::{borrow::Cow, time::Duration};

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
    /// The name of that user.
    user: Option<Cow<'r, str>>,
    /// The session after the event.
    session: Option<Members<'r>>,
    /// Why the session ended.
    ended_by: Option<&'static str>,
    /// The uid of the user who terminated it.
    terminated_by: Option<u32>,
    /// How long it lasted.
    duration_seconds: Option<f64>,
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
            Reply::Change(change) => format!("{at}  {}\n", line_of(&change.event)),
            Reply::Lost(1) => format!("{at}  lost 1 change\n"),
            Reply::Lost(count) => format!("{at}  lost {count} changes\n"),
            _ => return None,
        })
    }
}

/// The line about an event. The line about an end also has what the log does not: how long the session lasted, and the name of
/// the user who terminated it.
fn line_of(event: &Event) -> String {
    let Event::SessionRemoved { end: Some(end), .. } = event else { return event.to_string() };
    let Session { id, user, uid, .. } = &end.session;
    let after = duration(end).map(|lasted| format!(" after {}", time::duration(lasted))).unwrap_or_default();
    let cause = match end.cause {
        EndCause::Terminated { by } => format!("terminated by {}", account::shown_with_uid(by)),
        other => other.to_string(),
    };
    format!("session {id} of {user} ({uid}) ended{after}: {cause}")
}

/// How long the session lasted by the clock of the broker. `None` if the clock was set back meanwhile.
fn duration(end: &SessionEnd) -> Option<Duration> {
    let micros = end.ended_at.as_micros().checked_sub(end.session.opened_at.as_micros())?;
    u64::try_from(micros).ok().map(Duration::from_micros)
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
            Event::UserAdded { uid, user } => Self::about("user_added", None, *uid, user.as_ref()),
            Event::SessionAdded(session) => Self::session("session_added", session),
            Event::SessionRemoved { end: Some(end), .. } => Self::end("session_removed", end),
            Event::SessionRemoved { id, uid, end: None } => {
                Self::about("session_removed", Some(*id), *uid, None)
            }
            Event::UserRemoved { uid, user } => Self::about("user_removed", None, *uid, user.as_ref()),
            Event::TeardownFinished(uid) => Self::about("teardown_finished", None, *uid, None),
            Event::TeardownFailed(uid) => Self::about("teardown_failed", None, *uid, None),
            Event::SessionChanged(session) => Self::session("session_changed", session),
            Event::SeatChanged { seat, active, before } => Self::seat("seat_changed", seat, *active, *before),
            Event::LockRequested { id, uid, user } => {
                Self::about("lock_requested", Some(*id), *uid, user.as_ref())
            }
            Event::UnlockRequested { id, uid, user } => {
                Self::about("unlock_requested", Some(*id), *uid, user.as_ref())
            }
        }
    }

    fn about(event: &'static str, id: Option<SessionId>, uid: Uid, user: Option<&'r UserName>) -> Self {
        let (id, user) = (id.map(|id| id.to_string()), user.map(UserName::to_text));
        Self { event, id, uid: Some(uid.get()), user, ..Self::default() }
    }

    fn end(event: &'static str, end: &'r SessionEnd) -> Self {
        Self {
            ended_by: Some(end.cause.as_str()),
            terminated_by: end.cause.terminated_by(),
            duration_seconds: duration(end).map(|lasted| lasted.as_secs_f64()),
            ..Self::session(event, &end.session)
        }
    }

    fn session(event: &'static str, session: &'r Session) -> Self {
        Self {
            session: Some(ck_core::json::session(session)),
            ..Self::about(event, Some(session.id), session.uid, Some(&session.user))
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
            audit_id: None,
            login_uid: None,
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
        let fields = "time sequence event id uid user session ended_by terminated_by duration_seconds seat active before lost";
        let fields = fields.split(' ').collect::<Vec<_>>();
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

    /// The end of a session that began at the epoch and ended `seconds` later.
    fn removed(seconds: i64, cause: EndCause) -> Reply {
        let session = Session { user: UserName::clipped("alice"), state: State::Closing, ..hostile() };
        let end = SessionEnd { session, cause, ended_at: Timestamp::from_micros(seconds * 1_000_000) };
        Reply::Change(Box::new(Change { sequence: 4, event: end.into() }))
    }

    #[test]
    fn an_end_says_whose_how_long_and_why() {
        let mut events = EventLines::new(EventFormat { json: false, legend: true });
        let mut said = |reply: &Reply| {
            let line = events.line(reply, Timestamp::from_micros(0)).unwrap().unwrap();
            line.trim_end().split_once("  ").unwrap().1.to_owned()
        };
        let ended = "session 7 of alice (2001) ended";
        assert_eq!(said(&removed(7513, EndCause::Logout)), format!("{ended} after 02:05:13: logout"));
        let died = removed(2 * 86_400, EndCause::LeaderDied);
        assert_eq!(said(&died), format!("{ended} after 2d 00:00:00: its leader died"));
        let by = |by| removed(1, EndCause::Terminated { by });
        assert_eq!(said(&by(0)), format!("{ended} after 00:00:01: terminated by root (0)"));
        assert_eq!(said(&by(4_000_000_001)), format!("{ended} after 00:00:01: terminated by uid 4000000001"));
        // The clock was set back.
        assert_eq!(said(&removed(-1, EndCause::Unseen)), format!("{ended}: while no broker ran"));
        let (id, uid) = (SessionId::new(7), Uid::try_from(2001).unwrap());
        let of_version_1 = Change { sequence: 4, event: Event::SessionRemoved { id, uid, end: None } };
        assert_eq!(said(&Reply::Change(Box::new(of_version_1))), "session 7 of user 2001 ended");
    }

    #[test]
    fn programs_learn_the_same_of_an_end() {
        let mut events = EventLines::new(EventFormat { json: true, legend: true });
        let mut object = |reply: &Reply| -> serde_json::Value {
            serde_json::from_str(&events.line(reply, Timestamp::from_micros(0)).unwrap().unwrap()).unwrap()
        };
        let ended = object(&removed(90, EndCause::Terminated { by: 0 }));
        assert_eq!((&ended["user"], &ended["session"]["state"]), (&"alice".into(), &"closing".into()));
        assert_eq!((&ended["ended_by"], &ended["terminated_by"]), (&"terminated".into(), &0.into()));
        assert_eq!(ended["duration_seconds"], 90.0);
        let ended = object(&removed(-1, EndCause::Logout));
        assert_eq!((&ended["ended_by"], &ended["terminated_by"]), (&"logout".into(), &().into()));
        assert!(ended["duration_seconds"].is_null());
    }

    #[test]
    fn a_reply_that_no_subscriber_is_sent_has_no_line() {
        for json in [false, true] {
            let mut events = EventLines::new(EventFormat { json, legend: true });
            assert_eq!(events.line(&Reply::Closed, Timestamp::from_micros(0)).unwrap(), None);
        }
    }
}
