//! Seats: set up at the start, and bringing a session of one to the foreground.

use super::{Server, answer};
use crate::console::{Console, Switcher};
use ck_core::{model::HookEvent, policy::Action};
use ck_protocol::{RefusalCode, Reply, SessionId, ShortName, State};

impl Server {
    /// Sets the seats: the virtual terminals where there are any, and those of the
    /// configuration. Returns whether there are virtual terminals.
    pub(crate) fn seats(&mut self, configured: Vec<(ShortName, Vec<ShortName>)>, switcher: Switcher) -> bool {
        let console = self.console.insert(Console::open(self.poller.clone(), switcher));
        let (has_vts, foreground) = (console.has_vts(), console.look());
        self.sessions.registry.seats(has_vts, configured);
        let seats: Vec<_> = self.sessions.registry.shown_seats(|_| true).map(|seat| seat.id).collect();
        for seat in seats {
            self.hooks.push(HookEvent::SeatAdded(seat));
        }
        self.take(foreground);
        has_vts
    }

    /// Brings a session to the foreground, if the peer may do that.
    pub(super) fn activate(&mut self, key: u64, id: SessionId) {
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
                Some(answer::refused(RefusalCode::Invalid, &message))
            }
            (Some(_), State::Active) => Some(Reply::Done(1)),
            (Some(vt), _) => {
                self.console.as_mut().and_then(|console| console.switch(vt, key).err()).map(|error| {
                    log::error!("cannot switch to tty{}: {error}", vt.get());
                    answer::refused(
                        RefusalCode::Failed,
                        &format!("cannot switch to tty{}: {error}", vt.get()),
                    )
                })
            }
        };
        if let Some(reply) = reply {
            self.send(key, &reply);
        }
    }
}
