//! What the registry is told, and what it wants done.

use super::Login;
use crate::hooks::Occasion;
use ck_protocol::{Event, Gid, Opened, PathText, Reply, Session, SessionId, SessionRef, Uid, UserName, Vt};

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
    /// From now on the user keeps a runtime directory without a session.
    Linger {
        /// Whose.
        uid: Uid,
        /// Whom the directory belongs to besides, and what its user is called.
        lingerer: Lingerer,
        /// The one that is there already: an earlier broker kept it.
        kept: Option<RuntimeDir>,
    },
    /// From now on the user does not.
    LingerNoMore(Uid),
    /// All hooks have been told that this session was added.
    HooksDone(SessionId),
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
    /// Write down that this session, out of the table by now, has ended.
    Ended(Box<Session>),
    /// Answer the peer whose request this was.
    Reply(Reply),
    /// Have hooks told, some time later.
    RunHooks(Box<Occasion>),
    /// The peer whose request this was is answered when hooks have been told of its session: keep it
    /// until after [`Input::HooksDone`].
    Await(SessionId),
    /// Tell the peer that its login is part of this session, which was there before and stays whatever
    /// becomes of the peer. Nothing is kept of such a login, so its close finds nothing to end.
    Join(Opened),
}

/// A user who lingers: keeps a runtime directory without a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lingerer {
    /// The user's primary group.
    pub gid: Gid,
    /// The user's name.
    pub name: UserName,
}

/// A user's runtime directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeDir {
    /// Its path.
    pub path: PathText,
    /// Whether the broker made it. One that was there before is used, and never removed.
    pub ours: bool,
}
