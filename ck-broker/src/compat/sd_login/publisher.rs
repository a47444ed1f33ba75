//! The publisher: a process of the broker's that writes the files. Whoever holds the lock of one of the directories holds
//! it up, and nobody else.

use super::{
    directory::{Directory, DirectoryError, Found},
    packet::{self, Answer, LONGEST, Name, Order, Place, State},
    terminals::Terminals,
};
use crate::{privileges, process::Proc};
use ck_core::compat::sd_login::{TERMINAL, terminal_line};
use ck_protocol::SessionId;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FlockOperation, Mode, OFlags, flock, open},
    io::{Errno, retry_on_intr},
    net::{RecvFlags, SendFlags, recv, send},
    process::{Pid, test_kill_process, umask},
};
use std::{
    collections::HashSet,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::{Duration, Instant},
};

/// Carries out what comes by the socket on standard input, until its other end is closed. `lock` is a file that only one of us
/// may lock.
///
/// # Errors
/// Those of open(2) and flock(2) for the lock, and of recv(2)
pub fn run(lock: &Path) -> io::Result<()> {
    // One that an earlier broker has left may be in the middle of a file: it ends with that.
    let _lock = only_one(lock)?;
    // While it may still mount one.
    let mut publisher = Publisher::new(Proc::open());
    if let Err(error) = privileges::drop_all() {
        log::warn!("the publisher keeps more privileges than it needs: {error}");
    }
    umask(Mode::from_raw_mode(0o022));
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let mut buffer = vec![0; LONGEST];
    let mut answer = Answer { number: 0, state: State::Well };
    loop {
        if publisher.wait(&socket)? {
            let length = match retry_on_intr(|| recv(&socket, &mut buffer[..], RecvFlags::empty())) {
                Ok((0, _)) | Err(Errno::CONNRESET) => return Ok(()),
                Ok((length, _)) => length,
                Err(errno) => return Err(errno.into()),
            };
            let packet = packet::read(buffer.get(..length).unwrap_or_default());
            let orders;
            (answer.number, orders) = packet.ok_or(io::ErrorKind::InvalidData)?;
            for order in orders {
                if is_left_alone(&socket) {
                    return Ok(());
                }
                publisher.obey(order);
            }
        } else {
            publisher.look_for_terminals();
            if publisher.state() == answer.state {
                continue;
            }
        }
        answer.state = publisher.state();
        // A broker that is gone has closed its end: the next recv(2) says so.
        let _ = send(&socket, &answer.bytes(), SendFlags::NOSIGNAL);
    }
}

/// Waits until no other publisher runs.
fn only_one(lock: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let lock = open(lock, flags, Mode::from_raw_mode(0o600))?;
    retry_on_intr(|| flock(&lock, FlockOperation::LockExclusive))?;
    Ok(lock)
}

