//! What is published for software that does not know us, in the form that it reads.

pub mod sd_login;
