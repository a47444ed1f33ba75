//! A seat.

use crate::{SessionId, ShortName};
use serde::{Deserialize, Serialize};

/// A seat: the devices of one workplace at this machine, as in sd-login(3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Its name, for example `seat0`: `XDG_SEAT`.
    pub id: ShortName,
    /// The active session.
    pub active: Option<SessionId>,
    /// The number of sessions on it.
    pub sessions: u64,
    /// True if it has the virtual terminals of the kernel, between which `ckctl activate` switches.
    pub has_vts: bool,
}
