//! What the administrator types: `ckctl` asks the session broker on `admin.sock` and shows the
//! answer, as tables for people or as JSON for programs.
//!
//! [`arguments`] is the command line, [`client`] the conversation, [`history`] is read without one, [`linger`] looks up
//! who is meant; [`json`] and [`table`] are the
//! two ways to show things, and [`run`] puts them together.
#![forbid(unsafe_code)]

pub mod arguments;
pub mod client;
pub mod history;
pub mod json;
pub mod linger;
pub mod run;
pub mod table;
pub mod time;
