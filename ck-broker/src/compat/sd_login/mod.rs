//! The files that libsystemd reads, in `/run/systemd`: who(1), w(1), pam_limits(8) and others see our sessions by them.
//!
//! Every user can read the directories, and whoever reads a directory can hold its lock as long as they like. So a process of
//! its own writes the files, the [`publisher`]. The broker tells it what has changed. A login waits until its files are there,
//! but not long, and not while the publisher is held up.
//!
//! The files are always made from the table as it is when they are sent: a name that could not be sent waits in a set. If the set
//! would become too large, everything is sent instead. After a problem, and after the start of a publisher, all names are sent again.

mod directory;
mod link;
mod packet;
pub mod publisher;
mod send;
mod terminals;

pub(crate) use packet::{Leader, Name, Order};

use crate::{
    component::{Component, Outcome},
    config::{Publishing, Settings},
    limits::Limits,
    poller::{Poller, Token},
    sys::Child,
};
use ck_protocol::SessionId;
use link::Link;
use nix::sys::epoll::EpollFlags;
use packet::{Answer, Packet, State};
use std::{
    collections::{BTreeSet, VecDeque},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The option, without its dashes, that makes this program the publisher.
pub const OPTION: &str = "publish-sessions";
/// The lock of the publisher, in the state directory.
const LOCK: &str = "state/publisher.lock";
/// How long a login waits for its files.
const LOGIN_WAIT: Duration = Duration::from_millis(100);
/// The time between a problem and the next try: at first, and at most.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The component.
#[derive(Debug)]
pub(crate) struct SdLogin {
    poller: Poller,
    /// The file that a publisher locks.
    lock: PathBuf,
    mode: Option<Publishing>,
    publisher: Option<Link>,
    /// Publishers that are to end, or hang.
    former: Vec<Child>,
    /// The order that has to be sent before all others: that everything follows, or that nothing should be there.
    first: Option<Order>,
    /// The sessions that have to be sent.
    sessions: BTreeSet<Name>,
    /// The users and seats that have to be sent then.
    others: BTreeSet<Name>,
    /// The number of the last packet with sessions.
    sessions_sent: u64,
    /// True if so much has changed while there was no room that everything has to be sent.
    is_too_much: bool,
    /// True if [`Order::End`] has to be sent after them.
    ends: bool,
    /// The logins that wait, by the packet that they wait for.
    logins: VecDeque<(u64, SessionId, Instant)>,
    /// When all is sent again.
    again: Option<Instant>,
    pause: Duration,
    state: State,
    /// What the broker is to be told.
    news: Vec<Outcome>,
}

impl SdLogin {
    pub(crate) fn new(poller: Poller, state_dir: &Path) -> Self {
        Self {
            poller,
            lock: state_dir.join(LOCK),
            mode: None,
            publisher: None,
            former: Vec::new(),
            first: None,
            sessions: BTreeSet::new(),
            others: BTreeSet::new(),
            sessions_sent: 0,
            is_too_much: false,
            ends: false,
            logins: VecDeque::new(),
            again: None,
            pause: FIRST_RETRY,
            state: State::Well,
            news: Vec::new(),
        }
    }

    /// True if files are written, and without delay: a login may wait for its own.
    pub(crate) fn is_prompt(&self, now: Instant) -> bool {
        let answers = |publisher: &Link| !publisher.owes_answer_since(now, LOGIN_WAIT);
        self.is_on()
            && self.sessions.is_empty()
            && !self.is_too_much
            && self.publisher.as_ref().is_some_and(answers)
    }

    /// True if files are to be written, unless another manager has sessions.
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self.mode, Some(Publishing::On { .. }))
    }

    /// True if files are written.
    pub(crate) fn is_on(&self) -> bool {
        self.is_wanted() && self.state != State::Yields
    }

    /// The login of this session waits until the files of sessions are written that were sent last. False: it does not have to.
    pub(crate) fn await_written(&mut self, id: SessionId, now: Instant) -> bool {
        // The answer may be there already.
        self.receive(now);
        let is_under_way = |publisher: &&Link| publisher.is_unanswered(self.sessions_sent);
        match self.publisher.as_ref().filter(is_under_way) {
            Some(_) if self.sessions.is_empty() => {
                self.logins.push_back((self.sessions_sent, id, now + LOGIN_WAIT));
                true
            }
            _ => false,
        }
    }

    /// The problem for the administrator, if there is one.
    pub(crate) fn problem(&self, now: Instant) -> Option<String> {
        let what = "who, w and other programs do not see all sessions";
        match &self.state {
            State::Problem(problem) if self.is_wanted() => return Some(format!("{what}: {problem}")),
            State::Problem(problem) => {
                return Some(format!("who, w and other programs see sessions that have ended: {problem}"));
            }
            _ if !self.is_wanted() => return None,
            _ => {}
        }
        let Some(publisher) = &self.publisher else {
            return Some(format!("{what}: ck-broker --{OPTION} does not run"));
        };
        let pid = publisher.slow_process(now)?;
        Some(format!("{what}: process {pid} waits for {}: somebody holds it", directory::ROOT))
    }

    fn has_room(&self) -> bool {
        self.publisher.as_ref().is_some_and(|publisher| !publisher.is_full)
    }

    /// Sends a packet with a number. False: there is no room, or nobody to send it to.
    fn send_packet(&mut self, fill: impl FnOnce(&mut Packet)) -> bool {
        let Some(publisher) = &mut self.publisher else { return false };
        match publisher.send(fill) {
            Ok(true) => true,
            Ok(false) => {
                self.watch();
                false
            }
            Err(error) => {
                self.lose(&error);
                false
            }
        }
    }

    /// Watches the socket for answers, and for room if there is none.
    fn watch(&mut self) {
        let Some(publisher) = &self.publisher else { return };
        let room = if publisher.is_full { EpollFlags::EPOLLOUT } else { EpollFlags::empty() };
        if let Err(errno) = self.poller.watch(publisher, Token::Publisher, EpollFlags::EPOLLIN | room) {
            self.lose(&io::Error::from(errno));
        }
    }

    /// Starts a publisher, which is told everything.
    fn start(&mut self, now: Instant) {
        self.reap();
        match Link::start(&self.lock, now) {
            Ok(publisher) => {
                (self.publisher, self.sessions_sent) = (Some(publisher), 0);
                self.watch();
                self.news.push(Outcome::PublishAll);
            }
            Err(error) => self.lose(&error),
        }
    }

    /// There is no publisher any more. Another one is started later.
    fn lose(&mut self, error: &io::Error) {
        self.dismiss();
        log::error!("ck-broker --{OPTION}: {error}");
        self.news.extend(self.logins.drain(..).map(|(_, id, _)| Outcome::Published(id)));
        self.try_later(Instant::now());
    }

    fn try_later(&mut self, now: Instant) {
        self.again = Some(now + self.pause);
        self.pause = LONGEST_RETRY.min(self.pause * 2);
    }

    /// Takes all answers that are there.
    fn receive(&mut self, now: Instant) {
        loop {
            let Some(publisher) = &mut self.publisher else { return };
            match publisher.receive(now) {
                Ok(Some(answer)) => self.take(answer, now),
                Ok(None) => return,
                Err(error) => return self.lose(&error),
            }
        }
    }

    fn take(&mut self, Answer { number, state }: Answer, now: Instant) {
        while self.logins.front().is_some_and(|(packet, ..)| *packet <= number) {
            self.news.extend(self.logins.pop_front().map(|(_, id, _)| Outcome::Published(id)));
        }
        let is_done = self.is_all_answered();
        // That an order before the last one is well says nothing of those that follow.
        let is_news = is_done || state != State::Well || !matches!(self.state, State::Problem(_));
        if is_news {
            self.take_state(state, now);
        }
        if is_done && self.state == State::Well {
            self.pause = FIRST_RETRY;
        }
        if is_done && !self.is_wanted() && !matches!(self.state, State::Problem(_)) {
            self.dismiss();
        }
    }

    /// True if nothing is left to be sent or answered.
    fn is_all_answered(&self) -> bool {
        let is_answered = |publisher: &Link| !publisher.is_unanswered(publisher.last_sent());
        let is_sent =
            self.first.is_none() && !self.ends && self.sessions.is_empty() && self.others.is_empty();
        is_sent && self.publisher.as_ref().is_some_and(is_answered)
    }

    fn take_state(&mut self, state: State, now: Instant) {
        if self.state != state {
            match &state {
                State::Well if !self.is_wanted() => {
                    log::info!("sessions are published no longer in {}", directory::ROOT);
                }
                State::Well => log::info!("sessions are published in {}", directory::ROOT),
                State::Yields => {
                    log::info!("sessions are not published: another manager has some in {}", directory::ROOT)
                }
                State::Problem(problem) => log::error!("sessions are not published: {problem}"),
            }
        }
        self.state = state;
        if matches!(self.state, State::Problem(_)) && self.again.is_none() {
            self.try_later(now);
        }
    }

    /// Closes the socket of the publisher, which ends with it.
    fn dismiss(&mut self) {
        if let Some(publisher) = self.publisher.take() {
            self.poller.unwatch(&publisher);
            let process = publisher.close();
            self.poller.watch_once(&process, Token::Publisher);
            self.former.push(process);
        }
    }

    fn reap(&mut self) {
        self.former.retain_mut(|process| process.status().is_none());
    }
}