/// Whether the broker is gone. What it has ordered may be wrong by now, and the next one orders anew.
fn is_left_alone(socket: &OwnedFd) -> bool {
    let mut sources = [PollFd::new(socket, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut sources, Some(&now)).is_ok()
        && sources[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP)
}

/// The directories, and what is wrong.
#[derive(Debug)]
struct Publisher {
    directories: Vec<(Place, Directory)>,
    terminals: Terminals,
    /// What has come of a file that comes in pieces.
    pieces: String,
    /// Our files that no order has named since [`Order::Begin`].
    stale: HashSet<(Place, String)>,
    yields: bool,
    /// What could not be done first: most often it is the cause of what could not be done later.
    problem: Option<String>,
}

impl Publisher {
    fn new(proc: Proc) -> Self {
        let terminals = Terminals::new(proc);
        let (directories, pieces, stale) = (Vec::new(), String::new(), HashSet::new());
        Self { directories, terminals, pieces, stale, yields: false, problem: None }
    }

    fn state(&self) -> State {
        match &self.problem {
            _ if self.yields => State::Yields,
            Some(problem) => State::Problem(problem.clone()),
            None => State::Well,
        }
    }

    /// Waits until there are orders, which comes first, or until it is time to look for terminals.
    fn wait(&self, socket: &OwnedFd) -> io::Result<bool> {
        let now = Instant::now();
        let mut sources = vec![PollFd::new(socket, PollFlags::IN)];
        sources.extend(self.terminals.source(now).map(|news| PollFd::from_borrowed_fd(news, PollFlags::IN)));
        let left = self.terminals.next_look(now).map(|due| due.saturating_duration_since(now));
        // A moment too late rather than too early, which would be for nothing.
        let limit = left.and_then(|left| Timespec::try_from(left + Duration::from_millis(1)).ok());
        match poll(&mut sources, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {
                Ok(sources.first().is_some_and(|socket| !socket.revents().is_empty()))
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn obey(&mut self, order: Order) {
        let done = match order {
            Order::Begin { seats } => self.begin(seats),
            Order::End => self.end(),
            Order::Withdraw { is_for_other } => {
                (self.problem, self.yields) = (None, false);
                self.terminals.clear();
                self.withdraw(&Place::ALL, is_for_other)
            }
            _ if self.yields => return,
            Order::Put(name, content) => self.put(&name, &content),
            Order::PutSession(leader, mut content) => {
                if let Some(terminal) = self.terminals.add(leader) {
                    content.push_str(&terminal_line(terminal));
                }
                self.put(&Name::Session(leader.session), &content)
            }
            Order::Piece { is_first, text } => {
                if is_first {
                    self.pieces.clear();
                }
                self.pieces.push_str(&text);
                Ok(())
            }
            Order::PutPieces(name) => {
                let content = std::mem::take(&mut self.pieces);
                self.put(&name, &content)
            }
            Order::Remove(name) => {
                if let Name::Session(session) = name {
                    self.terminals.remove(session);
                }
                self.at(name.place(), |directory| directory.remove(&name.file()))
            }
        };
        self.note(done);
    }

    fn note(&mut self, done: Result<(), DirectoryError>) {
        if let Err(error) = done {
            self.problem.get_or_insert_with(|| error.to_string());
        }
    }

    fn put(&mut self, name: &Name, content: &str) -> Result<(), DirectoryError> {
        let (place, file) = (name.place(), name.file());
        let was_there = self.stale.remove(&(place, file.clone()));
        self.at(place, |directory| {
            // Whoever watches the directory is not woken for nothing.
            if was_there && directory.has(&file, content) { Ok(()) } else { directory.put(&file, content) }
        })
    }

    /// Opens the directories, and looks at what is there.
    fn begin(&mut self, seats: bool) -> Result<(), DirectoryError> {
        (self.problem, self.yields) = (None, false);
        self.stale.clear();
        self.directories.clear();
        for place in [Place::Sessions, Place::Users] {
            let leaders = self.take(place)?;
            self.yields |= leaders.iter().any(|leader| is_alive(leader));
        }
        // Others take a directory of seats for a logind that runs.
        if seats && !self.yields {
            self.take(Place::Seats).map(drop)
        } else {
            self.withdraw(&[Place::Seats], self.yields)
        }
    }

    /// Opens the directory, which is made if it is missing. Returns the leaders of the sessions of others in it.
    fn take(&mut self, place: Place) -> Result<Vec<String>, DirectoryError> {
        let mut directory = Directory::make(place)?;
        let Found { ours, leaders } = directory.look()?;
        self.stale.extend(ours.into_iter().map(|name| (place, name)));
        self.directories.push((place, directory));
        Ok(leaders)
    }

    /// Removes all that is ours from these places. Nothing is made for that.
    fn withdraw(&mut self, places: &[Place], is_for_other: bool) -> Result<(), DirectoryError> {
        for place in places {
            let mut directory = match Directory::open(*place) {
                // In a directory of somebody else there is nothing of ours.
                Err(DirectoryError::Absent(_) | DirectoryError::NotRoots(_)) => continue,
                opened => opened?,
            };
            for name in directory.look()?.ours {
                let done = directory.remove(&name);
                self.note(done);
            }
            if !is_for_other && *place == Place::Seats {
                directory.remove_itself()?;
            }
        }
        Ok(())
    }

    /// Removes what should not be there any more: all that is ours, where another manager has sessions.
    fn end(&mut self) -> Result<(), DirectoryError> {
        for (place, name) in std::mem::take(&mut self.stale) {
            if let (Place::Sessions, Ok(id)) = (place, name.parse()) {
                self.terminals.remove(SessionId::new(id));
            }
            self.at(place, |directory| directory.remove(&name))?;
        }
        Ok(())
    }

    /// Looks for terminals, and writes the ones that were found into the files.
    fn look_for_terminals(&mut self) {
        for (session, terminal) in self.terminals.look(Instant::now()) {
            let done = self.set_terminal(session, terminal.as_deref());
            self.note(done);
        }
    }

    fn set_terminal(&mut self, session: SessionId, terminal: Option<&str>) -> Result<(), DirectoryError> {
        let line = terminal.map(terminal_line).unwrap_or_default();
        let name = session.to_string();
        self.at(Place::Sessions, |directory| directory.replace_line(&name, TERMINAL, &line))
    }

    fn at(
        &mut self,
        place: Place,
        act: impl FnOnce(&mut Directory) -> Result<(), DirectoryError>,
    ) -> Result<(), DirectoryError> {
        let directory = self.directories.iter_mut().find(|(other, _)| *other == place);
        directory.map_or(Ok(()), |(_, directory)| act(directory))
    }
}

/// Whether the process of this number lives. /proc could hide it.
fn is_alive(pid: &str) -> bool {
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}
