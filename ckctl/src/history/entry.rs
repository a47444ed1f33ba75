//! Sessions of the past and of now, as the lines of the history tell them together.

use super::line::{Event, Line, SessionInfo};
use ck_core::json::rfc3339;
use ck_protocol::{Session, Timestamp};
use serde::Serialize;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has not ended.
    Open,
    /// A broker saw it end.
    Ended,
    /// It ended while no broker ran. The time of its end is the start of the next broker, which is an upper limit.
    Late,
    /// The system was shut down.
    Down,
    /// The system stopped without being shut down.
    Crash,
    /// It has ended, and the history does not say when.
    Gone,
}

impl End {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ended => "ended",
            Self::Late => "late",
            Self::Down => "down",
            Self::Crash => "crash",
            Self::Gone => "gone",
        }
    }
}

/// A session in the history.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The id. A session of another boot can have the same one.
    pub id: String,
    /// The uid of the user.
    pub uid: u32,
    /// The name of the user.
    pub user: String,
    /// The PAM service.
    pub service: String,
    /// The terminal.
    pub tty: Option<String>,
    /// The remote host.
    pub remote_host: Option<String>,
    /// The audit session.
    pub audit_id: Option<u32>,
    /// The uid of the user who logged in at first.
    pub login_uid: Option<u32>,
    /// The time of the login.
    pub opened_at: Timestamp,
    /// The time of the end, where that is known.
    pub ended_at: Option<Timestamp>,
    /// The duration. A change of the clock meanwhile does not change it.
    pub duration: Option<Duration>,
    /// How it ended.
    pub end: End,
    /// Why it ended, where the broker has written that.
    pub ended_by: Option<String>,
    /// The uid of the user who terminated it.
    pub terminated_by: Option<u32>,
    boot: String,
    /// The time of the login in seconds since the boot.
    up: Option<f64>,
}

impl Entry {
    fn new(info: SessionInfo, opened_at: Timestamp, boot: String, up: Option<f64>) -> Self {
        let SessionInfo { id, uid, user, service, tty, remote_host, audit_id, login_uid } = info;
        let (ended_at, duration, end) = (None, None, End::Open);
        let (ended_by, terminated_by) = (None, None);
        Self {
            id,
            uid,
            user,
            service,
            tty,
            remote_host,
            audit_id,
            login_uid,
            opened_at,
            ended_at,
            duration,
            end,
            ended_by,
            terminated_by,
            boot,
            up,
        }
    }

    /// Whether the session lasted until `moment`, or began later.
    #[must_use]
    pub fn lasted_until(&self, moment: Timestamp) -> bool {
        self.end == End::Open
            || self.opened_at >= moment
            || self.ended_at.is_some_and(|ended| ended >= moment)
    }

    /// Ends the session at `line`. `reported` is the duration in that line.
    fn ended(&mut self, line: &Line, reported: Option<f64>, late: bool) {
        let same_boot = self.up.filter(|_| self.boot == line.boot);
        let by_clocks = || u64::try_from(line.time.as_micros() - self.opened_at.as_micros()).ok();
        let seconds = reported.or_else(|| same_boot.map(|up| line.up - up));
        let lasted = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.duration = lasted.or_else(|| by_clocks().map(Duration::from_micros));
        self.ended_at = Some(line.time);
        self.end = if late { End::Late } else { End::Ended };
    }
}

/// The sessions of the lines that were read so far.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Sessions whose login is in no file, or not any more.
    early: Vec<Entry>,
    entries: Vec<Entry>,
    /// The places in `entries` of the sessions that have not ended, by id.
    open: HashMap<String, usize>,
    /// The boot in which the last line was written.
    boot: String,
    /// The time at which the broker was stopped in that boot, unless it was started again.
    stopped: Option<Timestamp>,
}

impl Entries {
    pub(super) fn take(&mut self, line: Line) {
        if line.boot != self.boot {
            self.system_ended();
            self.boot.clone_from(&line.boot);
        }
        match line.event {
            Event::SystemStarted | Event::Unknown => {}
            Event::BrokerStarted => self.stopped = None,
            Event::BrokerStopped => self.stopped = Some(line.time),
            Event::SessionOpened(info) => {
                if let Some(before) = self.open.insert(info.id.clone(), self.entries.len()) {
                    self.close(before, End::Gone, None);
                }
                self.entries.push(Entry::new(info, line.time, line.boot, Some(line.up)));
            }
            Event::SessionEnded { ref info, opened_at, duration, late, ref ended_by, terminated_by } => {
                let ended = |entry: &mut Entry| {
                    entry.ended(&line, duration, late);
                    entry.ended_by.clone_from(ended_by);
                    entry.terminated_by = terminated_by;
                };
                let known = self.open.get(&info.id).and_then(|&index| self.entries.get_mut(index));
                match known.filter(|entry| entry.opened_at == opened_at) {
                    Some(entry) => {
                        ended(entry);
                        self.open.remove(&info.id);
                    }
                    None => {
                        let mut entry = Entry::new(info.clone(), opened_at, line.boot.clone(), None);
                        ended(&mut entry);
                        self.early.push(entry);
                    }
                }
            }
        }
    }

