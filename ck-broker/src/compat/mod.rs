//! What is kept up to date for software that does not know us.
//!
//! - [`sd_login`]: the files that libsystemd reads.

pub mod sd_login;
