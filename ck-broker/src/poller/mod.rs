//! Waits for descriptors: an epoll set that components share.

mod token;

pub use token::RunId;
pub(crate) use token::{Endpoint, Token};

use nix::{
    errno::Errno,
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};
use std::{
    os::fd::{AsFd, BorrowedFd},
    rc::Rc,
};

/// An epoll set. A clone is the same set.
#[derive(Clone, Debug)]
pub(crate) struct Poller(Rc<Epoll>);

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// epoll_create1(2)
    pub(crate) fn new() -> nix::Result<Self> {
        Ok(Self(Rc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?)))
    }

    /// Waits until a source is ready, or until `timeout`. Returns at most `N` tokens. A signal ends the wait without any.
    ///
    /// # Errors
    /// epoll_wait(2)
    pub(crate) fn wait<const N: usize>(
        &self,
        timeout: EpollTimeout,
    ) -> nix::Result<impl Iterator<Item = Token> + use<N>> {
        let mut events = [EpollEvent::empty(); N];
        let count = match self.0.wait(&mut events, timeout) {
            Err(Errno::EINTR) => 0,
            waited => waited?,
        };
        Ok(events.into_iter().take(count).map(|event| Token::from_data(event.data())))
    }

    /// Watches `source` for `flags`. A source that is watched already is watched for these flags from now on.
    ///
    /// # Errors
    /// epoll_ctl(2)
    pub(crate) fn watch(&self, source: impl AsFd, token: Token, flags: EpollFlags) -> nix::Result<()> {
        let mut event = EpollEvent::new(flags, token.to_data());
        match self.0.add(source.as_fd(), event) {
            Err(Errno::EEXIST) => self.0.modify(source.as_fd(), &mut event),
            added => added,
        }
    }

    /// Watches `source` until it is readable once. An error is logged; then the owner notices the event at its next deadline.
    ///
    /// A child that is just being started has a copy of every descriptor until it executes its program. Such a copy would
    /// go on reporting events after the descriptor is closed here.
    pub(crate) fn watch_once(&self, source: impl AsFd, token: Token) {
        if let Err(errno) = self.watch(source, token, EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT) {
            log::error!("cannot watch {token:?}: {errno}");
        }
    }

    /// Stops watching `source`. A source that is not watched, such as a listener that was taken out before, is no error.
    pub(crate) fn unwatch(&self, source: impl AsFd) {
        match self.0.delete(source.as_fd()) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => log::error!("cannot stop watching a descriptor: {errno}"),
        }
    }
}

impl AsFd for Poller {
    /// Readable while a source of the set is ready: sets can be nested.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}
