//! The limits of the protocol. All are checked before memory is allocated.

/// The largest request, in bytes. A larger packet is malformed.
pub const REQUEST: usize = 4096;
/// The largest reply or event, in bytes.
pub const REPLY: usize = 4096;
/// The longest user name, in bytes: `LOGIN_NAME_MAX` of Linux without its final zero.
pub const USER_NAME: usize = 255;
/// The longest host name, in bytes: `HOST_NAME_MAX` of POSIX, 255.
pub const HOST_NAME: usize = 255;
/// The longest name of a service, terminal, display or seat, in bytes.
pub const SHORT_NAME: usize = 63;
/// The longest path, in bytes.
pub const PATH: usize = 255;
/// The most buckets of a histogram, and the most counts of a fact.
pub const LIST: usize = 32;
/// The longest message, in bytes.
pub const MESSAGE: usize = 511;
