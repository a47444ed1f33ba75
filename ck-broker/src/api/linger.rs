//! Who keeps a runtime directory without a session.

use super::{Answer, Api};
use crate::{limits::LINGERERS, net::connection::PendingReply};
use ck_core::{
    model::{Lingerer, SessionRecord},
    policy::Action,
    registry::Input,
};
use ck_protocol::{Gid, Linger, Refusal, RefusalCode, Reply, Uid};

const NONE_MADE: &str = "runtime directories are not ck-broker's here: see kind in broker.toml(5); where logind makes them, loginctl enable-linger keeps one";
const NOT_OTHERS: &str = "only root and administrators may say who else lingers";
const NOT_WITHOUT: &str = "without a session you cannot have yourself linger: log in, or ask root";
const NO_NAME: &str = "the user has no name that can be used: give one without control characters";

impl Api<'_> {
    pub(super) fn answer_linger(&mut self, request: Linger) -> Answer {
        let answer = match request {
            Linger::List => return Answer::List(PendingReply::Lingerers(None)),
            Linger::On { uid, gid, user } => self.linger(uid, Lingerer { gid, name: user }),
            Linger::Off(uid) => self.linger_no_more(uid),
        };
        answer.unwrap_or_else(|refusal| Answer::Reply(Reply::Refused(refusal)))
    }

    fn linger(&mut self, uid: Uid, asked: Lingerer) -> Result<Answer, Refusal> {
        if uid == Uid::ROOT {
            let message = "root has no runtime directory: name another user";
            return Err(Refusal::new(RefusalCode::Invalid, message));
        }
        if self.directories.root.makes_none() {
            return Err(Refusal::new(RefusalCode::Invalid, NONE_MADE));
        }
        let lingerer = self.may_linger(uid, asked)?;
        if self.sessions.registry.lingerers() >= LINGERERS && !self.sessions.registry.lingers(uid) {
            return Err(Refusal::new(RefusalCode::Busy, "too many users linger: see ckctl linger list"));
        }
        // First: who has been told that it is on can rely on it.
        self.sessions.linger.write(uid, &lingerer).map_err(|error| failed(&error))?;
        log::info!("user {uid} lingers from now on");
        Ok(Answer::Tell(vec![Input::Linger { uid, lingerer, kept: None }], self.done(uid)))
    }

    fn linger_no_more(&mut self, uid: Uid) -> Result<Answer, Refusal> {
        if !self.requester.may(Action::Linger, Some(uid)) {
            return Err(Refusal::new(RefusalCode::NotAllowed, NOT_OTHERS));
        }
        self.sessions.linger.remove(uid).map_err(|error| failed(&error))?;
        if self.sessions.registry.lingers(uid) {
            log::info!("user {uid} does not linger any more");
        }
        Ok(Answer::Tell(vec![Input::LingerNoMore(uid)], self.done(uid)))
    }

    fn done(&self, uid: Uid) -> Reply {
        Reply::Done(u64::try_from(self.sessions.registry.sessions_of(uid).len()).unwrap_or(u64::MAX))
    }

    /// What is written down of the user. Root and administrators are believed; of others nothing is that they say of themselves. And
    /// they must have a session: of the uids that a user has in user namespaces, none has one.
    fn may_linger(&self, uid: Uid, asked: Lingerer) -> Result<Lingerer, Refusal> {
        if !self.requester.may(Action::Linger, Some(uid)) {
            return Err(Refusal::new(RefusalCode::NotAllowed, NOT_OTHERS));
        }
        let no_name = || Refusal::new(RefusalCode::Invalid, NO_NAME);
        if self.requester.uid != uid.get() {
            return asked.name.is_usable().then_some(asked).ok_or_else(no_name);
        }
        let registry = &self.sessions.registry;
        let first = registry.sessions_of(uid).first().and_then(|&id| registry.get(id));
        let not_without = || Refusal::new(RefusalCode::NotAllowed, NOT_WITHOUT);
        let SessionRecord { session, .. } = first.ok_or_else(not_without)?;
        let gid = Gid::try_from(self.groups.of_peer).map_err(|_| no_name())?;
        Ok(Lingerer { gid, name: session.user.clone() })
    }
}

fn failed(error: &impl ToString) -> Refusal {
    let message = error.to_string();
    log::error!("{message}");
    Refusal::new(RefusalCode::Failed, &message)
}
