//! What the registry is told, and what it wants done.

use super::Login;
use ck_protocol::{Event, Gid, Opened, PathText, Reply, SessionId, SessionRef, Uid, Vt};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A PAM module asks for a session.
    Open(Box<Login>),
    /// [`Effect::MakeRuntimeDir`] is done: there is a directory, or there will be none.
    RuntimeDir {
        /// Whose.
        uid: Uid,
        /// The directory.
        dir: Option<RuntimeDir>,
    },
    /// A session is over, whoever says so: its PAM module, the death of its leader, a peer that
    /// was gone before its answer, an administrator.
    End(SessionRef),
    /// The delay of [`Effect::ParkRuntimeDir`] is over.
    DelayOver(Uid),
    /// This virtual terminal is in the foreground, or none.
    Foreground(Option<Vt>),
    /// A session is to be locked by its owner's programs.
    Lock(SessionId),
    /// It is to be unlocked.
    Unlock(SessionId),
}

/// Something to be done to the outside world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make the user's runtime directory, then say [`Input::RuntimeDir`].
    MakeRuntimeDir {
        /// Whose.
        uid: Uid,
        /// The user's primary group.
        gid: Gid,
    },
    /// Take the user's runtime directory out of its place, and have it torn down.
    RetireRuntimeDir(Uid),
    /// The user has left, and may come back soon: say [`Input::DelayOver`] after the configured
    /// delay, counted from now.
    ParkRuntimeDir(Uid),
    /// Write the session down.
    Record(SessionId),
    /// Strike the session out.
    Forget(SessionId),
    /// Say [`Input::End`] when the leader dies.
    Watch(SessionId),
    /// The leader's life is of no more interest.
    Unwatch(SessionId),
    /// Tell whoever listens.
    Announce(Event),
    /// Answer the peer whose request this was.
    Reply(Reply),
    /// Tell the peer that its login is part of this session, which was there before and stays whatever
    /// becomes of the peer. Nothing is kept of such a login, so its close finds nothing to end.
    Join(Opened),
}

/// A user's runtime directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeDir {
    /// Its path.
    pub path: PathText,
    /// Whether the broker made it. One that was there before is used, and never removed.
    pub ours: bool,
}
