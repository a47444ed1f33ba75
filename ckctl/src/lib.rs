//! What the administrator types: `ckctl` asks the session broker on `admin.sock` and shows the
//! answer, as tables for people or as JSON for programs.
//!
//! [`arguments`] is the command line, [`account`] finds users by name, [`client`] is the conversation, [`history`] is read without one, [`linger`]
//! looks up who is meant; [`json`] and [`table`] are the two ways to show things, [`metrics`] a third one for the
//! broker's own state: that is made of [`facts`], and [`health`] says what is wrong with it. [`watch`] shows changes as they happen, in lines
//! that [`news`] writes. [`screen`] knows the terminal, and [`run`] puts all together.
#![forbid(unsafe_code)]

pub mod account;
pub mod arguments;
pub mod client;
pub mod facts;
pub mod health;
pub mod history;
pub mod json;
pub mod linger;
#[allow(dead_code, reason = "the file is the module's, which also looks for links themselves")]
#[path = "../../pam_ck/src/lookup.rs"]
mod lookup;
pub mod metrics;
pub mod news;
pub mod run;
pub mod screen;
pub mod table;
pub mod time;
pub mod watch;
