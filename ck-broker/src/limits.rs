//! How much each user can have. What is over a limit gets a reply that says so, or its connection is closed. What
//! another user has is never touched.

use ck_core::model::Limit;

/// Sessions in all; [`Limit::of`] says how users share them.
const SESSIONS: usize = 65_536;
/// Connections on `session.sock`, where each is a login that is just being opened or closed.
const SESSION_CONNECTIONS: usize = 4096;
/// Which part of those may wait for hooks.
const WAITING_PART: usize = 2;
/// Connections on `admin.sock` of root, and of all others together. `net` decides who gives up a place for whom.
const ADMIN_CONNECTIONS: usize = 128;
/// Connections on `admin.sock` of one uid other than root.
const ADMIN_CONNECTIONS_PER_UID: usize = 16;
/// Which part of them is of uids without a session, as a user can have thousands of those.
const STRANGERS_PART: usize = 4;
/// Subscribers of one uid other than root.
const SUBSCRIBERS_PER_UID: usize = 8;
/// Which part of the connections on `admin.sock` subscribers may hold, as nothing ends those but their peers.
const SUBSCRIBERS_PART: usize = 2;
/// Teardowns that wait or run, in all, of which one user may have a quarter.
const TEARDOWNS: usize = 1024;
/// Users who may linger: each has a directory, and may fill it.
pub(crate) const LINGERERS: usize = 1024;
/// The least of each, however few descriptors there are.
const LEAST: usize = 4;
/// Descriptors for what is neither a session, a connection nor a hook: sockets, files being written, workers, names that are kept in
/// the kernel's cache.
const OWN_DESCRIPTORS: usize = 64;
/// Descriptors of a hook that runs: its process, and what it prints.
const HOOK_DESCRIPTORS: usize = 2;

/// Peers of `admin.sock` that share places with each other, and with nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerClass {
    /// Uid 0.
    Root,
    /// Users with a session or lingering, and administrators.
    Users,
    /// All others.
    Strangers,
}

/// What fits into the descriptors that the broker may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Each takes a descriptor: the leader's.
    pub(crate) sessions: Limit,
    /// Each takes two: the socket, and the peer's process.
    session_connections: usize,
    /// Those of them that wait for hooks, as nothing ends those but hooks and their peers.
    pub(crate) waiting_logins: Limit,
    admin_connections: usize,
    /// Each takes one where it is a detached file system.
    pub(crate) teardowns: Limit,
}

impl Limits {
    /// The limits where `descriptors` can be open, and so many `hooks` run at once.
    pub(crate) fn within(descriptors: usize, hooks: usize) -> Self {
        let room = descriptors.saturating_sub(OWN_DESCRIPTORS + HOOK_DESCRIPTORS * hooks);
        let sessions = SESSIONS.min(room / 16 * 11).max(LEAST);
        let session_connections = SESSION_CONNECTIONS.min(room / 16).max(LEAST);
        let teardowns = TEARDOWNS.min(room / 16).max(LEAST);
        Self {
            sessions: Limit::of(sessions),
            session_connections,
            waiting_logins: Limit::of(session_connections / WAITING_PART),
            admin_connections: ADMIN_CONNECTIONS.min(room / 16).max(LEAST),
            teardowns: Limit::of(teardowns),
        }
    }

    /// Whether one more login may connect, when `others` have.
    pub(crate) fn admit_module(&self, others: usize) -> bool {
        others < self.session_connections
    }

    /// How many connections to `admin.sock` the class may have.
    pub(crate) fn connections(&self, class: PeerClass) -> Limit {
        let strangers = self.admin_connections / STRANGERS_PART;
        let (all, per_user) = match class {
            PeerClass::Root => (self.admin_connections, self.admin_connections),
            PeerClass::Users => (self.admin_connections - strangers, ADMIN_CONNECTIONS_PER_UID),
            PeerClass::Strangers => (strangers, ADMIN_CONNECTIONS_PER_UID),
        };
        Limit { all, per_user }
    }

    /// How many of those may subscribe.
    pub(crate) fn subscribers(&self, class: PeerClass) -> Limit {
        let all = self.connections(class).all / SUBSCRIBERS_PART;
        let per_user = if class == PeerClass::Root { all } else { SUBSCRIBERS_PER_UID };
        Limit { all, per_user }
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
    fn each_class_has_places_of_its_own_and_all_fit_into_what_there_is() {
        for descriptors in [64, 1024, 1 << 20] {
            let limits = Limits::within(descriptors, 16);
            let of = |class| limits.connections(class).all;
            assert_eq!(of(PeerClass::Users) + of(PeerClass::Strangers), limits.admin_connections);
            assert_eq!(of(PeerClass::Root), limits.admin_connections);
            for class in [PeerClass::Root, PeerClass::Users, PeerClass::Strangers] {
                let (places, subscribers) = (limits.connections(class), limits.subscribers(class));
                assert!(
                    subscribers.all <= places.all / SUBSCRIBERS_PART && places.per_user > 0,
                    "{limits:?}"
                );
            }
        }
    }
}
