//! The inputs of the registry, and the effects that it returns.

use crate::model::{AuditIds, HookEvent, Lingerer, Login, RuntimeDir};
use ck_protocol::{
    EndCause, Event, Gid, Opened, Reply, Session, SessionId, SessionRef, ShortName, Uid, UserName, Vt,
};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A PAM module requests a session.
    Open(Box<Login>),
    /// [`Effect::MakeRuntimeDir`] was carried out.
    RuntimeDir {
        /// The user.
        uid: Uid,
        /// The directory, or `None` if the user gets none.
        dir: Option<RuntimeDir>,
    },
    /// A session is over.
    End(SessionRef, EndCause),
    /// The delay of [`Effect::ParkRuntimeDir`] is over.
    DelayOver(Uid),
    /// The user starts to linger.
    Linger {
        /// The user.
        uid: Uid,
        /// The name and the primary group of the user.
        lingerer: Lingerer,
        /// The directory that an earlier broker kept for the user.
        kept: Option<RuntimeDir>,
    },
    /// The user stops lingering.
    LingerNoMore(Uid),
    /// All hooks have been told that this session was added.
    HooksDone(SessionId),
    /// The files by which others see this session are written, or are not waited for any longer.
    FilesWritten(SessionId),
    /// [`Effect::ReadAuditIds`] was carried out for this session.
    AuditIds(Box<Session>, AuditIds),
    /// The login of this session waits for nothing any longer.
    WaitNoLonger(SessionId),
    /// The foreground virtual terminal has changed. `None`: it is unknown.
    Foreground(Option<Vt>),
    /// A request to lock a session, which the programs of its owner carry out.
    Lock(SessionId),
    /// A request to unlock a session.
    Unlock(SessionId),
}

/// Something that the broker has to do to the outside world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make the runtime directory of the user, then apply [`Input::RuntimeDir`].
    MakeRuntimeDir {
        /// The user.
        uid: Uid,
        /// The primary group of the user.
        gid: Gid,
    },
    /// Log that the uid belongs to another account than before. `shares`: it uses the directory all the same, as sessions of the
    /// account before are open.
    AccountChanged {
        /// The uid.
        uid: Uid,
        /// The name of the account before.
        before: UserName,
        /// The name of the account that logs in.
        now: UserName,
        /// True if both have sessions.
        shares: bool,
    },
    /// Remove the record that the user lingers.
    ForgetLinger(Uid),
    /// Take the runtime directory of the user out of its place, and queue its teardown.
    RetireRuntimeDir(Uid),
    /// Keep the runtime directory of a user who has left. Apply [`Input::DelayOver`] after the configured delay.
    ParkRuntimeDir(Uid),
    /// Write the record of the session.
    Record(SessionId),
    /// Remove the record of the session.
    Forget(SessionId),
    /// Watch the leader, and apply [`Input::End`] when it dies.
    Watch(SessionId),
    /// Stop watching the leader.
    Unwatch(SessionId),
    /// Read the ids in the audit of the session's leader, then apply [`Input::AuditIds`] at once.
    ReadAuditIds(Box<Session>),
    /// Publish the event.
    Announce(Event),
    /// Write the end of the session to the history, and publish it. The session has already left the registry.
    Ended(Box<Session>, EndCause),
    /// Send the reply to the peer whose request was the input.
    Reply(Reply),
    /// Tell the peer whose request was the input how many subscribers of the owner's the event reached that was
    /// announced last.
    ReplyTold {
        /// The owner of the session.
        uid: Uid,
        /// The name of the owner.
        user: UserName,
    },
    /// Queue the event for hooks.
    RunHooks(Box<HookEvent>),
    /// Write the files by which others see this user, the session and the seat, which have changed. If its login waits for them, apply
    /// [`Input::FilesWritten`] when they are written.
    Publish {
        /// The user.
        uid: Uid,
        /// The session, if it has changed too.
        session: Option<SessionId>,
        /// The seat, if it has changed too.
        seat: Option<ShortName>,
    },
    /// Keep the peer whose request was the input until its login waits for nothing any longer. The last input about that,
    /// such as [`Input::HooksDone`], returns the reply.
    Await(SessionId),
    /// Tell the peer that its login is part of this session. The registry keeps nothing of such a login: closing it ends
    /// nothing, and the session does not depend on the peer.
    Join(Opened),
}
