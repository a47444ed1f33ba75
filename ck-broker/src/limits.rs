//! The limits, and how users share them. A request over a limit is refused, or its connection is closed. It never takes
//! anything from another user.

use ck_core::model::Limit;

/// The maximum number of sessions. [`Limit::of`] defines how users share them.
const SESSIONS: usize = 65_536;
/// The maximum number of connections on `session.sock`. Each is a login or a logout.
const SESSION_CONNECTIONS: usize = 4096;
/// The divisor for the share of those that may wait for hooks.
const WAITING_PART: usize = 2;
/// The maximum number of connections on `admin.sock` of root, and of all other users together. `net` decides which
/// connection is closed for another one.
const ADMIN_CONNECTIONS: usize = 128;
/// The maximum number of connections on `admin.sock` for each uid other than root.
const ADMIN_CONNECTIONS_PER_UID: usize = 16;
/// The divisor for the share of uids without a session. It is limited because a user can have thousands of such uids.
const STRANGERS_PART: usize = 4;
/// The maximum number of subscribers for each uid other than root.
const SUBSCRIBERS_PER_UID: usize = 8;
/// The divisor for the share of subscribers in the connections on `admin.sock`. It is limited because only its peer
/// ends a subscription.
const SUBSCRIBERS_PART: usize = 2;
/// The maximum number of teardowns that wait or run. A user may have a quarter of them.
const TEARDOWNS: usize = 1024;
/// The maximum number of lingering users. Each of them has a directory and may fill it.
pub(crate) const LINGERERS: usize = 1024;
/// The minimum of each limit, however few descriptors there are.
const LEAST: usize = 4;
/// The number of descriptors for everything but sessions, connections and hooks: sockets, open files, workers, names
/// that are kept in the kernel's cache.
const OWN_DESCRIPTORS: usize = 64;
/// The number of descriptors of a running hook: its pidfd and its output.
const HOOK_DESCRIPTORS: usize = 2;

/// A class of peers of `admin.sock` that share a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerClass {
    /// Uid 0.
    Root,
    /// Users with a session or lingering, and administrators.
    Users,
    /// All other users.
    Strangers,
}

/// The limits that follow from the number of descriptors that the broker may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Each takes one descriptor: the pidfd of the leader.
    pub(crate) sessions: Limit,
    /// Each takes two descriptors: the socket and the pidfd of the peer.
    session_connections: usize,
    /// The logins that wait for files or hooks. They are limited because each takes a connection that others need.
    pub(crate) waiting_logins: Limit,
    admin_connections: usize,
    /// A running or abandoned one takes the descriptors of its worker.
    pub(crate) teardowns: Limit,
}

impl Limits {
    /// The limits for `descriptors` open descriptors and `hooks` parallel hooks.
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

    /// True if one more login may connect to `session.sock`, which has `others` connections.
    pub(crate) fn admit_module(&self, others: usize) -> bool {
        others < self.session_connections
    }

    /// The limit of connections to `admin.sock` for the class.
    pub(crate) fn connections(&self, class: PeerClass) -> Limit {
        let strangers = self.admin_connections / STRANGERS_PART;
        let (all, per_user) = match class {
            PeerClass::Root => (self.admin_connections, self.admin_connections),
            PeerClass::Users => (self.admin_connections - strangers, ADMIN_CONNECTIONS_PER_UID),
            PeerClass::Strangers => (strangers, ADMIN_CONNECTIONS_PER_UID),
        };
        Limit { all, per_user }
    }

    /// The limit of subscribers for the class.
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
