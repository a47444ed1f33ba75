//! The tests on throw-away hosts, and those that compare sources and documents with the truth. A module is a subject.
//!
//! They are one program: it is linked once, and its threads have something to do until its last test. No test changes what
//! this process shares with the others, such as its environment, directory, umask, limits, signals or user: a test that
//! has to do that starts a program.

mod activation;
mod background;
mod bad_input;
mod children;
mod ckctl_words;
mod clock;
mod completions;
mod crash;
mod daemons;
mod dependencies;
mod directories;
mod doctor;
mod endings;
mod events;
mod faults;
mod filter;
mod first_login;
mod held;
mod history;
mod hooks;
mod host;
mod hostile_peer;
mod house;
mod inner;
mod isolation;
mod limits;
mod linger;
mod links;
mod list;
mod local;
mod logging;
mod manuals;
mod monitoring;
mod names;
mod neighbours;
mod older_kernel;
mod package;
mod permissions;
mod pid_reuse;
mod policy;
mod privileges;
mod proc_hidden;
mod queue;
mod reboot;
mod recipes;
mod reload;
mod restart;
mod seats;
mod skew;
mod stopping;
mod suites;
mod supervisors;
mod system_calls;
mod teardown;
mod terminate;
mod threats;
mod transcript;
mod troubleshooting;
mod upgrade;
mod upkeep;
