//! The protocol between the session broker, its PAM module and `ckctl`.
//!
//! Each `SOCK_SEQPACKET` packet is one frame: a protocol version, then one postcard value ([`Version::encode`],
//! [`Protocol::decode`]). [`PROTOCOL`] is the table of versions; `versions.rs` says how to add one. Each of the two
//! sockets has its own type of request: [`SessionRequest`] on `session.sock`, which only root can reach, and
//! [`AdminRequest`] on `admin.sock`, which every user can reach. A request that only root may send can therefore not
//! even be decoded from `admin.sock`. Replies on both sockets are [`Reply`]. Changes are sent as [`Event`].
//!
//! This crate performs no I/O. Strings are [`Text`]s with a maximum length, names of users are bytes with one
//! ([`UserName`]), and numbers are newtypes that contain only valid values. Decoded values can therefore be trusted.
#![forbid(unsafe_code)]

mod bounded;
mod codec;
mod end_cause;
mod errors;
mod event;
mod fact;
pub mod fact_keys;
mod frame;
mod identity;
pub mod limits;
mod named;
mod names;
mod printable;
mod reply;
mod request;
mod seat;
mod session;
mod status;
mod teardown;
mod text;
mod user;
mod user_name;
mod v1;
mod version;
mod versions;

pub use codec::Codec;
pub use end_cause::EndCause;
pub use errors::{DecodeError, EncodeError};
pub use event::{Event, SessionEnd};
pub use fact::{Buckets, Count, DurationBucket, Fact, FactValue, Micros};
pub use identity::{Gid, OutOfRange, Pid, SessionId, TeardownId, Timestamp, Token, Uid, Vt};
pub use named::UnknownName;
pub use names::{HostName, Message, PathText, ShortName};
pub use printable::{is_printable, printable, printable_bytes};
pub use reply::{Change, Opened, Refusal, RefusalCode, Reply, Told};
pub use request::{AdminRequest, Linger, Open, SessionRef, SessionRequest, Target};
pub use seat::Seat;
pub use session::{Class, Session, SessionType, State};
pub use status::Status;
pub use teardown::{Teardown, TeardownDetail, TeardownState};
pub use text::{Text, TooLong};
pub use user::{User, UserState};
pub use user_name::UserName;
pub use version::{Dialect, Framed, Protocol, Version};
pub use versions::{PROTOCOL, V1, V2};
