//! Who keeps a runtime directory without a session.

use super::{Server, answer::refused, connection::Outbox, limits::LINGERERS};
use ck_core::{
    model::{Lingerer, SessionRecord},
    policy::Action,
    registry::Input,
};
use ck_protocol::{Gid, Linger, RefusalCode, Reply, Uid};

impl Server {
    /// Answers a request about lingering.
    pub(super) fn answer_linger(&mut self, key: u64, request: Linger) {
        let reply = match request {
            Linger::List => return self.start_list(key, Outbox::Lingerers(None)),
            Linger::On { uid, gid, user } => self.linger(key, uid, Lingerer { gid, name: user }),
            Linger::Off(uid) => self.linger_no_more(key, uid),
        };
        self.send(key, &reply);
    }

    /// Lets those linger who did before the broker was started. A directory that is claimed and there was theirs
    /// all the time, and what runs without a session may use it.
    pub(super) fn linger_again(&mut self) {
        for (uid, lingerer) in self.sessions.linger.read(LINGERERS) {
            let kept = self.directories.kept(uid);
            if kept.is_some() {
                self.directories.adopt(uid);
            }
            self.apply(Input::Linger { uid, lingerer, kept }, None);
        }
    }

    fn linger(&mut self, key: u64, uid: Uid, asked: Lingerer) -> Reply {
        if uid == Uid::ROOT {
            return refused(RefusalCode::Invalid, "root has no runtime directory: name another user");
        }
        if self.directories.root.makes_none() {
            return refused(RefusalCode::Invalid, NONE_MADE);
        }
        let lingerer = match self.may_linger(key, uid, asked) {
            Ok(lingerer) => lingerer,
            Err((code, message)) => return refused(code, message),
        };
        if self.sessions.registry.lingerers() >= LINGERERS && !self.sessions.registry.lingers(uid) {
            return refused(RefusalCode::Busy, "too many users linger: see ckctl linger list");
        }
        // First: who has been told that it is on can rely on it.
        if let Err(error) = self.sessions.linger.write(uid, &lingerer) {
            log::error!("{error}");
            return refused(RefusalCode::Failed, &error.to_string());
        }
        log::info!("user {uid} lingers from now on");
        self.apply(Input::Linger { uid, lingerer, kept: None }, None);
        self.done(uid)
    }

    fn linger_no_more(&mut self, key: u64, uid: Uid) -> Reply {
        if !self.is_own(key, uid) {
            return refused(RefusalCode::NotAllowed, NOT_OTHERS);
        }
        if let Err(error) = self.sessions.linger.remove(uid) {
            log::error!("{error}");
            return refused(RefusalCode::Failed, &error.to_string());
        }
        if self.sessions.registry.lingers(uid) {
            log::info!("user {uid} does not linger any more");
        }
        self.apply(Input::LingerNoMore(uid), None);
        self.done(uid)
    }

    fn done(&self, uid: Uid) -> Reply {
        Reply::Done(u64::try_from(self.sessions.registry.sessions_of(uid).len()).unwrap_or(u64::MAX))
    }

    /// Whether the peer may say who lingers, for this user.
    fn is_own(&self, key: u64, uid: Uid) -> bool {
        self.requester(key).may(Action::Linger, Some(uid))
    }

    /// What is written down of the user. Root is believed; of others nothing is that they say of themselves. And
    /// they must have a session: of the uids that a user has in user namespaces, none has one.
    fn may_linger(
        &self,
        key: u64,
        uid: Uid,
        asked: Lingerer,
    ) -> Result<Lingerer, (RefusalCode, &'static str)> {
        let peer = self.connections.get(&key).map(|connection| &connection.peer);
        let peer = peer.filter(|_| self.is_own(key, uid)).ok_or((RefusalCode::NotAllowed, NOT_OTHERS))?;
        // Administrators are believed as well; who asks for themself could name any group.
        if peer.uid != uid.get() {
            return is_name(asked.name.as_str()).then_some(asked).ok_or((RefusalCode::Invalid, NO_NAME));
        }
        let first =
            self.sessions.registry.sessions_of(uid).first().and_then(|&id| self.sessions.registry.get(id));
        let SessionRecord { session, .. } = first.ok_or((RefusalCode::NotAllowed, NOT_WITHOUT))?;
        let gid = Gid::try_from(peer.gid).map_err(|_| (RefusalCode::Invalid, NO_NAME))?;
        Ok(Lingerer { gid, name: session.user.clone() })
    }
}

const NONE_MADE: &str = "runtime directories are not ck-broker's here: see kind in broker.toml(5); where logind makes them, loginctl enable-linger keeps one";
const NOT_OTHERS: &str = "only root and administrators may say who else lingers";
const NOT_WITHOUT: &str = "without a session you cannot have yourself linger: log in, or ask root";
const NO_NAME: &str = "the user has no name that can be used: give one without control characters";

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control)
}
