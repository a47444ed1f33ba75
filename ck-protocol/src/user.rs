//! What is known of a user who is here.

use crate::{PathText, Uid, UserName, named::named};
use serde::{Deserialize, Serialize};

/// A uid with a session, or with lingering on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user.
    pub uid: Uid,
    /// The name, as the login or `ckctl linger` gave it.
    pub name: UserName,
    /// Open sessions.
    pub sessions: u64,
    /// Whether the runtime directory stays without a session.
    pub linger: bool,
    /// Where the user is.
    pub state: UserState,
    /// The runtime directory; absent where there is none.
    pub runtime_dir: Option<PathText>,
}

named! {
    /// Where a user is, as loginctl(1) shows it.
    UserState, "user state":
    /// A session is active.
    Active = "active",
    /// There are sessions, none of them active.
    Online = "online",
    /// There is no session, but lingering is on.
    Lingering = "lingering",
    /// There is no session any more, and what is left is not gone yet.
    Closing = "closing",
}
