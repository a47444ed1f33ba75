//! A user who is logged in or lingers.

use crate::{PathText, Uid, UserName, named::named};
use serde::{Deserialize, Serialize};

/// A user with at least one session, or with lingering on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user.
    pub uid: Uid,
    /// The name, as the login or `ckctl linger` gave it.
    pub name: UserName,
    /// The number of open sessions.
    pub sessions: u64,
    /// True if the user keeps the runtime directory without a session.
    pub linger: bool,
    /// The state of the user.
    pub state: UserState,
    /// The runtime directory, if there is one.
    pub runtime_dir: Option<PathText>,
}

named! {
    /// The state of a user, with the names of loginctl(1).
    UserState, "user state":
    /// A session is active.
    Active = "active",
    /// There are sessions, none of them active.
    Online = "online",
    /// There is no session, but lingering is on.
    Lingering = "lingering",
    /// There is no session any more, but its remains have not been removed yet.
    Closing = "closing",
}
