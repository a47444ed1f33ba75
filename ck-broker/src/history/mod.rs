//! Who was here when: a line of JSON for each session opened or ended, each start and stop of the broker,
//! and each start of the system; `docs/HISTORY.md` says what is in them.
//!
//! The file may lie on a disk that is slow, or hangs for good, as over a network. So the loop does not touch it:
//! it puts lines into a pipe, where there is room for a few thousand, and a process of its own, ourselves again
//! with another option, takes them out and appends them ([`writer`]). A pipe that is full costs lines, and
//! a message, and no login. The process goes on until the pipe is empty, so a broker that is killed
//! loses nothing that it has said.

mod file;
mod line;
mod moment;
mod readers;
mod tail;
mod troubles;
pub mod writer;

use crate::{
    component::{Component, Outcome},
    config::{HistoryPlace, Settings},
    limits::Limits,
    log_sink,
    poller::{Poller, Token},
    sys::{Child, Program},
};
use ck_core::json::Object;
use ck_protocol::{Session, SessionId, Text};
use moment::Moment;
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
use troubles::Troubles;

/// The option, without its dashes, by which this program is told to be the process that writes.
pub const OPTION: &str = "write-history";
/// How much may wait in the pipe, in bytes: as much as anybody may have (`fs.pipe-max-size` of proc(5)).
/// That is some 3,000 lines.
const WAITING: usize = 1 << 20;
/// How long after its start a process that has ended is followed by another.
const PAUSE: Duration = Duration::from_secs(5);

/// What the broker has to do with the history: saying what happens.
#[derive(Debug)]
pub struct History {
    poller: Poller,
    place: Option<HistoryPlace>,
    boot: String,
    writer: Option<Writer>,
    /// Processes before it that have not been seen to end.
    former: Vec<Child>,
    start_again: Option<Instant>,
    lost: u64,
    /// When the sessions that this broker has opened were, counted from the start of the system: a clock that
    /// nobody sets.
    opened: HashMap<SessionId, Duration>,
    /// True while sessions end that have ended earlier, while nobody watched: their end time is unknown.
    pub(crate) is_late: bool,
}

#[derive(Debug)]
struct Writer {
    pipe: OwnedFd,
    process: Child,
    troubles: Troubles,
}

/// What became of a line.
enum Sent {
    Yes,
    Full,
    Gone,
}

impl History {
    /// A history at `place`; without one, nothing is written.
    #[must_use]
    pub(crate) fn new(poller: Poller, place: Option<HistoryPlace>) -> Self {
        Self {
            poller,
            place,
            boot: moment::boot(),
            writer: None,
            former: Vec::new(),
            start_again: None,
            lost: 0,
            opened: HashMap::new(),
            is_late: false,
        }
    }

    /// From now on, the history is at `place`. What has been said is still written where it was. A process begins at once
    /// there, as the file that is there may have to be closed to others.
    fn set_place(&mut self, place: Option<HistoryPlace>) {
        if self.place == place {
            return;
        }
        self.former.extend(self.writer.take().map(|writer| writer.process));
        self.start_again = None;
        self.place = place;
        self.start(Instant::now());
    }

    /// The broker serves from now on.
    pub fn broker_started(&mut self) {
        let line =
            self.line("broker_started").text_within("version", env!("CARGO_PKG_VERSION"), line::VERSION);
        self.append(line.member("pid", u64::from(std::process::id())));
    }

    /// The broker ends in good order, and `sessions` stay.
    pub fn broker_stopped(&mut self, sessions: usize) {
        let sessions = u64::try_from(sessions).unwrap_or(u64::MAX);
        self.append(self.line("broker_stopped").member("sessions", sessions));
    }

    /// A session is open.
    pub fn opened(&mut self, session: &Session) {
        if self.place.is_none() {
            return;
        }
        let at = Moment { time: session.opened_at, since_boot: moment::since_boot() };
        self.opened.insert(session.id, at.since_boot);
        self.append(line_of_opened(line::begin(at, &self.boot, "session_opened"), session));
    }

