//! The command line.

use crate::{history::Query, linger::LingerVerb};
use ck_protocol::{SessionId, TeardownId};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Show who is logged in, and how the session broker is.
#[derive(Debug, Parser)]
#[command(
    name = "ckctl",
    version,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 done; 1 refused, or no such session or user; 2 bad arguments; 3 no broker answers."
)]
pub struct Arguments {
    /// Print JSON: an array for a list, an object a line for watch and the history, an object otherwise
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
    /// Show who was logged in, the newest first
    History(Query),
    /// Say who keeps a runtime directory without a session
    #[command(subcommand)]
    Linger(LingerVerb),
    /// Show how the broker is, and whether all is well
    Status {
        /// Print OpenMetrics text, for the textfile collector of node_exporter
        #[arg(long, conflicts_with = "json")]
        metrics: bool,
    },
    /// Show what waits to be torn down, or could not be
    #[command(subcommand)]
    Teardown(TeardownVerb),
    /// Show who is here, then every change as it happens, until interrupted
    ///
    /// Sessions that were there before come first, marked as such. Where changes come faster than they are
    /// read, it says how many are lost.
    ///
    /// With --json a line is an object with the fields: time, when it was heard of; sequence, the number of the
    /// change; event, one of session_present, seat_present, synced (that was all there was), session_added,
    /// session_changed, session_removed, user_added, user_removed, seat_changed, teardown_finished,
    /// teardown_failed, lock_requested, unlock_requested, lost; id and uid, the session and the user that it is
    /// about; session, an object as in list; seat, active, before, the session in the foreground of the seat and
    /// the one that was; lost, how many changes are missing. What is absent is null.
    Watch,
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
