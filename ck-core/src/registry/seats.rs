//! Seats, their sessions, and which session is active.
//!
//! `seat0` has the virtual terminals of the kernel. A session on it is active while its terminal is in the foreground.
//! The active session of the seat is the first one that was opened on that terminal: the login. A configured seat has no
//! foreground that could be read. Its active session is the one that was opened last.

use super::{Effect, Registry, slots::Slots};
use crate::model::SessionRecord;
use ck_protocol::{Event, Seat, Session, SessionId, ShortName, State, Text, Vt};
use std::collections::BTreeSet;

/// The name of the seat that has the virtual terminals.
const VTS: &str = "seat0";

#[derive(Debug)]
struct SeatRecord {
    name: ShortName,
    /// The terminals of a configured seat. Virtual terminals are not listed.
    ttys: Vec<ShortName>,
    has_vts: bool,
    sessions: BTreeSet<SessionId>,
    active: Option<SessionId>,
}

/// All seats. They do not change while the broker runs.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: Vec<SeatRecord>,
    foreground: Option<Vt>,
}

impl Seats {
    /// Sets the seat of a new session, by its virtual terminal or by another terminal.
    pub(super) fn place(&self, session: &mut Session) {
        let at = |seat: &&SeatRecord| match (&session.tty, session.vt) {
            (_, Some(_)) => seat.has_vts,
            (Some(tty), None) if session.remote_host.is_none() => seat.ttys.contains(tty),
            _ => false,
        };
        session.seat = self.seats.iter().find(at).map(|seat| seat.name.clone());
        session.vt = session.vt.filter(|_| session.seat.is_some());
    }

    fn position(&self, session: &Session) -> Option<usize> {
        let name = session.seat.as_ref()?;
        self.seats.iter().position(|seat| seat.name == *name)
    }
}

impl SeatRecord {
    /// The session that should be active.
    fn choose_active(&self, foreground: Option<Vt>, slots: &Slots) -> Option<SessionId> {
        if !self.has_vts {
            return self.sessions.last().copied();
        }
        let is_front = |id: &SessionId| slots.get(*id).is_some_and(|record| record.session.vt == foreground);
        foreground.and_then(|_| self.sessions.iter().copied().find(is_front))
    }
}

impl Registry {
    /// Sets the seats: `seat0` if there are virtual terminals, and the configured seats with their terminals. Restored
    /// sessions are attached to their seats.
    pub fn seats(&mut self, has_vts: bool, configured: Vec<(ShortName, Vec<ShortName>)>) {
        let vts = has_vts.then(|| (Text::clipped(VTS), Vec::new()));
        let seat = |(name, ttys): (ShortName, Vec<ShortName>)| {
            let has_vts = name.as_str() == VTS;
            SeatRecord { name, ttys, has_vts, sessions: BTreeSet::new(), active: None }
        };
        self.seats.seats = vts.into_iter().chain(configured).map(seat).collect();
        for id in self.from(SessionId::FIRST).map(|record| record.session.id).collect::<Vec<_>>() {
            let Some(record) = self.slots.get_mut(id) else { continue };
            self.seats.place(&mut record.session);
            self.attach(id);
        }
    }

    /// The seats as others see them, in a fixed order. Sessions that are not `visible` are left out.
    pub fn shown_seats(&self, visible: impl Fn(&Session) -> bool) -> impl Iterator<Item = Seat> {
        self.seats.seats.iter().map(move |seat| {
            let sees = |id: &SessionId| self.slots.get(*id).is_some_and(|record| visible(&record.session));
            Seat {
                id: seat.name.clone(),
                active: seat.active.filter(sees),
                sessions: seat.sessions.iter().filter(|id| sees(id)).count().try_into().unwrap_or(u64::MAX),
                has_vts: seat.has_vts,
            }
        })
    }

    /// A seat, and the open sessions on it, by id.
    #[must_use]
    pub fn published_seat(&self, name: &str) -> Option<(Seat, Vec<&Session>)> {
        let seat = self.shown_seats(|_| true).find(|seat| seat.id.as_str() == name)?;
        let record = self.seats.seats.iter().find(|record| record.name == seat.id)?;
        let sessions = record.sessions.iter().filter_map(|id| self.slots.get(*id));
        Some((seat, sessions.map(|record| &record.session).collect()))
    }

    /// Takes the virtual terminal that is in the foreground now.
    pub(super) fn foreground(&mut self, vt: Option<Vt>) -> Vec<Effect> {
        self.seats.foreground = vt;
        let vts = self.seats.seats.iter().position(|seat| seat.has_vts);
        vts.map(|seat| self.update_seat(seat)).unwrap_or_default()
    }

    /// Attaches an open session to its seat. A session without a seat becomes active. Returns the changes of other sessions.
    pub(super) fn attach(&mut self, id: SessionId) -> Vec<Effect> {
        let Some(record) = self.slots.get_mut(id) else { return Vec::new() };
        let Some(seat) = self.seats.position(&record.session) else {
            record.session.state = State::Active;
            return Vec::new();
        };
        record.session.state = State::Online;
        if let Some(seat) = self.seats.seats.get_mut(seat) {
            seat.sessions.insert(id);
        }
        let about_others = |effect: &Effect| !matches!(effect, Effect::Announce(Event::SessionChanged(session)) if session.id == id);
        self.update_seat(seat).into_iter().filter(about_others).collect()
    }

    /// Detaches a session that has ended from its seat.
    pub(super) fn detach(&mut self, session: &Session) -> Vec<Effect> {
        let Some(position) = self.seats.position(session) else { return Vec::new() };
        if let Some(seat) = self.seats.seats.get_mut(position) {
            seat.sessions.remove(&session.id);
        }
        self.update_seat(position)
    }

    /// Updates the states of all sessions on the seat. Sessions that leave the foreground are announced first.
    fn update_seat(&mut self, position: usize) -> Vec<Effect> {
        let foreground = self.seats.foreground;
        let Some(seat) = self.seats.seats.get_mut(position) else { return Vec::new() };
        let active = seat.choose_active(foreground, &self.slots);
        let before = std::mem::replace(&mut seat.active, active);
        let mut effects = Vec::new();
        for state in [State::Online, State::Active] {
            for &id in &seat.sessions {
                let Some(SessionRecord { session, .. }) = self.slots.get_mut(id) else { continue };
                let is_front = if seat.has_vts {
                    active.is_some() && session.vt == foreground
                } else {
                    active == Some(id)
                };
                if is_front == (state == State::Active) && session.state != state {
                    session.state = state;
                    let seat = Some(seat.name.clone());
                    effects.push(Effect::Publish { uid: session.uid, session: Some(id), seat });
                    effects.push(Effect::Announce(Event::SessionChanged(Box::new(session.clone()))));
                }
            }
        }
        if active != before {
            effects.push(Effect::Announce(Event::SeatChanged { seat: seat.name.clone(), active, before }));
        }
        effects
    }
}
