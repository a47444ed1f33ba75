//! Bringing a session of a seat to the foreground.

use super::{Answer, Api};
use ck_core::policy::Action;
use ck_protocol::{RefusalCode, Reply, SessionId, State};

impl Api<'_> {
    pub(super) fn activate(&mut self, id: SessionId) -> Answer {
        let session = match self.permitted(Action::Activate, id) {
            Ok(record) => &record.session,
            Err(refusal) => return Answer::Reply(Reply::Refused(refusal)),
        };
        match (session.vt, session.state) {
            (None, _) => {
                let message = format!("session {id} is not on a virtual terminal: nothing to switch to");
                Answer::Reply(Reply::refused(RefusalCode::Invalid, &message))
            }
            (Some(_), State::Active) => Answer::Reply(Reply::Done(1)),
            (Some(vt), _) => match self.console.switch(vt, self.key) {
                Ok(()) => Answer::AfterSwitch,
                Err(error) => {
                    let message = format!("cannot switch to tty{}: {error}", vt.get());
                    log::error!("{message}");
                    Answer::Reply(Reply::refused(RefusalCode::Failed, &message))
                }
            },
        }
    }
}
