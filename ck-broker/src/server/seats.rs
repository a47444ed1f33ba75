//! The virtual terminals: which one is in the foreground, and having another one there.

use super::{Server, answer, unwatch, wakeup::Wakeup, watch};
use crate::{
    console::Console,
    sys::{Caught, Child, Deadline, Expired, Program},
};
use ck_core::{model::HookEvent, policy::Action, registry::Input};
use ck_protocol::{RefusalCode, Reply, SessionId, ShortName, State, Vt, limits, printable};
use nix::sys::epoll::EpollFlags;
use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long the program may take that asks the kernel to switch: less than `ckctl` waits for the answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// The program that asks the kernel to switch.
#[derive(Debug)]
pub struct Switcher(PathBuf);

impl Switcher {
    /// The program as it is installed beside the broker's own, `broker`, or built.
    #[must_use]
    pub fn beside(broker: &Path) -> Self {
        let folder = broker.parent().unwrap_or(Path::new("/"));
        let installed = folder.with_file_name("libexec").join("ck/ck-switch-vt");
        let built = folder.join("ck-switch-vt");
        Self(if built.is_file() { built } else { installed })
    }

    fn start(&self, vt: Vt, peer: u64, now: Instant) -> io::Result<Switch> {
        let caught = Caught::new()?;
        let program = Program::new(&self.0).arg(vt.get().to_string()).stderr(caught.writer()?);
        let child = program.start().map_err(io::Error::other)?;
        Ok(Switch { child: child.with_deadline(Deadline::kill(now + PATIENCE)), caught, peer })
    }
}

/// A switch that is under way.
#[derive(Debug)]
pub(super) struct Switch {
    child: Child,
    /// Its standard error.
    caught: Caught,
    /// Who waits for the answer.
    pub(super) peer: u64,
}

impl Switch {
    pub(super) fn due(&self) -> Option<Instant> {
        self.child.deadline()
    }

    /// What it complained about: one line of ours, if it printed one.
    fn complaint(&self) -> Option<String> {
        let line = printable(self.caught.text(limits::MESSAGE).trim()).to_string();
        (!line.is_empty()).then_some(line)
    }
}

impl Server {
    /// From now on, these are the seats: the virtual terminals where there are any, and those of the
    /// configuration. Returns whether there are virtual terminals.
    pub fn seats(&mut self, configured: Vec<(ShortName, Vec<ShortName>)>, switcher: Switcher) -> bool {
        self.console = Console::open();
        self.switcher = Some(switcher);
        self.registry.seats(self.console.is_some(), configured);
        if let Some(console) = &self.console {
            // Of a file whose changes nobody is told, at least what it says now counts.
            let flags = EpollFlags::EPOLLPRI | EpollFlags::EPOLLERR;
            if let Err(errno) = watch(&self.epoll, console, Wakeup::Console, flags) {
                log::warn!("cannot watch which virtual terminal is in the foreground: {errno}");
            }
        }
        let seats: Vec<_> = self.registry.shown_seats(|_| true).map(|seat| seat.id).collect();
        for seat in seats {
            self.run_hooks(HookEvent::SeatAdded(seat));
        }
        self.look_at_console();
        self.console.is_some()
    }

    /// Sees which virtual terminal is in the foreground.
    pub(super) fn look_at_console(&mut self) {
        let Some(console) = &self.console else { return };
        let foreground = console.foreground().unwrap_or_else(|error| {
            log::error!("cannot read which virtual terminal is in the foreground: {error}");
            // It would go on waking us.
            unwatch(&self.epoll, console);
            None
        });
        self.apply(Input::Foreground(foreground), None);
    }

    /// Brings a session to the foreground, if the peer may do that.
    pub(super) fn activate(&mut self, key: u64, id: SessionId) {
        let session = match self.permitted(key, Action::Activate, id) {
            Ok(record) => &record.session,
            Err(refusal) => {
                self.send(key, &Reply::Refused(refusal));
                return;
            }
        };
        let reply = match (session.vt, session.state) {
            (None, _) => {
                let message = format!("session {id} is not on a virtual terminal: nothing to switch to");
                Some(answer::refused(RefusalCode::Invalid, &message))
            }
            (Some(_), State::Active) => Some(Reply::Done(1)),
            (Some(vt), _) => self.start_switch(key, vt).err().map(|error| {
                log::error!("cannot switch to tty{}: {error}", vt.get());
                answer::refused(RefusalCode::Failed, &format!("cannot switch to tty{}: {error}", vt.get()))
            }),
        };
        if let Some(reply) = reply {
            self.send(key, &reply);
        }
    }

    /// Starts the program that asks for it; the peer is answered when that has ended.
    fn start_switch(&mut self, peer: u64, vt: Vt) -> io::Result<()> {
        if self.switch.is_some() {
            return Err(io::Error::other("another switch is under way: try again"));
        }
        let switcher = self.switcher.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let switch = switcher.start(vt, peer, Instant::now())?;
        // Once: a worker that is just being started has a copy of this pidfd.
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
        watch(&self.epoll, &switch.child, Wakeup::Switch, flags)?;
        self.switch = Some(switch);
        Ok(())
    }

    /// The program has ended: answers who waits.
    pub(super) fn end_switch(&mut self) {
        let Some(mut switch) = self.switch.take() else { return };
        let reply = match switch.child.status() {
            None => {
                self.switch = Some(switch);
                return;
            }
            Some(status) if status.success() => Reply::Done(1),
            Some(status) => {
                let why =
                    switch.complaint().unwrap_or_else(|| format!("cannot switch: ck-switch-vt: {status}"));
                log::error!("{why}");
                answer::refused(RefusalCode::Failed, &why)
            }
        };
        unwatch(&self.epoll, &switch.child);
        self.send(switch.peer, &reply);
    }

    /// Kills a program that takes too long. If not even that ends it, there is no other switch until it does.
    pub(super) fn tend_switch(&mut self, now: Instant) {
        if self.switch.as_mut().and_then(|switch| switch.child.expire(now)) == Some(Expired::Killed) {
            log::error!("ck-switch-vt takes too long, and is killed");
        }
    }
}
