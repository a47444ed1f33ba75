//! The administrator's command. `ckctl` asks the session broker on `admin.sock`, and prints the reply as a table for people, or
//! as JSON or CSV for programs.
//!
//! - [`run`]: from the command line to what is printed
//! - [`arguments`]: the command line; [`manual`]: what the manual pages and `--help` explain
//! - [`client`]: the connection to the broker
//! - [`doctor`]: checks of the whole machine; `libpam`: the calls into libpam for it
//! - [`show`], [`history`], [`linger`], [`lock`], [`watch`]: one verb each
//! - [`activity`]: what the users of sessions do: their terminals, what runs on them
//! - [`table`], [`json`], [`metrics`], [`events`]: the forms of what is printed; [`output`] chooses one, [`layout`] makes lists
//! - [`status`]: the state of the broker for people; [`openmetrics`]: the text of [`metrics`]
//! - [`facts`]: what the broker reports about itself; [`health`] finds problems in it
//! - [`account`]: users by name or uid; [`time`]: local times; [`screen`]: the terminal
#![deny(unsafe_code)]

pub mod account;
pub mod activity;
pub mod arguments;
pub mod client;
pub mod doctor;
pub mod events;
#[cfg(test)]
mod example_facts;
pub mod facts;
pub mod health;
pub mod history;
pub mod json;
pub mod layout;
mod libpam;
pub mod linger;
pub mod lock;
mod lookup;
pub mod manual;
pub mod metrics;
pub mod openmetrics;
pub mod output;
pub mod run;
pub mod screen;
pub mod show;
pub mod status;
mod sys;
pub mod table;
pub mod time;
pub mod watch;
