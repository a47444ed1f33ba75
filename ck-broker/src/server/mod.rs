//! The loop: one thread that waits in one place, for everything at once, and nowhere else.
//!
//! What arrives goes one way: frame, request, [`Registry::apply`], effects. Nothing that is done
//! on the way can come back into the loop, and nothing waits for a peer, a child, or a file
//! system that a user controls.

mod answer;
mod connection;
mod descriptors;
mod door;
mod effects;
mod outbox;
mod restore;
mod wakeup;

pub use door::DoorError;

use crate::{
    jobs::Queue,
    registry::{Input, Registry},
    runtime_dir::RuntimeRoot,
    store::{Left, Store},
};
use ck_protocol::{RefusalCode, SessionId, SessionRef, Timestamp, Uid};
use connection::{Connection, Outbox, Peer};
use door::{Door, Listener};
use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use rustix::io::Errno;
use std::{
    collections::HashMap,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::{Duration, Instant, SystemTime},
};
use wakeup::Wakeup;

/// Connections on `admin.sock`: in all, and of one uid that is not root.
const ADMIN_CONNECTIONS: usize = 128;
const ADMIN_CONNECTIONS_PER_UID: usize = 16;
/// Connections on `session.sock`, where each is a login that is just being opened or closed.
const SESSION_CONNECTIONS: usize = 4096;
/// How many connections are accepted, or events handled, before others have their turn.
const AT_ONCE: usize = 64;
/// How long no connection is accepted after descriptors have run out.
const BREATHER: Duration = Duration::from_millis(100);

/// Why the loop cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A socket could not be opened.
    #[error(transparent)]
    Door(DoorError),
    /// Signals could not be received.
    #[error("cannot receive signals: {0}")]
    Signals(nix::errno::Errno),
    /// epoll failed.
    #[error("cannot wait for events: {0}")]
    Wait(nix::errno::Errno),
}

/// The broker at work.
#[derive(Debug)]
pub struct Server {
    epoll: Epoll,
    signals: SignalFd,
    sessions: Listener,
    admin: Listener,
    /// Set while accepting would only fail.
    accept_again: Option<Instant>,
    connections: HashMap<u64, Connection>,
    next_connection: u64,
    leaders: HashMap<SessionId, OwnedFd>,
    registry: Registry,
    store: Store,
    root: RuntimeRoot,
    jobs: Queue,
    /// How long the directory of a user who has left stays.
    stop_delay: Duration,
    /// When it goes, for those whose it is.
    parked: HashMap<Uid, Instant>,
    started_at: Timestamp,
}

