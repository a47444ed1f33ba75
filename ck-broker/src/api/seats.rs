//! Seats: set up at the start, and bringing a session of one to the foreground.

use crate::{api, broker::Broker};
use ck_core::{model::HookEvent, policy::Action};
use ck_protocol::{RefusalCode, Reply, SessionId, ShortName, State};

impl Broker {
    /// Sets the seats: the virtual terminals where there are any, and those of the
    /// configuration. Returns whether there are virtual terminals.
    pub(crate) fn seats(&mut self, configured: Vec<(ShortName, Vec<ShortName>)>) -> bool {
        let has_vts = self.console.has_vts();
        self.sessions.registry.seats(has_vts, configured);
        let seats: Vec<_> = self.sessions.registry.shown_seats(|_| true).map(|seat| seat.id).collect();
        for seat in seats {
            self.hooks.push(HookEvent::SeatAdded(seat));
        }
        let foreground = self.console.look();
        self.take(foreground);
        has_vts
    }

    /// Brings a session to the foreground, if the peer may do that.
    pub(crate) fn activate(&mut self, key: u64, id: SessionId) {
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
                Some(api::refused(RefusalCode::Invalid, &message))
            }
            (Some(_), State::Active) => Some(Reply::Done(1)),
            (Some(vt), _) => self.console.switch(vt, key).err().map(|error| {
                let message = format!("cannot switch to tty{}: {error}", vt.get());
                log::error!("{message}");
                api::refused(RefusalCode::Failed, &message)
            }),
        };
        if let Some(reply) = reply {
            self.send(key, &reply);
        }
    }
}
