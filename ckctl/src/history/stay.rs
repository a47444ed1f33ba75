//! What the lines say together: who was here from when to when.

use super::line::{About, Event, Line};
use ck_core::json::rfc3339;
use ck_protocol::{Session, Timestamp};
use serde::Serialize;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

/// How a session ended, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It lasts.
    Open,
    /// It was seen to end.
    Ended,
    /// It ended while no broker ran, at the latest when the next one was started.
    Late,
    /// The system was shut down.
    Down,
    /// The system stopped without being shut down.
    Crash,
    /// It is over, and nothing says when.
    Gone,
}

impl End {
    /// The name, as tables and JSON have it.
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

/// A session, from its beginning to its end.
#[derive(Clone, Debug)]
pub struct Stay {
    /// Its id, which another run of the system may have given again.
    pub id: String,
    /// Whose it was.
    pub uid: u32,
    /// The user's name.
    pub user: String,
    /// The PAM service.
    pub service: String,
    /// The terminal.
    pub tty: Option<String>,
    /// The remote host.
    pub remote_host: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended, where that is known.
    pub ended_at: Option<Timestamp>,
    /// How long it lasted, whatever was done to the clock meanwhile.
    pub duration: Option<Duration>,
    /// How it ended.
    pub end: End,
    boot: String,
    /// When it was opened, in seconds since the start of the system.
    up: Option<f64>,
}

impl Stay {
    fn new(about: About, opened_at: Timestamp, boot: String, up: Option<f64>) -> Self {
        let About { id, uid, user, service, tty, remote_host } = about;
        let (ended_at, duration, end) = (None, None, End::Open);
        Self { id, uid, user, service, tty, remote_host, opened_at, ended_at, duration, end, boot, up }
    }

    /// Whether the user was here at `moment`, or came later.
    #[must_use]
    pub fn lasted_until(&self, moment: Timestamp) -> bool {
        self.end == End::Open
            || self.opened_at >= moment
            || self.ended_at.is_some_and(|ended| ended >= moment)
    }

    /// Ended at `line`; `told` is how long it lasted by that line.
    fn ended(&mut self, line: &Line, told: Option<f64>, late: bool) {
        let same_run = self.up.filter(|_| self.boot == line.boot);
        let by_clocks = || u64::try_from(line.time.as_micros() - self.opened_at.as_micros()).ok();
        let seconds = told.or_else(|| same_run.map(|up| line.up - up));
        let lasted = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.duration = lasted.or_else(|| by_clocks().map(Duration::from_micros));
        self.ended_at = Some(line.time);
        self.end = if late { End::Late } else { End::Ended };
    }
}

/// All of them, line after line.
#[derive(Debug, Default)]
pub(super) struct Stays {
    /// Whose beginning is in no file, or not any more.
    early: Vec<Stay>,
    stays: Vec<Stay>,
    /// Where those are that have no end yet.
    open: HashMap<String, usize>,
    /// The run of the system that the last line was written in.
    boot: String,
    /// When the broker was stopped in it, unless it was started again.
    stopped: Option<Timestamp>,
}

impl Stays {
    pub(super) fn take(&mut self, line: Line) {
        if line.boot != self.boot {
            self.system_ended();
            self.boot.clone_from(&line.boot);
        }
        match line.event {
            Event::SystemStarted | Event::Unknown => {}
            Event::BrokerStarted => self.stopped = None,
            Event::BrokerStopped => self.stopped = Some(line.time),
            Event::SessionOpened(about) => {
                if let Some(before) = self.open.insert(about.id.clone(), self.stays.len()) {
                    self.close(before, End::Gone, None);
                }
                self.stays.push(Stay::new(about, line.time, line.boot, Some(line.up)));
            }
            Event::SessionEnded { ref about, opened_at, duration, late } => {
                let known = self.open.get(&about.id).and_then(|&index| self.stays.get_mut(index));
                match known.filter(|stay| stay.opened_at == opened_at) {
                    Some(stay) => {
                        stay.ended(&line, duration, late);
                        self.open.remove(&about.id);
                    }
                    None => {
                        let mut stay = Stay::new(about.clone(), opened_at, line.boot.clone(), None);
                        stay.ended(&line, duration, late);
                        self.early.push(stay);
                    }
                }
            }
        }
    }

    /// Nobody stays when the system does not.
    fn system_ended(&mut self) {
        let stopped = self.stopped.take();
        let end = if stopped.is_some() { End::Down } else { End::Crash };
        for index in std::mem::take(&mut self.open).into_values() {
            self.close(index, end, stopped);
        }
    }

    fn close(&mut self, index: usize, end: End, at: Option<Timestamp>) {
        if let Some(stay) = self.stays.get_mut(index) {
            stay.end = end;
            stay.ended_at = at;
        }
    }

