//! The publisher: a process of the broker's that writes the files. Whoever holds the lock of one of the directories holds
//! it up, and nobody else.

use super::{
    directory::{Directory, DirectoryError, Found},
    packet::{self, Answer, Order, Place, State},
};
use crate::privileges;
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
};

/// The longest packet that is read: a file of a user with as many sessions as there can be.
const LONGEST: usize = 1 << 20;

/// Carries out what comes by the socket on standard input, until its other end is closed. `lock` is a file that only one of us
/// may lock.
///
/// # Errors
/// Those of open(2) and flock(2) for the lock, and of recv(2)
pub fn run(lock: &Path) -> io::Result<()> {
    // One that an earlier broker has left may be in the middle of a file: it ends with that.
    let _lock = only_one(lock)?;
    if let Err(error) = privileges::drop_all() {
        log::warn!("the publisher keeps more privileges than it needs: {error}");
    }
    umask(Mode::from_raw_mode(0o022));
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let mut publisher = Publisher::default();
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = match retry_on_intr(|| recv(&socket, &mut buffer[..], RecvFlags::empty())) {
            Ok((0, _)) | Err(Errno::CONNRESET) => return Ok(()),
            Ok((length, _)) => length,
            Err(errno) => return Err(errno.into()),
        };
        let Some((number, orders)) = packet::read(buffer.get(..length).unwrap_or_default()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        for order in orders {
            if is_left_alone(&socket) {
                return Ok(());
            }
            publisher.obey(order);
        }
        let answer = Answer { number, state: publisher.state() };
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

/// Both directories, and what is wrong.
#[derive(Debug, Default)]
struct Publisher {
    directories: Vec<(Place, Directory)>,
    /// Our files that no order has named since [`Order::Begin`].
    stale: HashSet<(Place, String)>,
    yields: bool,
    /// What could not be done, for each file.
    problem: Option<String>,
}

impl Publisher {
    fn state(&self) -> State {
        match &self.problem {
            _ if self.yields => State::Yields,
            Some(problem) => State::Problem(problem.clone()),
            None => State::Well,
        }
    }

    fn obey(&mut self, order: Order) {
        let done = match order {
            Order::Begin => self.begin(),
            Order::End => self.end(),
            Order::Withdraw => self.withdraw(),
            _ if self.yields => return,
            Order::Put(name, content) => {
                let file = name.number.to_string();
                self.stale.remove(&(name.place, file.clone()));
                self.at(name.place, |directory| directory.put(&file, &content))
            }
            Order::Remove(name) => {
                self.at(name.place, |directory| directory.remove(&name.number.to_string()))
            }
        };
        match done {
            Ok(()) => {}
            // The first is most often the cause of the others.
            Err(error) => drop(self.problem.get_or_insert_with(|| error.to_string())),
        }
    }

    /// Opens the directories, and looks at what is there.
    fn begin(&mut self) -> Result<(), DirectoryError> {
        (self.problem, self.yields) = (None, false);
        self.stale.clear();
        self.directories.clear();
        for place in Place::ALL {
            let mut directory = Directory::make(place)?;
            let Found { ours, leaders } = directory.look()?;
            self.yields |= leaders.iter().any(|leader| is_alive(leader));
            self.stale.extend(ours.into_iter().map(|name| (place, name)));
            self.directories.push((place, directory));
        }
        Ok(())
    }

    /// Removes all that is ours. Nothing is made for that.
    fn withdraw(&mut self) -> Result<(), DirectoryError> {
        (self.problem, self.yields) = (None, false);
        for place in Place::ALL {
            let mut directory = match Directory::open(place) {
                Err(DirectoryError::Absent(_)) => continue,
                opened => opened?,
            };
            for name in directory.look()?.ours {
                directory.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Removes what should not be there any more: all that is ours, where another manager has sessions.
    fn end(&mut self) -> Result<(), DirectoryError> {
        for (place, name) in std::mem::take(&mut self.stale) {
            self.at(place, |directory| directory.remove(&name))?;
        }
        Ok(())
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
