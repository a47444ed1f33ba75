//! How much is taken from whom. What is over a limit gets an answer that says so, or a closed
//! connection, and never touches what another user has.

use crate::limit::Limit;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Sessions in all; [`Limit::of`] says how users share them.
const SESSIONS: usize = 65_536;
/// Connections on `session.sock`, where each is a login that is just being opened or closed.
const SESSION_CONNECTIONS: usize = 4096;
/// Connections on `admin.sock` of root, and of all others together.
const ADMIN_CONNECTIONS: usize = 128;
/// Connections on `admin.sock` of one uid other than root.
const ADMIN_CONNECTIONS_PER_UID: usize = 16;
/// Subscribers of one uid other than root.
const SUBSCRIBERS_PER_UID: usize = 8;
/// Which part of the connections on `admin.sock` subscribers may hold, as nothing ends those but their peers.
const SUBSCRIBERS_PART: usize = 2;
/// Teardowns that wait or run, in all, of which one user may have a quarter.
const TEARDOWNS: usize = 1024;
/// Users who may linger: each has a directory, and may fill it.
pub(super) const LINGERERS: usize = 1024;
/// The least of each, however few descriptors there are.
const LEAST: usize = 4;
/// Descriptors for what is neither a session, a connection nor a hook: sockets, files being written, workers.
const OWN_DESCRIPTORS: usize = 32;
/// Descriptors of a hook that runs: its process, and what it prints.
const HOOK_DESCRIPTORS: usize = 2;

/// Connections and requests on `admin.sock` together, of one uid, in a second; root is not counted.
const RATE: u32 = 100;
/// How many may come at once after a pause.
const BURST: u32 = 200;
/// How many uids are counted: those that have asked more often than [`RATE`] lately.
const COUNTED_UIDS: usize = 1024;

/// What fits into the descriptors that the broker may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Each takes a descriptor: the leader's.
    pub(super) sessions: Limit,
    /// Each takes two: the socket, and the peer's process.
    session_connections: usize,
    admin_connections: usize,
    /// Each takes one where it is a detached file system.
    pub(super) teardowns: Limit,
}

impl Limits {
    /// The limits where `descriptors` can be open, and so many `hooks` run at once.
    pub(super) fn within(descriptors: usize, hooks: usize) -> Self {
        let room = descriptors.saturating_sub(OWN_DESCRIPTORS + HOOK_DESCRIPTORS * hooks);
        let sessions = SESSIONS.min(room / 16 * 11).max(LEAST);
        let teardowns = TEARDOWNS.min(room / 16).max(LEAST);
        Self {
            sessions: Limit::of(sessions),
            session_connections: SESSION_CONNECTIONS.min(room / 16).max(LEAST),
            admin_connections: ADMIN_CONNECTIONS.min(room / 16).max(LEAST),
            teardowns: Limit::of(teardowns),
        }
    }

    /// Whether one more login may connect, when `others` have.
    pub(super) fn admit_module(&self, others: usize) -> bool {
        others < self.session_connections
    }

    /// Whether one more connection of `uid` may come to `admin.sock`, when these uids have one each.
    pub(super) fn admit_admin(&self, uid: u32, others: impl Iterator<Item = u32>) -> bool {
        let limit = Limit { all: self.admin_connections, per_user: ADMIN_CONNECTIONS_PER_UID };
        admit(limit, uid, others)
    }

    /// Whether one of them may subscribe, when these uids have subscribed.
    pub(super) fn admit_subscriber(&self, uid: u32, others: impl Iterator<Item = u32>) -> bool {
        let limit = Limit { all: self.admin_connections / SUBSCRIBERS_PART, per_user: SUBSCRIBERS_PER_UID };
        admit(limit, uid, others)
    }
}

/// Whether `uid` may have one more of what these uids have one each.
fn admit(limit: Limit, uid: u32, others: impl Iterator<Item = u32>) -> bool {
    let (mut same, mut rest) = (0, 0);
    for other in others {
        same += usize::from(other == uid);
        // What others take, root has besides.
        rest += usize::from(other != uid && other != 0);
    }
    match uid {
        0 => same < limit.all,
        _ => same < limit.per_user && same + rest < limit.all,
    }
}

/// How much each uid has asked lately: a bucket each, that fills by [`RATE`] a second.
#[derive(Debug, Default)]
pub(super) struct Rates(HashMap<u32, Bucket>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// What is still in it.
    left: u32,
    /// When that was so.
    at: Instant,
}