impl Component for SdLogin {
    fn ready(&mut self, token: Token, now: Instant) -> Vec<Outcome> {
        if token != Token::Publisher {
            return Vec::new();
        }
        self.reap();
        self.receive(now);
        let was_full = self.publisher.as_mut().map(|publisher| std::mem::take(&mut publisher.is_full));
        if was_full == Some(true) {
            self.watch();
            let is_too_much = std::mem::take(&mut self.is_too_much);
            self.news.push(if is_too_much { Outcome::PublishAll } else { Outcome::PublisherHasRoom });
        }
        std::mem::take(&mut self.news)
    }

    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if !self.news.is_empty() {
            return Some(now);
        }
        self.again.into_iter().chain(self.logins.front().map(|(_, _, due)| *due)).min()
    }

    fn expire(&mut self, now: Instant) -> Vec<Outcome> {
        while self.logins.front().is_some_and(|(_, _, due)| *due <= now) {
            self.news.extend(self.logins.pop_front().map(|(_, id, _)| Outcome::Published(id)));
        }
        if self.again.is_some_and(|again| again <= now) {
            self.again = None;
            if self.publisher.is_some() { self.news.push(Outcome::PublishAll) } else { self.start(now) }
        }
        std::mem::take(&mut self.news)
    }

    fn reconfigure(&mut self, settings: &Settings, _: &Limits) {
        let is_other = self.mode.replace(settings.publishing) != Some(settings.publishing);
        if is_other {
            (self.state, self.again, self.pause) = (State::Well, None, FIRST_RETRY);
        }
        if self.publisher.is_some() {
            // Also when nothing is set otherwise: a reload makes right what somebody else has changed.
            self.news.push(Outcome::PublishAll);
        } else if is_other {
            self.start(Instant::now());
        }
    }
}
