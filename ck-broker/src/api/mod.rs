//! What may be asked: each request is authorised once, then carried out as far as a component alone can. The rest is an
//! [`Answer`], which the broker carries out.
//!
//! - [`session`]: what modules ask;
//! - `admin`: what people ask; `permitted`: whether they may;
//! - `lists`: the next packet of a list;
//! - `measured`: what the broker has measured, as facts;
//! - `activate`, `linger`, `status`, `terminate`: single requests.

mod activate;
mod admin;
mod linger;
mod lists;
mod measured;
mod permitted;
pub(crate) mod session;
mod status;
mod terminate;

use crate::{
    compat::sd_login::SdLogin,
    config::Configured,
    console::Console,
    directories::Directories,
    history::History,
    hooks::Hooks,
    net::{Refused, connection::PendingReply},
    sessions::Sessions,
};
use ck_core::{
    metrics::LoginMetrics,
    policy::{Action, Requester},
    registry::Input,
};
use ck_protocol::{Reply, Uid};

/// What follows from a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The peer gets this reply.
    Reply(Reply),
    /// The peer gets this list.
    List(PendingReply),
    /// The registry is told this, and replies.
    Ask(Input),
    /// The registry is told these, then the peer gets the reply.
    Tell(Vec<Input>, Reply),
    /// The peer becomes a subscriber.
    Subscribe,
    /// The peer gets its reply when the switch of virtual terminals has ended.
    AfterSwitch,
}

/// The gid that a peer had when it connected, and the administrators' group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Groups {
    pub(crate) of_peer: u32,
    pub(crate) of_admins: Option<u32>,
}

/// The components, as one peer of `admin.sock` may use them.
pub(crate) struct Api<'a> {
    /// The connection of the peer.
    pub(crate) key: u64,
    pub(crate) requester: Requester,
    pub(crate) groups: Groups,
    pub(crate) sessions: &'a mut Sessions,
    pub(crate) directories: &'a mut Directories,
    pub(crate) console: &'a mut Console,
    pub(crate) hooks: &'a Hooks,
    pub(crate) history: &'a History,
    pub(crate) sd_login: &'a SdLogin,
    pub(crate) configured: &'a Configured,
    pub(crate) logins: &'a LoginMetrics,
    pub(crate) refused: Refused,
    pub(crate) subscribers: usize,
}

impl Api<'_> {
    /// True if the peer may see what is this user's.
    fn sees(&self, uid: Uid) -> bool {
        self.requester.may(Action::See, Some(uid))
    }
}