    /// All of them, the oldest first, when the system runs as `boot`, and the broker said at `asked_at` which
    /// sessions are open, if it said anything.
    pub(super) fn finish(mut self, boot: &str, open: Option<&[Session]>, asked_at: Timestamp) -> Vec<Stay> {
        if self.boot != boot {
            self.system_ended();
        }
        let mut listed: HashMap<(String, Timestamp), &Session> = HashMap::new();
        listed.extend(open.iter().copied().flatten().map(|s| ((s.id.to_string(), s.opened_at), s)));
        for index in std::mem::take(&mut self.open).into_values() {
            let Some(stay) = self.stays.get(index) else { continue };
            let is_listed = listed.remove(&(stay.id.clone(), stay.opened_at)).is_some();
            if !is_listed && open.is_some() && stay.opened_at < asked_at {
                self.close(index, End::Gone, None);
            }
        }
        // Whose beginning is in no file, and who are still here; unless they have ended since the broker was asked.
        let all = || self.stays.iter().chain(&self.early);
        let known: HashSet<_> = all().map(|stay| (stay.id.clone(), stay.opened_at)).collect();
        self.early
            .extend(listed.into_iter().filter(|(key, _)| !known.contains(key)).map(|(_, s)| Stay::from(s)));
        self.early.sort_by_key(|stay| stay.opened_at);
        merged(self.stays, self.early.into())
    }
}

/// The `stays`, in the order in which they were written down, with those between whose beginning was not.
fn merged(stays: Vec<Stay>, mut early: VecDeque<Stay>) -> Vec<Stay> {
    let mut all = Vec::with_capacity(stays.len() + early.len());
    for stay in stays {
        while early.front().is_some_and(|first| first.opened_at < stay.opened_at) {
            all.extend(early.pop_front());
        }
        all.push(stay);
    }
    all.extend(early);
    all
}

impl From<&Session> for Stay {
    fn from(session: &Session) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let about = About {
            id: session.id.to_string(),
            uid: session.uid.get(),
            user: session.user.to_text().into_owned(),
            service: session.service.as_str().to_owned(),
            tty: text(session.tty.as_ref().map(ck_protocol::Text::as_str)),
            remote_host: text(session.remote_host.as_ref().map(ck_protocol::Text::as_str)),
        };
        Self::new(about, session.opened_at, String::new(), None)
    }
}

/// Its JSON form.
#[derive(Debug, Serialize)]
pub(super) struct Json<'s> {
    id: &'s str,
    uid: u32,
    user: &'s str,
    service: &'s str,
    tty: Option<&'s str>,
    remote_host: Option<&'s str>,
    opened_at: String,
    ended_at: Option<String>,
    /// In seconds.
    duration: Option<f64>,
    state: &'static str,
}

impl<'s> From<&'s Stay> for Json<'s> {
    fn from(stay: &'s Stay) -> Self {
        Self {
            id: &stay.id,
            uid: stay.uid,
            user: &stay.user,
            service: &stay.service,
            tty: stay.tty.as_deref(),
            remote_host: stay.remote_host.as_deref(),
            opened_at: rfc3339(stay.opened_at),
            ended_at: stay.ended_at.map(rfc3339),
            duration: stay.duration.map(|lasted| lasted.as_secs_f64()),
            state: stay.end.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::{Class, Kind, Pid, SessionId, State, Text, Uid, UserName};

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

    fn listed(id: u64, opened_at: u32) -> Session {
        Session {
            id: SessionId::new(id),
            parent: None,
            uid: Uid::try_from(7).unwrap(),
            user: UserName::clipped("u"),
            leader_pid: Pid::try_from(1).unwrap(),
            service: Text::clipped("s"),
            class: Class::User,
            kind: Kind::Tty,
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
        }
    }

    /// Id, beginning and end of each.
    fn told(lines: Vec<Line>, open: Option<&[Session]>) -> Vec<(String, i64, End)> {
        let mut stays = Stays::default();
        lines.into_iter().for_each(|line| stays.take(line));
        let stays = stays.finish(BOOT, open, second(1000));
        stays.into_iter().map(|stay| (stay.id, stay.opened_at.as_micros() / 1_000_000, stay.end)).collect()
    }

    #[test]
    fn whose_beginning_is_in_no_file_any_more_is_told_from_the_end_or_by_the_broker() {
        let lines = || vec![opened(5, BOOT, 3), ended(6, BOOT, 1, 2)];
        let all =
            [("1".to_owned(), 2, End::Ended), ("2".to_owned(), 4, End::Open), ("3".to_owned(), 5, End::Open)];
        assert_eq!(told(lines(), Some(&[listed(2, 4), listed(3, 5)])), all);
        assert_eq!(told(lines(), None), [all[0].clone(), all[2].clone()]);
        // The broker was asked before this one ended.
        assert_eq!(told(lines(), Some(&[listed(1, 2), listed(2, 4), listed(3, 5)])), all);
    }

    #[test]
    fn whom_the_broker_does_not_know_has_gone_or_has_just_come() {
        let lines = || vec![opened(1, BOOT, 1), opened(2, BOOT, 2), opened(1001, BOOT, 3)];
        let ends = |open: Option<&[Session]>| {
            told(lines(), open).into_iter().map(|(_, _, end)| end).collect::<Vec<_>>()
        };
        assert_eq!(ends(Some(&[listed(2, 2)])), [End::Gone, End::Open, End::Open]);
        assert_eq!(ends(None), [End::Open; 3]);
    }

    /// As when somebody has removed the state directory.
    #[test]
    fn an_id_that_was_given_again_is_another_session() {
        let lines = vec![opened(1, BOOT, 1), opened(5, BOOT, 1), ended(6, BOOT, 1, 5)];
        let all = [("1".to_owned(), 1, End::Gone), ("1".to_owned(), 5, End::Ended)];
        assert_eq!(told(lines, None), all);
        let next_boot = vec![opened(1, "00000001", 1), ended(6, BOOT, 1, 5)];
        let all = [("1".to_owned(), 1, End::Crash), ("1".to_owned(), 5, End::Ended)];
        assert_eq!(told(next_boot, None), all);
    }

    #[test]
    fn events_of_a_later_release_are_passed_over() {
        let lines = vec![opened(1, BOOT, 1), line(2, BOOT, "moon_rose", r#","id":7"#), ended(3, BOOT, 1, 1)];
        assert_eq!(told(lines, None), [("1".to_owned(), 1, End::Ended)]);
    }
}
