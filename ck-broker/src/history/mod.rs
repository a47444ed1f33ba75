//! The login history: a line of JSON for each session that is opened or ends, each start and stop of the broker, and
//! each start of the system. `docs/HISTORY.md` describes the lines.
//!
//! The file may be on a disk that is slow or hangs, for example over a network. Therefore the loop does not access it.
//! It writes lines to a pipe, which has room for a few thousand. A separate process, this program with another option,
//! appends them to the file ([`writer`]). If the pipe is full, lines are lost and a message is logged, but logins do
//! not wait. The process continues until the pipe is empty, so no line is lost if the broker is killed.

mod event_time;
mod file;
mod line;
mod readers;
mod tail;
pub mod writer;
mod writer_status;

use crate::{
    component::{Component, Outcome},
    config::{HistoryPlace, Settings},
    limits::Limits,
    log_sink,
    poller::{Poller, Token},
    sys::{Child, Program},
};
use ck_core::json::Object;
use ck_protocol::{EndCause, Session, SessionId, Text};
use event_time::EventTime;
use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::{Errno, write},
    pipe::{PipeFlags, fcntl_setpipe_size, pipe_with},
};
use std::{
    collections::HashMap,
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};
use writer_status::WriterStatus;

/// The option, without its dashes, that makes this program the history writer.
pub const OPTION: &str = "write-history";
/// The size of the pipe, in bytes: the default of `fs.pipe-max-size` in proc(5). That is about 3,000 lines.
const PIPE_SIZE: usize = 1 << 20;
/// The minimum time between two starts of the history writer.
const RESTART_INTERVAL: Duration = Duration::from_secs(5);

/// The component that sends lines to the history writer.
#[derive(Debug)]
pub struct History {
    poller: Poller,
    place: Option<HistoryPlace>,
    boot: String,
    writer: Option<Writer>,
    /// Earlier writers that have not ended yet.
    former: Vec<Child>,
    next_start: Option<Instant>,
    lost: u64,
    /// When the sessions of this broker were opened, as time since boot: that clock is never set.
    opened: HashMap<SessionId, Duration>,
}

#[derive(Debug)]
struct Writer {
    pipe: OwnedFd,
    process: Child,
    status: WriterStatus,
}

/// What became of a line.
enum Delivery {
    Written,
    Full,
    Closed,
}

impl History {
    /// A history at `place`. Without a place, nothing is written.
    #[must_use]
    pub(crate) fn new(poller: Poller, place: Option<HistoryPlace>) -> Self {
        Self {
            poller,
            place,
            boot: event_time::boot(),
            writer: None,
            former: Vec::new(),
            next_start: None,
            lost: 0,
            opened: HashMap::new(),
        }
    }

    /// Sets the place of the history. Earlier lines are still written to the earlier place. A writer starts at once,
    /// because it may have to change the permissions of the file.
    fn set_place(&mut self, place: Option<HistoryPlace>) {
        if self.place == place {
            return;
        }
        self.former.extend(self.writer.take().map(|writer| writer.process));
        self.next_start = None;
        self.place = place;
        self.start(Instant::now());
    }

    /// Adds the start of the broker.
    pub fn broker_started(&mut self) {
        let line =
            self.line("broker_started").text_within("version", env!("CARGO_PKG_VERSION"), line::VERSION);
        self.append(line.member("pid", u64::from(std::process::id())));
    }

    /// Adds the orderly end of the broker. `sessions` is the number of open sessions.
    pub fn broker_stopped(&mut self, sessions: usize) {
        let sessions = u64::try_from(sessions).unwrap_or(u64::MAX);
        self.append(self.line("broker_stopped").member("sessions", sessions));
    }

    /// Adds the beginning of a session.
    pub fn opened(&mut self, session: &Session) {
        if self.place.is_none() {
            return;
        }
        let at = EventTime { time: session.opened_at, since_boot: event_time::since_boot() };
        self.opened.insert(session.id, at.since_boot);
        self.append(line_of_opened(line::begin(at, &self.boot, "session_opened"), session));
    }

    /// Adds the end of a session.
    pub fn ended(&mut self, session: &Session, cause: EndCause) {
        if self.place.is_none() {
            return;
        }
        let lasted = self.opened.remove(&session.id).map(|at| event_time::since_boot().saturating_sub(at));
        self.append(line_of_ended(self.line("session_ended"), session, lasted, cause));
    }

    /// Reaps the writers that have ended.
    fn reap(&mut self) {
        self.former.retain_mut(|process| process.status().is_none());
        if let Some(writer) = &mut self.writer {
            // This only avoids a zombie. The next line notices that the writer has ended.
            writer.process.status();
        }
    }

