//! The virtual terminals: which one is in the foreground, and having another one there.

use super::{Server, answer, unwatch, wakeup::Wakeup, watch};
use crate::{console::Console, process};
use ck_core::{model::HookEvent, policy::Action, registry::Input};
use ck_protocol::{RefusalCode, Reply, SessionId, ShortName, State, Vt, limits, printable};
use nix::sys::epoll::EpollFlags;
use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::read,
};
use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
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

    fn start(&self, vt: Vt) -> io::Result<Child> {
        let mut command = Command::new(&self.0);
        command.arg(vt.get().to_string()).env_clear().current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    }
}

/// A switch that is under way.
#[derive(Debug)]
pub(super) struct Switch {
    child: Child,
    pidfd: OwnedFd,
    /// Who waits for the answer.
    pub(super) peer: u64,
    /// When it is killed; `None` if it was.
    due: Option<Instant>,
}

impl Switch {
    fn new(mut child: Child, peer: u64, now: Instant) -> io::Result<Self> {
        let pid = i32::try_from(child.id()).ok().and_then(|pid| pid.try_into().ok());
        match pid.ok_or_else(|| io::ErrorKind::InvalidData.into()).and_then(process::by_pid) {
            Ok(pidfd) => Ok(Self { child, pidfd, peer, due: Some(now + PATIENCE) }),
            Err(error) => {
                // What cannot be heard of is not to run. Whether it could be killed changes nothing.
                let _ = child.kill();
                Err(error)
            }
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }
}

/// What a program that has ended complained about: one line of ours, if it printed one.
fn complaint(child: &mut Child) -> Option<String> {
    let output = child.stderr.take()?;
    // Who has a copy of its end, such as a worker that is just being started, is not waited for.
    fcntl_setfl(&output, OFlags::NONBLOCK).ok()?;
    let mut buffer = [0; limits::MESSAGE];
    let length = read(&output, &mut buffer[..]).ok()?;
    let line = String::from_utf8_lossy(buffer.get(..length)?);
    let line = printable(line.trim()).to_string();
    (!line.is_empty()).then_some(line)
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
        let switch = Switch::new(switcher.start(vt)?, peer, Instant::now())?;
        // Once: a worker that is just being started has a copy of this pidfd.
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
        watch(&self.epoll, &switch.pidfd, Wakeup::Switch, flags)?;
        self.switch = Some(switch);
        Ok(())
    }

    /// The program has ended: answers who waits.
    pub(super) fn end_switch(&mut self) {
        let Some(mut switch) = self.switch.take() else { return };
        let reply = match switch.child.try_wait() {
            Ok(None) => {
                self.switch = Some(switch);
                return;
            }
            Ok(Some(status)) if status.success() => Reply::Done(1),
            Ok(Some(status)) => {
                let why = complaint(&mut switch.child)
                    .unwrap_or_else(|| format!("cannot switch: ck-switch-vt: {status}"));
                log::error!("{why}");
                answer::refused(RefusalCode::Failed, &why)
            }
            Err(error) => answer::refused(RefusalCode::Failed, &format!("cannot switch: {error}")),
        };
        unwatch(&self.epoll, &switch.pidfd);
        self.send(switch.peer, &reply);
    }

    /// Kills a program that takes too long. If not even that ends it, there is no other switch until it does.
    pub(super) fn tend_switch(&mut self, now: Instant) {
        let Some(switch) = self.switch.as_mut().filter(|switch| switch.due.is_some_and(|due| due <= now))
        else {
            return;
        };
        switch.due = None;
        log::error!("ck-switch-vt takes too long, and is killed");
        // One that has ended meanwhile is no matter: its end comes as an event.
        let _ = switch.child.kill();
    }
}