    /// A session has ended, just now or while there was no broker.
    pub fn ended(&mut self, session: &Session) {
        if self.place.is_none() {
            return;
        }
        let lasted = self.opened.remove(&session.id).map(|at| moment::since_boot().saturating_sub(at));
        self.append(line_of_ended(self.line("session_ended"), session, lasted, self.is_late));
    }

    /// Waits for the processes that have ended.
    fn reap(&mut self) {
        self.former.retain_mut(|process| process.status().is_none());
        if let Some(writer) = &mut self.writer {
            // Its end is noticed at the next line; until then it is only no zombie.
            writer.process.status();
        }
    }

    /// Why who comes and goes is not written down, if it is not.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.place.as_ref()?;
        if self.lost > 0 {
            return Some(format!("the history cannot be written fast enough: {} lines are lost", self.lost));
        }
        let Some(writer) = &self.writer else {
            return self
                .start_again
                .map(|_| format!("the history is not written: ck-broker --{OPTION} has ended"));
        };
        writer.troubles.now()
    }

    fn line(&self, event: &'static str) -> Object {
        line::begin(Moment::now(), &self.boot, event)
    }

    /// Hands a line over, if there is room.
    fn append(&mut self, line: Object) {
        if self.place.is_none() {
            return;
        }
        let line = line::end(line);
        let mut sent = self.send(&line);
        if matches!(sent, Sent::Gone) {
            self.start(Instant::now());
            sent = self.send(&line);
        }
        if matches!(sent, Sent::Yes) {
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

    fn send(&mut self, line: &str) -> Sent {
        let Some(writer) = &self.writer else { return Sent::Gone };
        // A short line may fit where the one before it did not. Once one is lost, more are until there is room again: not
        // some here and some there, each with two messages.
        if self.lost > 0 && !log_sink::is_writable(&writer.pipe) {
            return Sent::Full;
        }
        match write(&writer.pipe, line.as_bytes()) {
            // All or nothing, as it is shorter than PIPE_BUF (pipe(7)).
            Ok(_) => Sent::Yes,
            Err(Errno::AGAIN | Errno::INTR) => Sent::Full,
            Err(_) => {
                self.former.extend(self.writer.take().map(|writer| writer.process));
                Sent::Gone
            }
        }
    }

    /// Starts the process that writes, unless the last one was started just now.
    fn start(&mut self, now: Instant) {
        self.reap();
        if self.start_again.is_some_and(|again| again > now) {
            return;
        }
        self.start_again = Some(now + PAUSE);
        let Some(place) = &self.place else { return };
        match Writer::start(place) {
            Ok(writer) => {
                self.poller.watch_once(&writer.process, Token::HistoryWriter);
                self.writer = Some(writer);
            }
            Err(error) => log::error!("cannot have the history written by ck-broker --{OPTION}: {error}"),
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
        if let Err(errno) = fcntl_setpipe_size(&pipe, WAITING) {
            log::warn!("the history has a pipe that holds some 200 lines only: {errno}");
        }
        let (troubles, said) = Troubles::new()?;
        let program = log_sink::pass_on(Program::own("ck-history"))
            .arg(format!("--{OPTION}={}", writer::argument(place)))
            .stdin(theirs)
            .stdout(said);
        let process = program.start().map_err(io::Error::other)?;
        Ok(Self { pipe, process, troubles })
    }
}

fn line_of_opened(line: Object, session: &Session) -> Object {
    about(line, session).member("class", session.class).member("leader_pid", session.leader_pid)
}

/// `is_late`: it has ended earlier, and nobody saw it.
fn line_of_ended(line: Object, session: &Session, lasted: Option<Duration>, is_late: bool) -> Object {
    let mut line = about(line, session).member("opened_at", session.opened_at);
    if let Some(lasted) = lasted {
        line = line.seconds("duration", lasted);
    }
    line.present("late", is_late.then_some(true))
}

/// What names a session, and those whose it is.
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
    line
}

#[cfg(test)]
mod tests;
