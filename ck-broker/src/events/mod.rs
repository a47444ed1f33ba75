//! Who is told of what: changes are counted, those that somebody has still to be told of are kept as
//! the packets that they are sent in (one for each version that a subscriber speaks), and each subscriber is a place among them.
//!
//! Plain values, without I/O: [`Subscriptions::offer`] says what a subscriber is to be sent next,
//! [`Subscriptions::sent`] is told that it was. However slowly somebody reads, that costs no more
//! memory than for all of them together ([`CHANGES`], [`BYTES`]), and nobody else any time.

mod audience;
mod backlog;
mod subscriptions;

pub use audience::Audience;
pub use backlog::{BYTES, CHANGES};
pub use subscriptions::{Offer, Subscriptions};
