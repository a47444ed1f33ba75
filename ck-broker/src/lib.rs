//! The login-session broker: one root process, one thread, that makes `/run/user/<uid>` at the
//! first login of a user, takes it away after the last logout, and knows who is logged in.
//!
//! `ck-core` holds the rules: the registry of sessions, the policy, the subscriptions, and the order of hooks and
//! teardowns. This crate tells it what happened, and carries out what it returns.
//!
//! - [`server`] is the loop: sockets, peers, requests, and carrying out effects;
//! - [`hooks`] runs root's programs when sessions come and go;
//! - [`runtime_dir`] makes and retires directories in microseconds; [`jobs`] tears down what was
//!   retired, in processes of its own;
//! - [`places`] makes the directories that it works in what they must be;
//! - [`store`] keeps what a restart must find, and [`history`] what people want to know later;
//! - [`running`] finds and ends the broker that runs, for service scripts;
//! - `lookup` asks for names without waiting for anybody; [`process`] and [`console`] ask the kernel, [`rival`] looks for another daemon of this kind;
//!   [`privileges`] gives up what is not needed; [`start`] puts it all together from
//!   [`arguments`], [`configuration`] and the [`settings`] that this comes to, [`log_sink`] says what
//!   happens, and [`supervisor`] how the broker is, to whoever has started it.
//!
//! There is no `unsafe` but in `sys`, for what neither nix nor rustix can do.
#![deny(unsafe_code)]

#[cfg(test)]
mod any_text;
pub mod arguments;
mod component;
pub mod config;
pub mod console;
pub mod directories;
pub mod history;
pub mod hooks;
pub mod log_sink;
/// The module's file: what it does without waiting, the broker does as well.
#[path = "../../pam_ck/src/lookup.rs"]
mod lookup;
mod pin;
pub mod places;
mod poll;
mod poller;
pub mod privileges;
pub mod process;
pub mod rival;
pub mod running;
pub mod server;
pub mod sessions;
pub mod start;
pub mod supervisor;
mod sys;
