//! What the administrator types: `ckctl` asks the session broker on `admin.sock` and shows the
//! answer, as tables for people or as JSON for programs.
//!
//! [`arguments`] is the command line, [`account`] finds users by name, [`client`] is the conversation; [`json`] and [`table`] are the
//! two ways to show things, and [`run`] puts them together.
#![forbid(unsafe_code)]

pub mod account;
pub mod arguments;
pub mod client;
pub mod json;
pub mod run;
pub mod table;
pub mod time;
