//! Which work is due next.
//!
//! These are state machines. They are told what was added, what has begun, what has ended, and the time. They return what is
//! to be started. The broker starts and watches the processes.

mod hooks;
mod schedule;
mod teardowns;

pub use hooks::HookQueue;
pub use schedule::Schedule;
pub use teardowns::{PendingTeardown, Teardowns};
