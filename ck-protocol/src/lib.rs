//! What the session broker, its PAM module and `ckctl` say to each other.
//!
//! One `SOCK_SEQPACKET` packet is one frame is one postcard value, its protocol version first
//! ([`Version::encode`], [`Protocol::decode`]). [`PROTOCOL`] is the table of versions; `versions.rs` says how to add
//! one. Two sockets, two vocabularies: [`SessionRequest`] on `session.sock`, which only
//! root can reach, and [`AdminRequest`] on `admin.sock`, which everybody can; so nothing that
//! only root may ask can even be decoded from the other socket. Both are answered with [`Reply`].
//! What changes is told as [`Event`].
//!
//! No I/O happens here. Strings are [`Text`]s with a limit, names of users are bytes with one ([`UserName`]), numbers are newtypes that hold only
//! legal values: what has been decoded can be trusted.
#![forbid(unsafe_code)]

mod codec;
mod errors;
mod event;
mod fact;
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
mod version;
mod versions;

pub use codec::Codec;
pub use errors::{DecodeError, EncodeError};
pub use event::Event;
pub use fact::{Fact, FactValue};
pub use identity::{Gid, OutOfRange, Pid, SessionId, TeardownId, Timestamp, Token, Uid, Vt};
pub use named::UnknownName;
pub use names::{HostName, Message, PathText, ShortName};
pub use printable::{is_printable, printable};
pub use reply::{Change, Opened, Refusal, RefusalCode, Reply};
pub use request::{AdminRequest, Linger, Open, SessionRef, SessionRequest, Target};
pub use seat::Seat;
pub use session::{Class, Kind, Session, State};
pub use status::Status;
pub use teardown::{Teardown, TeardownDetail, TeardownState};
pub use text::{Text, TooLong};
pub use user::{User, UserState};
pub use user_name::UserName;
pub use version::{Dialect, Framed, Protocol, Version};
pub use versions::{PROTOCOL, V1};
