//! Subscriptions: which packets each subscriber is sent, and in which order.
//!
//! Changes are numbered. A change that some subscriber has not received yet is kept as the packet in which it is sent. A
//! subscriber is only a position among these packets and in the table of sessions.
//!
//! [`Subscriptions::offer`] returns the next packet for a subscriber. [`Subscriptions::sent`] is called after it was sent.
//! All subscribers together use no more memory than [`CHANGES`] and [`BYTES`] allow, however slowly they read. A slow
//! subscriber does not delay the others.
//!
//! The policy is applied when a packet is offered, not when the change is published: [`Subscriptions::offer`] takes the
//! [`Requester`](crate::policy::Requester) under the policy of that moment.

mod backlog;
mod subscriptions;

pub use backlog::{BYTES, CHANGES};
pub use subscriptions::{Offer, Subscriptions};
