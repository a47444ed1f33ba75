//! What the broker asks of the kernel in one place only: it starts programs and watches them ([`Program`], [`Child`]), takes over what
//! it was started with ([`inherited`]), asks what a container refuses ([`filter`]), and holds all unsafe code (`kernel`).

mod caught;
mod child;
pub(crate) mod filter;
pub(crate) mod inherited;
#[allow(
    unsafe_code,
    reason = "SO_PEERGROUPS and PIDFD_GET_INFO fill buffers; VT_ACTIVATE, clone3, close_range and signal have no safe wrapper; a number becomes an OwnedFd"
)]
mod kernel;
mod own;
mod spawn;

pub(crate) use caught::Caught;
pub(crate) use child::{Child, Deadline, Expired};
pub(crate) use kernel::{activate_vt, passed_descriptors, peer_groups, pidfd_parent};
pub(crate) use spawn::{Program, SpawnError};