    /// The problem for the administrator, if lines cannot be written.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.place.as_ref()?;
        if self.lost > 0 {
            return Some(format!("the history cannot be written fast enough: {} lines are lost", self.lost));
        }
        let Some(writer) = &self.writer else {
            return self
                .next_start
                .map(|_| format!("the history is not written: ck-broker --{OPTION} has ended"));
        };
        writer.status.now()
    }

    fn line(&self, event: &'static str) -> Object {
        line::begin(EventTime::now(), &self.boot, event)
    }

    /// Sends a line to the writer, if there is room.
    fn append(&mut self, line: Object) {
        if self.place.is_none() {
            return;
        }
        let line = line::end(line);
        let mut delivery = self.send(&line);
        if matches!(delivery, Delivery::Closed) {
            self.start(Instant::now());
            delivery = self.send(&line);
        }
        if matches!(delivery, Delivery::Written) {
            if self.lost > 0 {
                log::warn!("{} lines of the history were lost", self.lost);
            }
            self.lost = 0;
            return;
        }
        if self.lost == 0 {
            log::error!("the history cannot be written fast enough: lines are lost");
        }
        self.lost += 1;
    }

    fn send(&mut self, line: &str) -> Delivery {
        let Some(writer) = &self.writer else { return Delivery::Closed };
        // After a line was lost, lines are dropped until there is room for any line. Otherwise short lines would fit
        // between lost ones, with two messages for each.
        if self.lost > 0 && !log_sink::is_writable(&writer.pipe) {
            return Delivery::Full;
        }
        match write(&writer.pipe, line.as_bytes()) {
            // It is written as a whole, because it is shorter than PIPE_BUF (pipe(7)).
            Ok(_) => Delivery::Written,
            Err(Errno::AGAIN | Errno::INTR) => Delivery::Full,
            Err(_) => {
                self.former.extend(self.writer.take().map(|writer| writer.process));
                Delivery::Closed
            }
        }
    }

    /// Starts a writer, unless the last one was started a moment ago.
    fn start(&mut self, now: Instant) {
        self.reap();
        if self.next_start.is_some_and(|again| again > now) {
            return;
        }
        self.next_start = Some(now + RESTART_INTERVAL);
        let Some(place) = &self.place else { return };
        match Writer::start(place) {
            Ok(writer) => {
                self.poller.watch_once(&writer.process, Token::HistoryWriter);
                self.writer = Some(writer);
            }
            Err(error) => {
                log::error!("the history is not written: cannot start ck-broker --{OPTION}: {error}")
            }
        }
    }
}

impl Component for History {
    fn ready(&mut self, token: Token, _: Instant) -> Vec<Outcome> {
        if token == Token::HistoryWriter {
            self.reap();
        }
        Vec::new()
    }

    fn next_deadline(&self, _: Instant) -> Option<Instant> {
        None
    }

    fn expire(&mut self, _: Instant) -> Vec<Outcome> {
        Vec::new()
    }

    fn reconfigure(&mut self, settings: &Settings, _: &Limits) {
        self.set_place(settings.history.clone());
    }
}

impl Writer {
    fn start(place: &HistoryPlace) -> io::Result<Self> {
        let (theirs, pipe) = pipe_with(PipeFlags::CLOEXEC)?;
        fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        if let Err(errno) = fcntl_setpipe_size(&pipe, PIPE_SIZE) {
            log::warn!("the pipe to the history writer holds only about 200 lines: {errno}");
        }
        let (status, said) = WriterStatus::new()?;
        let program = log_sink::pass_on(Program::own("ck-history"))
            .arg(format!("--{OPTION}={}", writer::argument(place)))
            .stdin(theirs)
            .stdout(said);
        let process = program.start().map_err(io::Error::other)?;
        Ok(Self { pipe, process, status })
    }
}

fn line_of_opened(line: Object, session: &Session) -> Object {
    about(line, session).member("class", session.class).member("leader_pid", session.leader_pid)
}

fn line_of_ended(line: Object, session: &Session, lasted: Option<Duration>, cause: EndCause) -> Object {
    let mut line = about(line, session).member("opened_at", session.opened_at);
    if let Some(lasted) = lasted {
        line = line.seconds("duration", lasted);
    }
    line = line.member("ended_by", cause.as_str());
    line = line.present("terminated_by", cause.terminated_by().map(u64::from));
    line.present("late", (cause == EndCause::Unseen).then_some(true))
}

/// Adds the session, its user, where the user is, and its ids in the audit.
fn about(line: Object, session: &Session) -> Object {
    let mut line = line.member("id", session.id).member("uid", session.uid);
    for (name, text, most) in [
        ("user", Some(&*session.user.to_text()), line::USER),
        ("service", Some(session.service.as_str()), line::SERVICE),
        ("tty", session.tty.as_ref().map(Text::as_str), line::TTY),
        ("remote_host", session.remote_host.as_ref().map(Text::as_str), line::HOST),
    ] {
        if let Some(text) = text {
            line = line.text_within(name, text, most);
        }
    }
    let line = line.present("audit_id", session.audit_id.map(|id| u64::from(id.get())));
    line.present("login_uid", session.login_uid)
}

#[cfg(test)]
mod tests;
