//! The login-session broker: one process of root with one thread. It makes `/run/user/<uid>` at the first login of a
//! user, removes it after the last logout, and knows who is logged in.
//!
//! `ck-core` holds the rules: the registry of sessions, the policy, the subscriptions, and the order of hooks and
//! teardowns. This crate tells it what happened, and carries out what it returns.
//!
//! Each folder uses only folders below it in this list, and no component uses another:
//!
//! - [`start`], `broker`: from the command line ([`arguments`]) to the loop. `broker` owns the components and passes
//!   the outcomes of one to another;
//! - `api`: the requests of PAM modules and users, each authorised once;
//! - components, with one interface (`component`): `net` (sockets, connections, admission), [`sessions`] (registry, records, leaders),
//!   [`directories`] (make, retire, tear down), [`hooks`], [`history`], [`console`], [`compat`];
//! - `limits`: the limits, and how users share them;
//! - [`config`]: the configuration file, and the settings that follow from it; [`other_manager`]: detects another
//!   daemon that makes the directories;
//! - [`state_files`]: small files in the state directory; [`places`]: the two places that the broker works in;
//!   [`process`]: facts about a process from the kernel;
//! - `poller` (epoll), `lookup` and `pin` (names), [`privileges`], [`log_sink`], [`supervisor`], [`running`] (finds and ends the broker that runs, for service scripts);
//! - `sys`: starts programs, and holds the only unsafe code.
//!
#![deny(unsafe_code)]

#[cfg(test)]
mod any_text;
mod api;
pub mod arguments;
mod broker;
pub mod compat;
mod component;
pub mod config;
pub mod console;
pub mod directories;
pub mod history;
pub mod hooks;
mod limits;
pub mod log_sink;
/// A file of the PAM module, which the broker shares: lookups that do not wait.
#[path = "../../pam_ck/src/lookup.rs"]
mod lookup;
mod net;
pub mod other_manager;
mod pin;
pub mod places;
mod poll;
mod poller;
pub mod privileges;
pub mod process;
pub mod running;
pub mod sessions;
pub mod start;
pub mod state_files;
pub mod supervisor;
mod sys;
