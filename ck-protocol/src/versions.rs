//! The table of versions: [`PROTOCOL`].
//!
//! Within a version, a type may only grow where no older peer receives the new value. An older broker refuses a new
//! variant of a request. A new variant of [`Reply`](crate::Reply) is sent only to peers that sent the new request. A
//! new fact is recognised by its key. Every other change requires a new version. To add version 3:
//!
//! 1. Move a copy of each type that is to change, and of the types that contain it, into a module `v2`. These
//!    copies never change again. The module `v1` is removed, because only the version before is still understood.
//!    `SessionWithoutAudit` stays: stored records have it.
//! 2. Change the types themselves: they are always those of the current version.
//! 3. Write `From<v2::Reply> for Reply` and `From<&Reply> for v2::Reply`, and the same for requests if they change. A
//!    value that version 2 cannot express is converted to one that an older peer understands: a new event becomes
//!    [`Reply::Lost`](crate::Reply::Lost) of one change. What version 2 does not say is absent in the current type.
//! 4. Make [`V2`] use the copies, through [`Codec::through`], and put `V3`, with [`Codec::plain`], into [`PROTOCOL`].
//! 5. Freeze the new bytes in `tests/golden.rs`. Those of version 2 stay.
//!
//! `v1.rs` does this for version 1, and `tests/invented/mod.rs` for a version that does not exist.

use crate::{Codec, Dialect, Protocol, v1};

/// Version 1: events have no names, an end has no cause, and a session has no ids of the audit.
pub static V1: Dialect = Dialect {
    number: 1,
    session_request: Codec::plain(),
    admin_request: Codec::plain(),
    reply: Codec::through::<v1::Reply>(),
};

/// Version 2: the types of this crate as they are.
pub static V2: Dialect = Dialect {
    number: 2,
    session_request: Codec::plain(),
    admin_request: Codec::plain(),
    reply: Codec::plain(),
};

/// The versions that this release supports: the current one and the one before it, so that a PAM module that was
/// loaded before an upgrade still reaches the broker after it.
pub static PROTOCOL: Protocol = Protocol::new(&V1, &[&V2]);
