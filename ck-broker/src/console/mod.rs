//! The virtual terminals: the one in the foreground, and switching to another one.

mod activate;
mod foreground;
pub mod switch;

pub use activate::{ActivateError, activate};

use crate::{
    component::{Component, Outcome},
    config::Settings,
    limits::Limits,
    poller::{Poller, Token},
};
use ck_core::registry::Input;
use ck_protocol::{RefusalCode, Reply, Vt};
use foreground::Foreground;
use nix::sys::epoll::EpollFlags;
use std::{io, time::Instant};
use switch::Switch;

/// The component.
#[derive(Debug)]
pub(crate) struct Console {
    poller: Poller,
    /// `None` on a machine without virtual terminals.
    foreground: Option<Foreground>,
    switch: Option<Switch>,
}

impl Console {
    /// Opens the virtual terminals, if there are any.
    pub(crate) fn open(poller: Poller) -> Self {
        let foreground = Foreground::open();
        if let Some(foreground) = &foreground {
            // A file that tells nobody of its changes still counts with what it says now.
            let flags = EpollFlags::EPOLLPRI | EpollFlags::EPOLLERR;
            if let Err(errno) = poller.watch(foreground, Token::Foreground, flags) {
                log::warn!("cannot watch which virtual terminal is in the foreground: {errno}");
            }
        }
        Self { poller, foreground, switch: None }
    }

    /// Whether there are virtual terminals.
    pub(crate) fn has_vts(&self) -> bool {
        self.foreground.is_some()
    }

    /// Reads which virtual terminal is in the foreground.
    pub(crate) fn look(&self) -> Option<Outcome> {
        let file = self.foreground.as_ref()?;
        let vt = file.read().unwrap_or_else(|error| {
            log::error!("cannot read which virtual terminal is in the foreground: {error}");
            // It would report an event again and again.
            self.poller.unwatch(file);
            None
        });
        Some(Outcome::Input(Input::Foreground(vt)))
    }

    /// Starts to switch to `vt`. The peer is answered when that has ended.
    ///
    /// # Errors
    /// For people; then nothing is under way.
    pub(crate) fn switch(&mut self, vt: Vt, peer: u64) -> io::Result<()> {
        if self.switch.is_some() {
            return Err(io::Error::other("another switch is under way: try again"));
        }
        let switch = Switch::start(vt, peer, Instant::now())?;
        self.poller.watch_once(&switch, Token::Switch);
        self.switch = Some(switch);
        Ok(())
    }

    /// Replies to the peer, if the process has ended.
    fn end_switch(&mut self) -> Option<Outcome> {
        let outcome = self.switch.as_mut()?.outcome()?;
        let switch = self.switch.take()?;
        self.poller.unwatch(&switch);
        let reply = match outcome {
            Ok(()) => Reply::Done(1),
            Err(why) => {
                log::error!("{why}");
                Reply::refused(RefusalCode::Failed, &why)
            }
        };
        Some(Outcome::Reply(switch.peer, reply))
    }
}

impl Component for Console {
    fn ready(&mut self, token: Token, _: Instant) -> Vec<Outcome> {
        let outcome = match token {
            Token::Foreground => self.look(),
            Token::Switch => self.end_switch(),
            _ => None,
        };
        outcome.into_iter().collect()
    }

    fn next_deadline(&self, _: Instant) -> Option<Instant> {
        self.switch.as_ref().and_then(Switch::deadline)
    }

    fn expire(&mut self, now: Instant) -> Vec<Outcome> {
        if self.next_deadline(now).is_none_or(|due| due > now) {
            return Vec::new();
        }
        // It may have ended unnoticed, if it could not be watched.
        let ended = self.end_switch();
        if let Some(switch) = &mut self.switch {
            switch.expire(now);
        }
        ended.into_iter().collect()
    }

    /// Seats count from the next start on, as sessions are attached to them.
    fn reconfigure(&mut self, _: &Settings, _: &Limits) {}
}
