//! What is known of a seat.

use crate::{SessionId, ShortName};
use serde::{Deserialize, Serialize};

/// A place at this machine where people sit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Its name, such as `seat0`; `XDG_SEAT`.
    pub id: ShortName,
    /// The session in its foreground.
    pub active: Option<SessionId>,
    /// Sessions on it.
    pub sessions: u64,
    /// Whether it has the kernel's virtual terminals, between which `ckctl activate` switches.
    pub has_vts: bool,
}
