//! The command line.

use ck_protocol::{SessionId, TeardownId};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Show who is logged in, and how the session broker is.
#[derive(Debug, Parser)]
#[command(
    name = "ckctl",
    version,
    after_help = "Exit status: 0 done; 1 refused, or no such session or user; 2 bad arguments; 3 no broker answers."
)]
pub struct Arguments {
    /// Print JSON: an array for a list, an object otherwise
    #[arg(long, global = true)]
    pub json: bool,

    /// Print tables without the head line and the count
    #[arg(long, global = true)]
    pub no_legend: bool,

    /// The broker's socket
    #[arg(long, global = true, value_name = "PATH", default_value = "/run/ck-broker/admin.sock")]
    pub socket: PathBuf,

    /// What to do
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// List all sessions (what happens without a verb)
    List,
    /// Show all that is known of one session
    Show {
        /// The session's id, as list prints it
        id: SessionId,
    },
    /// List the users who are here
    Users,
    /// List the seats
    Seats,
    /// Show how the broker is
    Status,
    /// Bring a session to the foreground of its seat, by switching to its virtual terminal
    Activate {
        /// The session's id, as list prints it
        id: SessionId,
    },
    /// End sessions: by SIGTERM to their leaders, and five seconds later SIGKILL
    #[command(arg_required_else_help = true)]
    Terminate {
        /// All sessions of a user, by name or uid
        #[arg(long, value_name = "USER", conflicts_with = "ids")]
        user: Option<String>,
        /// The sessions' ids, as list prints them
        #[arg(value_name = "ID")]
        ids: Vec<SessionId>,
    },
    /// Ask the programs of sessions to lock them
    Lock {
        /// The sessions' ids, as list prints them
        #[arg(value_name = "ID", required = true)]
        ids: Vec<SessionId>,
    },
    /// Ask the programs of sessions to unlock them
    Unlock {
        /// The sessions' ids, as list prints them
        #[arg(value_name = "ID", required = true)]
        ids: Vec<SessionId>,
    },
    /// Show what waits to be torn down, or could not be
    #[command(subcommand)]
    Teardown(TeardownVerb),
}

/// What to do about teardowns.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum TeardownVerb {
    /// List all teardowns that are not finished
    List,
    /// Have teardowns that were given up tried again (root and administrators only)
    Retry {
        /// The teardown's id, as list prints it; without one, all of them
        id: Option<TeardownId>,
    },
}