    /// Ends all open sessions, because the system has stopped.
    fn system_ended(&mut self) {
        let stopped = self.stopped.take();
        let end = if stopped.is_some() { End::Down } else { End::Crash };
        for index in std::mem::take(&mut self.open).into_values() {
            self.close(index, end, stopped);
        }
    }

    fn close(&mut self, index: usize, end: End, at: Option<Timestamp>) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.end = end;
            entry.ended_at = at;
        }
    }

    /// All sessions, the oldest first. `boot` is the current boot. `open` are the open sessions that the broker listed
    /// at `asked_at`, if it answered.
    pub(super) fn finish(mut self, boot: &str, open: Option<&[Session]>, asked_at: Timestamp) -> Vec<Entry> {
        if self.boot != boot {
            self.system_ended();
        }
        let mut listed: HashMap<(String, Timestamp), &Session> = HashMap::new();
        listed.extend(open.iter().copied().flatten().map(|s| ((s.id.to_string(), s.opened_at), s)));
        for index in std::mem::take(&mut self.open).into_values() {
            let Some(entry) = self.entries.get(index) else { continue };
            let is_listed = listed.remove(&(entry.id.clone(), entry.opened_at)).is_some();
            if !is_listed && open.is_some() && entry.opened_at < asked_at {
                self.close(index, End::Gone, None);
            }
        }
        // Open sessions whose login is in no file. Sessions that have ended since the broker was asked are left out.
        let all = || self.entries.iter().chain(&self.early);
        let known: HashSet<_> = all().map(|entry| (entry.id.clone(), entry.opened_at)).collect();
        self.early
            .extend(listed.into_iter().filter(|(key, _)| !known.contains(key)).map(|(_, s)| Entry::from(s)));
        self.early.sort_by_key(|entry| entry.opened_at);
        merged(self.entries, self.early.into())
    }
}

/// `entries` in the order in which they were written, with those of `early` between them by their time.
fn merged(entries: Vec<Entry>, mut early: VecDeque<Entry>) -> Vec<Entry> {
    let mut all = Vec::with_capacity(entries.len() + early.len());
    for entry in entries {
        while early.front().is_some_and(|first| first.opened_at < entry.opened_at) {
            all.extend(early.pop_front());
        }
        all.push(entry);
    }
    all.extend(early);
    all
}

impl From<&Session> for Entry {
    fn from(session: &Session) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let info = SessionInfo {
            id: session.id.to_string(),
            uid: session.uid.get(),
            user: session.user.to_text().into_owned(),
            service: session.service.as_str().to_owned(),
            tty: text(session.tty.as_ref().map(ck_protocol::Text::as_str)),
            remote_host: text(session.remote_host.as_ref().map(ck_protocol::Text::as_str)),
            audit_id: session.audit_id.map(u32::from),
            login_uid: session.login_uid.map(ck_protocol::Uid::get),
        };
        Self::new(info, session.opened_at, String::new(), None)
    }
}

/// The JSON form of an entry.
#[derive(Debug, Serialize)]
pub(super) struct Json<'s> {
    id: &'s str,
    uid: u32,
    user: &'s str,
    service: &'s str,
    tty: Option<&'s str>,
    remote_host: Option<&'s str>,
    audit_id: Option<u32>,
    login_uid: Option<u32>,
    opened_at: String,
    ended_at: Option<String>,
    /// The duration in seconds.
    duration: Option<f64>,
    state: &'static str,
    ended_by: Option<&'s str>,
    terminated_by: Option<u32>,
}