impl Server {
    /// Opens the sockets in `state_dir` and takes over what an earlier broker left.
    ///
    /// # Errors
    /// [`ServerError`]
    pub fn open(
        state_dir: &Path,
        (store, left): (Store, Left),
        root: RuntimeRoot,
        jobs: Queue,
        stop_delay: Duration,
    ) -> Result<Self, ServerError> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(ServerError::Wait)?;
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGTERM);
        mask.add(Signal::SIGINT);
        mask.thread_block().map_err(ServerError::Signals)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&mask, flags).map_err(ServerError::Signals)?;
        let ours: Vec<_> = left.users.clone();
        let next = left.next_id.unwrap_or(SessionId::FIRST);
        let mut server = Self {
            registry: Registry::restore(left.sessions.clone(), |uid| ours.contains(&uid), next),
            sessions: Listener::open(Door::Session, state_dir).map_err(ServerError::Door)?,
            admin: Listener::open(Door::Admin, state_dir).map_err(ServerError::Door)?,
            accept_again: None,
            connections: HashMap::new(),
            next_connection: 0,
            leaders: HashMap::new(),
            started_at: SystemTime::now().into(),
            epoll,
            signals,
            store,
            root,
            jobs,
            stop_delay,
            parked: HashMap::new(),
        };
        if !stop_delay.is_zero() {
            server.registry.park();
        }
        server.listen().map_err(ServerError::Wait)?;
        server.take_over(&left);
        Ok(server)
    }

    /// Serves until SIGTERM or SIGINT. Sessions and their directories stay: a stop is no logout.
    ///
    /// # Errors
    /// [`ServerError::Wait`]
    pub fn serve(mut self) -> Result<(), ServerError> {
        let mut events = [EpollEvent::empty(); AT_ONCE];
        loop {
            self.catch_up();
            let count = match self.epoll.wait(&mut events, self.timeout()) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(errno) => return Err(ServerError::Wait(errno)),
            };
            for event in events.iter().take(count) {
                match Wakeup::from_data(event.data()) {
                    Wakeup::Signal => return self.stop(),
                    Wakeup::Sessions => self.accept(Door::Session),
                    Wakeup::Admin => self.accept(Door::Admin),
                    Wakeup::Connection(key) => self.serve_connection(key),
                    Wakeup::Leader(id) => self.end(SessionRef::Id(id)),
                    Wakeup::Worker(id) => self.jobs.reap(id, Instant::now()),
                }
            }
        }
    }

    /// Does what time or the last events have made due.
    fn catch_up(&mut self) {
        let now = Instant::now();
        if self.accept_again.is_some_and(|again| again <= now) {
            self.accept_again = None;
            if let Err(errno) = self.listen() {
                log::error!("cannot listen again: {errno}");
                self.accept_again = Some(now + BREATHER);
            }
        }
        let overdue = self.connections.iter().filter(|(_, connection)| connection.deadline <= now);
        for key in overdue.map(|(&key, _)| key).collect::<Vec<_>>() {
            self.drop_connection(key);
        }
        let over = self.parked.iter().filter(|(_, due)| **due <= now).map(|(&uid, _)| uid);
        for uid in over.collect::<Vec<_>>() {
            self.parked.remove(&uid);
            self.apply(Input::DelayOver(uid), None);
        }
        self.jobs.tend_overdue(now);
        self.start_jobs(now);
        for event in self.jobs.take_news() {
            log::info!("{event}");
        }
    }

    /// How long nothing is due. Without anything to wait for, for ever: idle means idle.
    fn timeout(&self) -> EpollTimeout {
        let connections = self.connections.values().map(|connection| connection.deadline);
        let parked = self.parked.values().copied();
        let due = connections.chain(parked).chain(self.accept_again).chain(self.jobs.next_deadline());
        let Some(next) = due.min() else {
            return EpollTimeout::NONE;
        };
        // One more, as what is left of the last millisecond would be a busy loop.
        let millis = next.saturating_duration_since(Instant::now()).as_millis() + 1;
        EpollTimeout::try_from(millis).unwrap_or(EpollTimeout::MAX)
    }

    /// Has both doors and the signals watched.
    fn listen(&self) -> nix::Result<()> {
        watch(&self.epoll, &self.signals, Wakeup::Signal, EpollFlags::EPOLLIN)?;
        watch(&self.epoll, &self.sessions, Wakeup::Sessions, EpollFlags::EPOLLIN)?;
        watch(&self.epoll, &self.admin, Wakeup::Admin, EpollFlags::EPOLLIN)
    }

    fn unwatch(&self, source: impl AsFd) {
        if let Err(errno) = self.epoll.delete(source.as_fd()) {
            log::error!("cannot stop watching a descriptor: {errno}");
        }
    }

    fn accept(&mut self, door: Door) {
        for _ in 0..AT_ONCE {
            let listener = if door == Door::Session { &self.sessions } else { &self.admin };
            match listener.accept() {
                Ok(Some(socket)) => self.welcome(socket, door),
                Ok(None) => return,
                Err(errno) => return self.pause_accepting(errno),
            }
        }
    }

    /// Stops accepting for a while: a listener that stays readable would wake us at once again.
    fn pause_accepting(&mut self, errno: Errno) {
        log::warn!("cannot accept connections: {errno}; trying again in {} ms", BREATHER.as_millis());
        self.unwatch(&self.sessions);
        self.unwatch(&self.admin);
        self.accept_again = Some(Instant::now() + BREATHER);
    }

    fn welcome(&mut self, socket: OwnedFd, door: Door) {
        let peer = match Peer::of(&socket, door) {
            Ok(peer) => peer,
            Err(why) => {
                log::warn!("connection refused: {why}");
                return answer::turn_away(&socket, RefusalCode::NotAllowed, &why.to_string());
            }
        };
        if !self.has_room(door, peer.uid) {
            log::debug!("connection of uid {} refused: too many", peer.uid);
            return answer::turn_away(&socket, RefusalCode::Busy, "too many connections: try again later");
        }
        let connection = Connection::new(socket, door, peer, Instant::now());
        let key = self.next_connection;
        self.next_connection += 1;
        if let Err(errno) = watch(&self.epoll, &connection, Wakeup::Connection(key), EpollFlags::EPOLLIN) {
            return log::error!("cannot watch a connection: {errno}");
        }
        self.connections.insert(key, connection);
    }

    /// Whether one more connection of the uid may come through the door. Each has its own room,
    /// so nothing that is done on `admin.sock` keeps a login out.
    fn has_room(&self, door: Door, uid: u32) -> bool {
        let here = || self.connections.values().filter(|other| other.door == door);
        match door {
            Door::Session => here().count() < SESSION_CONNECTIONS,
            Door::Admin if here().count() >= ADMIN_CONNECTIONS => false,
            Door::Admin => {
                uid == 0 || here().filter(|other| other.peer.uid == uid).count() < ADMIN_CONNECTIONS_PER_UID
            }
        }
    }

    /// Forgets a connection. Closing its descriptor would take it out of epoll only once every copy
    /// is closed, and a worker that is just being started has one until its program runs.
    fn drop_connection(&mut self, key: u64) {
        if let Some(connection) = self.connections.remove(&key) {
            self.unwatch(connection);
        }
    }

    /// Watches a connection for what can bring it forward.
    fn rearm(&self, key: u64) {
        let Some(connection) = self.connections.get(&key) else { return };
        let flags = match connection.outbox {
            Outbox::Empty => EpollFlags::EPOLLIN,
            _ => EpollFlags::EPOLLOUT,
        };
        if let Err(errno) = watch(&self.epoll, connection, Wakeup::Connection(key), flags) {
            log::error!("cannot watch a connection: {errno}");
        }
    }

    fn stop(self) -> Result<(), ServerError> {
        self.sessions.close();
        self.admin.close();
        if let Err(error) = self.store.settle(self.registry.next_id()) {
            log::error!("{error}");
        }
        log::info!("stopped; {} sessions stay as they are", self.registry.sessions());
        Ok(())
    }
}

/// Has `source` watched; one that is watched already, for `flags` from now on.
fn watch(epoll: &Epoll, source: impl AsFd, wakeup: Wakeup, flags: EpollFlags) -> nix::Result<()> {
    let mut event = EpollEvent::new(flags, wakeup.to_data());
    match epoll.add(source.as_fd(), event) {
        Err(nix::errno::Errno::EEXIST) => epoll.modify(source.as_fd(), &mut event),
        added => added,
    }
}
