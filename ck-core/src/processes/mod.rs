//! Processes as proc_pid_stat(5) describes them, and what they say about a session: its terminal, and what runs there.
//!
//! - [`Stat`] is one line of that file: the only parser of it.
//! - [`Device`] is a terminal by its number, with the name below `/dev`.
//! - [`Tree`] finds the processes of a session: the descendants of its leader.
//!
//! Whoever uses this reads the lines, of as many processes as are visible. Processes come and go meanwhile: what does not
//! fit together is absent, and never an error.

mod device;
mod stat;
mod tree;

pub use device::Device;
pub use stat::Stat;
pub use tree::Tree;
