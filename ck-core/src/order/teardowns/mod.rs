//! Which teardown is due, and when one that failed is tried again.
//!
//! ```text
//! waiting ──▶ running ──▶ gone
//!    ▲          │ │
//!    ├─ failed ─┤ ├─ failed too often ──▶ quarantined ── retry ──▶ waiting
//!    └ hindered ┘ └─ outlives SIGKILL ──▶ abandoned ── ends after all ──▶ waiting
//! ```

use crate::model::Limit;
use ck_protocol::{TeardownId, TeardownState, Uid};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// The pauses after failed tries. When they are used up, the teardown is given up.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];
/// The longest pause after a try that the machine hindered. Such tries are repeated without end.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// The maximum number of teardowns that run at the same time, over all users. Abandoned ones do not count.
const PARALLEL: usize = 4;
/// The number of abandoned teardowns of a user from which on no more are started for that user.
const ABANDONED_PER_USER: usize = 2;
/// The time after which a waiting teardown is reported as a problem. One try may take a minute.
const SOON: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The next try is due at this time.
    Waiting(Instant),
    Running,
    Quarantined,
    Abandoned,
}

/// A teardown that is not finished.
#[derive(Debug)]
pub struct PendingTeardown<T> {
    /// What the caller keeps with the teardown, such as its process.
    pub work: T,
    uid: Uid,
    bytes: Option<u64>,
    /// The time at which it was added.
    queued: Instant,
    /// The number of failed tries.
    failures: usize,
    /// The pause after the next try that is hindered.
    pause: Duration,
    /// The reason why the last try failed.
    reason: Option<String>,
    phase: Phase,
}

impl<T> PendingTeardown<T> {
    /// The user whose directory it was.
    #[must_use]
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// The size of the directory when its user left, in bytes. `None`: it is unknown.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// The number of failed tries.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// The reason why the last try failed.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The state, as others see it.
    #[must_use]
    pub fn state(&self) -> TeardownState {
        match self.phase {
            Phase::Waiting(_) => TeardownState::Waiting,
            Phase::Running => TeardownState::Running,
            Phase::Quarantined => TeardownState::Quarantined,
            Phase::Abandoned => TeardownState::Abandoned,
        }
    }

    /// The time of the next try, after a try that failed.
    #[must_use]
    pub fn next_try(&self) -> Option<Instant> {
        self.due().filter(|_| self.reason.is_some())
    }

    fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting(due) => Some(due),
            Phase::Running | Phase::Quarantined | Phase::Abandoned => None,
        }
    }
}

/// The teardowns that are not finished.
///
/// A few run at the same time, at most one for each user. Among the users whose teardowns are due, the user whose last turn
/// was longest ago is next, with the oldest teardown.
#[derive(Debug)]
pub struct Teardowns<T> {
    pending: BTreeMap<TeardownId, PendingTeardown<T>>,
    next: TeardownId,
    /// The last turn of each user who has teardowns, counted in turns.
    turns: HashMap<Uid, u64>,
    turn: u64,
}

impl<T> Default for Teardowns<T> {
    fn default() -> Self {
        Self { pending: BTreeMap::new(), next: TeardownId::FIRST, turns: HashMap::new(), turn: 0 }
    }
}

impl<T> Teardowns<T> {
    /// Adds a teardown, which is due now. `bytes` is the size of the directory, where it is known.
    pub fn push(&mut self, uid: Uid, bytes: Option<u64>, work: T, now: Instant) {
        let phase = Phase::Waiting(now);
        let teardown = PendingTeardown {
            work,
            uid,
            bytes,
            queued: now,
            failures: 0,
            pause: PAUSES[0],
            reason: None,
            phase,
        };
        self.pending.insert(self.next, teardown);
        self.next = self.next.next();
    }

    /// Begins the next teardown that is due. It runs until one of [`Teardowns::finish`], [`Teardowns::fail`],
    /// [`Teardowns::hinder`] and [`Teardowns::abandon`].
    pub fn begin(&mut self, now: Instant) -> Option<TeardownId> {
        let id = self.next_due(now)?;
        let teardown = self.pending.get_mut(&id)?;
        teardown.phase = Phase::Running;
        self.turn += 1;
        self.turns.insert(teardown.uid, self.turn);
        Some(id)
    }

    /// Ends a teardown of which nothing is left.
    pub fn finish(&mut self, id: TeardownId) -> Option<PendingTeardown<T>> {
        let teardown = self.pending.remove(&id)?;
        if !self.pending.values().any(|other| other.uid == teardown.uid) {
            self.turns.remove(&teardown.uid);
        }
        Some(teardown)
    }

    /// Counts a failed try. The teardown is tried again after a pause, or given up. Returns true if it is given up.
    pub fn fail(&mut self, id: TeardownId, reason: Option<String>, now: Instant) -> bool {
        let Some(teardown) = self.pending.get_mut(&id) else { return false };
        let pause = PAUSES.get(teardown.failures);
        teardown.reason = reason;
        teardown.failures += 1;
        teardown.phase = pause.map_or(Phase::Quarantined, |pause| Phase::Waiting(now + *pause));
        pause.is_none()
    }

    /// Tries a teardown again after a pause, without counting a failure: the machine hindered it.
    pub fn hinder(&mut self, id: TeardownId, reason: Option<String>, now: Instant) {
        let Some(teardown) = self.pending.get_mut(&id) else { return };
        teardown.reason = reason.or(teardown.reason.take());
        teardown.phase = Phase::Waiting(now + teardown.pause);
        teardown.pause = LONGEST_PAUSE.min(teardown.pause * 2);
    }

