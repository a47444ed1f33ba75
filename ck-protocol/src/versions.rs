//! The table of versions: [`PROTOCOL`].
//!
//! Within a version, a type may only grow where no older peer receives the new value. An older broker refuses a new
//! variant of a request. A new variant of [`Reply`](crate::Reply) is sent only to peers that sent the new request. A
//! new fact is recognised by its key. Every other change requires a new version. To add version 2:
//!
//! 1. Move a copy of each type that is to change, and of the types that contain it, into a module `v1`. These
//!    copies never change again.
//! 2. Change the types themselves: they are always those of the current version.
//! 3. Write `From<v1::Reply> for Reply` and `From<&Reply> for v1::Reply`, and the same for requests. A value that
//!    version 1 cannot express is converted to one that an older peer understands: a new event becomes
//!    [`Reply::Lost`](crate::Reply::Lost) of one change.
//! 4. Make [`V1`] use the copies, through [`Codec::through`], and add `V2`, with [`Codec::plain`], at the end of
//!    [`PROTOCOL`].
//! 5. Freeze the new bytes in `tests/golden.rs`. Those of version 1 stay.
//!
//! `tests/invented/mod.rs` does this for a version that does not exist.

use crate::{Codec, Dialect, Protocol};

/// Version 1: the types of this crate as they are.
pub static V1: Dialect = Dialect {
    number: 1,
    session_request: Codec::plain(),
    admin_request: Codec::plain(),
    reply: Codec::plain(),
};

/// The versions that this release supports: the current one, and the one before it once there is one, so that a PAM
/// module that was loaded before an upgrade still reaches the broker after it.
pub static PROTOCOL: Protocol = Protocol::new(&V1, &[]);
