//! Drives real programs on throw-away hosts, so that tests (and the demo) can look at real logins.
//!
//! A host is a set of namespaces on a cached Debian tree, with its own root, pids, network and cgroup; `host/README.md`
//! says how it is made. Everything in here is for tests: what goes wrong is a panic that says what, with the host's
//! log, and nothing waits for ever.
//!
//! - [`guarded`]: a machine on which somebody makes trouble, and what must be as before
//! - [`host`]: bring a host up, run commands in it, look at its files; it is gone when the value is dropped
//! - [`logins`]: logins one after another, in several ways
//! - [`machine`]: a host on which the product is installed, and its broker runs
//! - [`older_kernel`]: programs for which newer system calls fail
//! - [`process`]: a program that runs in a host, and what it printed
//! - [`pty`]: a program on a terminal of the host, and somebody who types
//! - [`siege`]: an attack, and what must hold meanwhile
//! - [`wait`]: wait for a condition, with a limit
//! - [`wire`]: what the module and `ckctl` say to a broker, for programs that run in a host

pub mod children;
pub mod guarded;
pub mod host;
pub mod logins;
pub mod machine;
pub mod older_kernel;
pub mod process;
pub mod pty;
pub mod siege;
pub mod wait;
pub mod wire;

pub use guarded::{CANARY, Guarded, Login};
pub use host::{Host, Kind, Options, Suite};
pub use machine::{ALICES, Machine};
pub use process::{Output, Running};
pub use pty::Pty;
pub use wait::wait_until;
