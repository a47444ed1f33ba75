//! What the administrator types: `ckctl` asks the session broker on `admin.sock` and shows the
//! answer, as tables for people or as JSON for programs.
//!
//! [`arguments`] is the command line, [`client`] the conversation; [`json`] and [`table`] are the
//! two ways to show things, and [`run`] puts them together. [`watch`] shows changes as they happen, in lines that
//! [`news`] writes.
#![forbid(unsafe_code)]

pub mod arguments;
pub mod client;
pub mod json;
pub mod news;
pub mod run;
pub mod table;
pub mod time;
pub mod watch;
