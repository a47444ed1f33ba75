//! How facts are written for programs: JSON (RFC 8259) with times as RFC 3339.
//!
//! The history, the environment of hooks and `ckctl` all use this form. Times are UTC with `Z`, to the microsecond. Ids are
//! strings. A string contains no character that could break a line or steer a terminal: such a character is written as
//! `\uXXXX`.
//!
//! - [`Object`] writes an object, one member after another;
//! - [`session()`] has the members of a session;
//! - [`rfc3339`] writes a time.

mod object;
mod session;
mod time;
mod value;

pub use object::{Object, escape};
pub use session::{Members, session};
pub use time::rfc3339;
pub use value::Value;
