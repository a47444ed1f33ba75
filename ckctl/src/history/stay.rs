//! What the lines say together: who was here from when to when.

use super::line::{About, Event, Line};
use crate::time;
use ck_protocol::{Session, Timestamp};
use serde::Serialize;
use std::{collections::HashMap, time::Duration};

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
    /// Whose beginning is in no file any more.
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
        // Whose beginning is in no file any more, and who are still here; or have just ended by the file.
        let ended = |s: &Session| {
            self.stays.iter().any(|stay| stay.opened_at == s.opened_at && stay.id == s.id.to_string())
        };
        let mut rest: Vec<Stay> = listed.into_values().filter(|s| !ended(s)).map(Stay::from).collect();
        rest.retain(|stay| {
            !self.early.iter().any(|early| early.id == stay.id && early.opened_at == stay.opened_at)
        });
        self.early.extend(rest);
        self.early.sort_by_key(|stay| stay.opened_at);
        self.early.append(&mut self.stays);
        self.early
    }
}

impl From<&Session> for Stay {
    fn from(session: &Session) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let about = About {
            id: session.id.to_string(),
            uid: session.uid.get(),
            user: session.user.as_str().to_owned(),
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
            opened_at: time::rfc3339(stay.opened_at),
            ended_at: stay.ended_at.map(time::rfc3339),
            duration: stay.duration.map(|lasted| lasted.as_secs_f64()),
            state: stay.end.as_str(),
        }
    }
}