    /// Abandons a teardown: its process hangs in the kernel. When the process has ended after all, call
    /// [`Teardowns::finish`], [`Teardowns::fail`] or [`Teardowns::hinder`].
    pub fn abandon(&mut self, id: TeardownId, reason: String) {
        let Some(teardown) = self.pending.get_mut(&id) else { return };
        teardown.reason = Some(reason);
        teardown.phase = Phase::Abandoned;
    }

    /// Tries teardowns again that were given up: `only` this one, or all. Returns their number.
    pub fn retry(&mut self, only: Option<TeardownId>, now: Instant) -> u64 {
        let chosen = self.pending.iter_mut().filter(|(id, _)| only.is_none_or(|only| only == **id));
        let mut count = 0;
        for (_, teardown) in chosen.filter(|(_, teardown)| teardown.state() == TeardownState::Quarantined) {
            teardown.failures = 0;
            teardown.pause = PAUSES[0];
            teardown.phase = Phase::Waiting(now);
            count += 1;
        }
        count
    }

    /// The time at which the next teardown can begin, if nothing else happens.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let barred = self.barred();
        let startable = self.pending.values().filter(|teardown| barred.allow(teardown.uid));
        startable.filter_map(PendingTeardown::due).min()
    }

    /// The teardown with this id.
    #[must_use]
    pub fn get(&self, id: TeardownId) -> Option<&PendingTeardown<T>> {
        self.pending.get(&id)
    }

    /// The same, to change what the caller keeps with it.
    pub fn get_mut(&mut self, id: TeardownId) -> Option<&mut PendingTeardown<T>> {
        self.pending.get_mut(&id)
    }

    /// The teardowns with this id and all later ones, ordered by id.
    pub fn from(&self, id: TeardownId) -> impl Iterator<Item = (TeardownId, &PendingTeardown<T>)> {
        self.pending.range(id..).map(|(&id, teardown)| (id, teardown))
    }

    /// All teardowns, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = (TeardownId, &PendingTeardown<T>)> {
        self.from(TeardownId::FIRST)
    }

    /// The number of teardowns in this state.
    #[must_use]
    pub fn count(&self, state: TeardownState) -> usize {
        self.in_state(state).count()
    }

    /// The problem that teardowns wait for longer than they should, as one line.
    #[must_use]
    pub fn problem(&self, now: Instant) -> Option<String> {
        let waiting = || self.in_state(TeardownState::Waiting);
        let oldest = waiting().map(|teardown| now.saturating_duration_since(teardown.queued)).max()?;
        (oldest >= SOON).then(|| {
            let (count, seconds) = (waiting().count(), oldest.as_secs());
            format!("{count} teardowns wait, one of them for {seconds} s: see ckctl teardown list")
        })
    }

    /// Checks whether the user may leave one more teardown. A user without any may. Others may within `limit`, and as long
    /// as their teardowns together hold no more than `bytes`.
    ///
    /// # Errors
    /// The reason why not, as one line.
    pub fn has_room(&self, uid: Uid, limit: Limit, bytes: u64) -> Result<(), String> {
        let own: Vec<_> = self.pending.values().filter(|teardown| teardown.uid == uid).collect();
        if own.is_empty() {
            return Ok(());
        }
        if own.len() >= limit.per_user {
            return Err(format!("{} of its earlier ones wait for their teardown", own.len()));
        }
        if self.pending.len() >= limit.all {
            let all = self.pending.len();
            return Err(format!("{all} of all users' earlier ones wait for their teardown"));
        }
        let held = own.iter().filter_map(|teardown| teardown.bytes).sum::<u64>();
        if held > bytes {
            return Err(format!("its earlier ones hold {held} bytes and wait for their teardown"));
        }
        Ok(())
    }

    fn in_state(&self, state: TeardownState) -> impl Iterator<Item = &PendingTeardown<T>> {
        self.pending.values().filter(move |teardown| teardown.state() == state)
    }

    fn barred(&self) -> Barred {
        let of = |state| self.in_state(state).map(PendingTeardown::uid);
        let running: Vec<Uid> = of(TeardownState::Running).collect();
        Barred { all: running.len() >= PARALLEL, running, abandoned: of(TeardownState::Abandoned).collect() }
    }

    fn next_due(&self, now: Instant) -> Option<TeardownId> {
        let barred = self.barred();
        let is_due = |teardown: &PendingTeardown<T>| teardown.due().is_some_and(|due| due <= now);
        let due = self.pending.iter().filter(|(_, teardown)| is_due(teardown) && barred.allow(teardown.uid));
        due.min_by_key(|(id, teardown)| (self.turns.get(&teardown.uid).copied().unwrap_or(0), **id))
            .map(|(&id, _)| id)
    }
}

/// The users for whom nothing can be started now.
struct Barred {
    all: bool,
    /// The users with a running teardown. Two removers in one tree slow each other down.
    running: Vec<Uid>,
    /// The user of each abandoned teardown. The next remover might hang as well.
    abandoned: Vec<Uid>,
}

impl Barred {
    fn allow(&self, uid: Uid) -> bool {
        let hanging = self.abandoned.iter().filter(|other| **other == uid).count();
        !self.all && !self.running.contains(&uid) && hanging < ABANDONED_PER_USER
    }
}

#[cfg(test)]
mod tests;
