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

    /// Stops watching `source`.
    pub(crate) fn unwatch(&self, source: impl AsFd) {
        if let Err(errno) = self.take_out(source) {
            log::error!("cannot stop watching a descriptor: {errno}");
        }
    }

    /// A source that is not watched, such as a listener that was taken out before, is no error.
    fn take_out(&self, source: impl AsFd) -> nix::Result<()> {
        match self.0.delete(source.as_fd()) {
            Err(Errno::ENOENT) => Ok(()),
            taken => taken,
        }
    }
}

impl AsFd for Poller {
    /// Readable while a source of the set is ready: sets can be nested.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_listener_may_be_taken_out_twice_and_put_in_again() {
        let path = std::env::temp_dir().join(format!("ck-broker-poller-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let poller = Poller::new().unwrap();
        for _ in 0..2 {
            poller.watch(&listener, Token::Accept(Endpoint::Admin), EpollFlags::EPOLLIN).unwrap();
            poller.watch(&listener, Token::Accept(Endpoint::Admin), EpollFlags::EPOLLIN).unwrap();
            assert_eq!((poller.take_out(&listener), poller.take_out(&listener)), (Ok(()), Ok(())));
        }
        // What can never be watched is another matter.
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert_eq!(poller.take_out(&file), Err(Errno::EPERM));
    }
}
