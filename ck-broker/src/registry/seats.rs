//! Seats: which sessions are on them, and which of these are in the foreground.
//!
//! `seat0` is the kernel's virtual terminals: a session is active while its terminal is in the foreground,
//! and the seat's active session is the one that was opened there first, the login. A seat by configuration
//! has no foreground that could be asked for: its active session is the one that was opened last.

use super::{Effect, Entry, Registry, slots::Slots};
use ck_protocol::{self as protocol, Event, Session, SessionId, ShortName, State, Text, Vt};
use std::collections::BTreeSet;

/// The name of the seat that has the virtual terminals.
const VTS: &str = "seat0";

#[derive(Debug)]
struct Seat {
    name: ShortName,
    /// Its terminals; none for the virtual ones.
    ttys: Vec<ShortName>,
    has_vts: bool,
    sessions: BTreeSet<SessionId>,
    active: Option<SessionId>,
}

/// All seats, which do not change while the broker runs.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    foreground: Option<Vt>,
}

impl Seats {
    /// Puts a new session on its seat: by its virtual terminal, or by another terminal.
    pub(super) fn place(&self, session: &mut Session) {
        let at = |seat: &&Seat| match (&session.tty, session.vt) {
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

impl Seat {
    /// The session that is active now.
    fn choice(&self, foreground: Option<Vt>, slots: &Slots) -> Option<SessionId> {
        if !self.has_vts {
            return self.sessions.last().copied();
        }
        let is_front = |id: &SessionId| slots.get(*id).is_some_and(|entry| entry.session.vt == foreground);
        foreground.and_then(|_| self.sessions.iter().copied().find(is_front))
    }
}

impl Registry {
    /// From now on, these are the seats: the virtual terminals, if there are any, and those of the
    /// configuration, each with its terminals. Sessions of an earlier broker are put on them.
    pub fn seats(&mut self, has_vts: bool, configured: Vec<(ShortName, Vec<ShortName>)>) {
        let vts = has_vts.then(|| (Text::clipped(VTS), Vec::new()));
        let seat = |(name, ttys): (ShortName, Vec<ShortName>)| {
            let has_vts = name.as_str() == VTS;
            Seat { name, ttys, has_vts, sessions: BTreeSet::new(), active: None }
        };
        self.seats.seats = vts.into_iter().chain(configured).map(seat).collect();
        for id in self.from(SessionId::FIRST).map(|entry| entry.session.id).collect::<Vec<_>>() {
            let Some(entry) = self.slots.get_mut(id) else { continue };
            self.seats.place(&mut entry.session);
            self.sit(id);
        }
    }

    /// Seats, in an order that does not change; of each the sessions that `visible` lets through.
    pub fn shown_seats(&self, visible: impl Fn(&Session) -> bool) -> impl Iterator<Item = protocol::Seat> {
        self.seats.seats.iter().map(move |seat| {
            let sees = |id: &SessionId| self.slots.get(*id).is_some_and(|entry| visible(&entry.session));
            protocol::Seat {
                id: seat.name.clone(),
                active: seat.active.filter(sees),
                sessions: seat.sessions.iter().filter(|id| sees(id)).count().try_into().unwrap_or(u64::MAX),
                has_vts: seat.has_vts,
            }
        })
    }

    /// Another virtual terminal is in the foreground.
    pub(super) fn foreground(&mut self, vt: Option<Vt>) -> Vec<Effect> {
        self.seats.foreground = vt;
        let vts = self.seats.seats.iter().position(|seat| seat.has_vts);
        vts.map(|seat| self.settle(seat)).unwrap_or_default()
    }

    /// The session is open: on its seat, or active without one. Returns what that means for others.
    pub(super) fn sit(&mut self, id: SessionId) -> Vec<Effect> {
        let Some(entry) = self.slots.get_mut(id) else { return Vec::new() };
        let Some(seat) = self.seats.position(&entry.session) else {
            entry.session.state = State::Active;
            return Vec::new();
        };
        entry.session.state = State::Online;
        if let Some(seat) = self.seats.seats.get_mut(seat) {
            seat.sessions.insert(id);
        }
        let about_others = |effect: &Effect| !matches!(effect, Effect::Announce(Event::SessionChanged(session)) if session.id == id);
        self.settle(seat).into_iter().filter(about_others).collect()
    }

    /// The session has ended, and is on its seat no more.
    pub(super) fn stand(&mut self, session: &Session) -> Vec<Effect> {
        let Some(position) = self.seats.position(session) else { return Vec::new() };
        if let Some(seat) = self.seats.seats.get_mut(position) {
            seat.sessions.remove(&session.id);
        }
        self.settle(position)
    }

    /// Has all on the seat as it now is; those who leave the foreground first.
    fn settle(&mut self, position: usize) -> Vec<Effect> {
        let foreground = self.seats.foreground;
        let Some(seat) = self.seats.seats.get_mut(position) else { return Vec::new() };
        let active = seat.choice(foreground, &self.slots);
        let before = std::mem::replace(&mut seat.active, active);
        let mut effects = Vec::new();
        for state in [State::Online, State::Active] {
            for &id in &seat.sessions {
                let Some(Entry { session, .. }) = self.slots.get_mut(id) else { continue };
                let is_front = if seat.has_vts {
                    active.is_some() && session.vt == foreground
                } else {
                    active == Some(id)
                };
                if is_front == (state == State::Active) && session.state != state {
                    session.state = state;
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