impl<'s> From<&'s Entry> for Json<'s> {
    fn from(entry: &'s Entry) -> Self {
        Self {
            id: &entry.id,
            uid: entry.uid,
            user: &entry.user,
            service: &entry.service,
            tty: entry.tty.as_deref(),
            remote_host: entry.remote_host.as_deref(),
            audit_id: entry.audit_id,
            login_uid: entry.login_uid,
            opened_at: rfc3339(entry.opened_at),
            ended_at: entry.ended_at.map(rfc3339),
            duration: entry.duration.map(|lasted| lasted.as_secs_f64()),
            state: entry.end.as_str(),
            ended_by: entry.ended_by.as_deref(),
            terminated_by: entry.terminated_by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::{Class, Pid, SessionId, SessionType, State, Text, Uid, UserName};

    const BOOT: &str = "0a0b0c0d";

    fn second(second: u32) -> Timestamp {
        Timestamp::from_micros(i64::from(second) * 1_000_000)
    }

    fn line(at: u32, boot: &str, event: &str, rest: &str) -> Line {
        let time = jiff::Timestamp::from_second(at.into()).unwrap();
        let line = format!(r#"{{"time":"{time}","up":{at}.0,"boot":"{boot}","event":"{event}"{rest}}}"#);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn opened(at: u32, boot: &str, id: u32) -> Line {
        let rest = format!(r#","id":"{id}","uid":7,"user":"u","service":"s""#);
        line(at, boot, "session_opened", &rest)
    }

    fn ended(at: u32, boot: &str, id: u32, opened: u32) -> Line {
        let opened = jiff::Timestamp::from_second(opened.into()).unwrap();
        let rest = format!(r#","id":"{id}","uid":7,"user":"u","service":"s","opened_at":"{opened}""#);
        line(at, boot, "session_ended", &rest)
    }

    fn open_session(id: u64, opened_at: u32) -> Session {
        Session {
            id: SessionId::new(id),
            parent: None,
            uid: Uid::try_from(7).unwrap(),
            user: UserName::clipped("u"),
            leader_pid: Pid::try_from(1).unwrap(),
            service: Text::clipped("s"),
            class: Class::User,
            session_type: SessionType::Tty,
            tty: None,
            remote: true,
            remote_host: None,
            remote_user: None,
            display: None,
            seat: None,
            vt: None,
            state: State::Online,
            opened_at: second(opened_at),
            runtime_dir: None,
            audit_id: None,
            login_uid: None,
        }
    }

    /// Id, login and end of each session.
    fn ends_of(lines: Vec<Line>, open: Option<&[Session]>) -> Vec<(String, i64, End)> {
        let mut entries = Entries::default();
        lines.into_iter().for_each(|line| entries.take(line));
        let entries = entries.finish(BOOT, open, second(1000));
        entries
            .into_iter()
            .map(|entry| (entry.id, entry.opened_at.as_micros() / 1_000_000, entry.end))
            .collect()
    }

    #[test]
    fn a_login_that_is_in_no_file_is_taken_from_the_end_or_from_the_broker() {
        let lines = || vec![opened(5, BOOT, 3), ended(6, BOOT, 1, 2)];
        let all =
            [("1".to_owned(), 2, End::Ended), ("2".to_owned(), 4, End::Open), ("3".to_owned(), 5, End::Open)];
        assert_eq!(ends_of(lines(), Some(&[open_session(2, 4), open_session(3, 5)])), all);
        assert_eq!(ends_of(lines(), None), [all[0].clone(), all[2].clone()]);
        // The broker was asked before this one ended.
        assert_eq!(
            ends_of(lines(), Some(&[open_session(1, 2), open_session(2, 4), open_session(3, 5)])),
            all
        );
    }

    #[test]
    fn a_session_that_the_broker_does_not_list_has_ended_or_is_new() {
        let lines = || vec![opened(1, BOOT, 1), opened(2, BOOT, 2), opened(1001, BOOT, 3)];
        let ends = |open: Option<&[Session]>| {
            ends_of(lines(), open).into_iter().map(|(_, _, end)| end).collect::<Vec<_>>()
        };
        assert_eq!(ends(Some(&[open_session(2, 2)])), [End::Gone, End::Open, End::Open]);
        assert_eq!(ends(None), [End::Open; 3]);
    }

    /// This happens when somebody has removed the state directory.
    #[test]
    fn an_id_that_is_used_again_is_another_session() {
        let lines = vec![opened(1, BOOT, 1), opened(5, BOOT, 1), ended(6, BOOT, 1, 5)];
        let all = [("1".to_owned(), 1, End::Gone), ("1".to_owned(), 5, End::Ended)];
        assert_eq!(ends_of(lines, None), all);
        let next_boot = vec![opened(1, "00000001", 1), ended(6, BOOT, 1, 5)];
        let all = [("1".to_owned(), 1, End::Crash), ("1".to_owned(), 5, End::Ended)];
        assert_eq!(ends_of(next_boot, None), all);
    }

    #[test]
    fn events_of_a_later_release_are_skipped() {
        let lines = vec![opened(1, BOOT, 1), line(2, BOOT, "moon_rose", r#","id":7"#), ended(3, BOOT, 1, 1)];
        assert_eq!(ends_of(lines, None), [("1".to_owned(), 1, End::Ended)]);
    }
}