impl Rates {
    /// Counts one connection or request of `uid`. False: that is too many.
    pub(super) fn take(&mut self, uid: u32, now: Instant) -> bool {
        if uid == 0 {
            return true;
        }
        let left = self.0.get(&uid).map_or(BURST, |bucket| bucket.filled(now).left);
        if left == 0 || !self.has_room(uid, now) {
            return false;
        }
        let at = self.0.get(&uid).map_or(now, |bucket| bucket.filled(now).at);
        self.0.insert(uid, Bucket { left: left - 1, at });
        true
    }

    /// Forgets those whose bucket is full again, if there are many. A user can have thousands of uids,
    /// in user namespaces.
    fn has_room(&mut self, uid: u32, now: Instant) -> bool {
        if self.0.len() >= COUNTED_UIDS && !self.0.contains_key(&uid) {
            self.0.retain(|_, bucket| bucket.filled(now).left < BURST);
        }
        self.0.len() < COUNTED_UIDS || self.0.contains_key(&uid)
    }
}

impl Bucket {
    /// As it is `now`. Only whole units are added, and the time for the rest is kept.
    fn filled(self, now: Instant) -> Self {
        let unit = Duration::from_secs(1) / RATE;
        let units = now.saturating_duration_since(self.at).as_nanos() / unit.as_nanos();
        match u32::try_from(units) {
            Ok(units) if self.left + units.min(BURST) < BURST => {
                Self { left: self.left + units, at: self.at + unit * units }
            }
            _ => Self { left: BURST, at: now },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_limits_together_fit_into_the_descriptors() {
        for descriptors in [1024, 4096, 20_000, 524_288, 1 << 20] {
            let limits = Limits::within(descriptors, 16);
            let taken = limits.sessions.all
                + 2 * limits.session_connections
                + limits.admin_connections
                + limits.teardowns.all;
            assert!(taken + OWN_DESCRIPTORS <= descriptors, "{descriptors}: {limits:?}");
        }
        assert_eq!(Limits::within(524_288, 16).sessions.all, SESSIONS);
    }

    #[test]
    fn one_uid_leaves_room_for_others_and_all_of_them_for_root() {
        let limits = Limits::within(1 << 20, 16);
        let greedy = || std::iter::repeat_n(2001, ADMIN_CONNECTIONS_PER_UID);
        assert!(!limits.admit_admin(2001, greedy()));
        assert!(limits.admit_admin(2002, greedy()));
        let all = || (0..ADMIN_CONNECTIONS).map(|n| 3000 + u32::try_from(n).unwrap());
        assert!(!limits.admit_admin(2001, all()));
        assert!(limits.admit_admin(0, all()));
        assert!(!limits.admit_admin(0, std::iter::repeat_n(0, ADMIN_CONNECTIONS)));
    }

    #[test]
    fn subscribers_leave_connections_to_those_who_only_ask() {
        let limits = Limits::within(1 << 20, 16);
        let (all, own) = (ADMIN_CONNECTIONS / SUBSCRIBERS_PART, SUBSCRIBERS_PER_UID);
        let many = |count: usize| (0..count).map(|n| 3000 + u32::try_from(n).unwrap());
        assert!(limits.admit_subscriber(2001, many(all - 1)) && !limits.admit_subscriber(2001, many(all)));
        assert!(limits.admit_subscriber(0, many(all)) && limits.admit_admin(2001, many(all)));
        for (uid, own) in [(0, all), (2001, own)] {
            assert!(!limits.admit_subscriber(uid, std::iter::repeat_n(uid, own)));
            assert!(limits.admit_admin(uid, std::iter::repeat_n(uid, own)));
        }
    }

    #[test]
    fn a_uid_may_ask_so_often_and_no_oftener() {
        let (mut rates, start) = (Rates::default(), Instant::now());
        let many = |rates: &mut Rates, uid, now| (0..10_000).filter(|_| rates.take(uid, now)).count();
        assert_eq!(many(&mut rates, 2001, start), 200);
        assert_eq!(many(&mut rates, 2002, start), 200);
        assert_eq!(many(&mut rates, 2001, start + Duration::from_millis(500)), 50);
        assert_eq!(many(&mut rates, 2001, start + Duration::from_secs(60)), 200);
        assert_eq!(many(&mut rates, 0, start), 10_000);
        // What is less than a unit is not lost.
        let slowly = (1..=1000).filter(|n| rates.take(2002, start + Duration::from_millis(9) * *n)).count();
        assert!(slowly >= 899, "{slowly}");
    }

    #[test]
    fn the_count_is_bounded_and_forgets_who_is_quiet() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        let admitted = (1..5000).filter(|uid| rates.take(*uid, now)).count();
        assert_eq!((admitted, rates.0.len()), (COUNTED_UIDS, COUNTED_UIDS));
        assert!(rates.take(200_000, now + Duration::from_secs(1)));
        assert_eq!(rates.0.len(), 1);
    }
}
