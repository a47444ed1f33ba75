//! The command line.

use crate::{history::Query, layout::Selection, linger::LingerVerb, manual, output::Format};
use ck_protocol::{SessionId, TeardownId};
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::{ffi::OsString, path::PathBuf};

/// Show login sessions, and the state of the session broker
#[derive(Debug, Parser)]
#[command(
    name = "ckctl",
    version,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 done; 1 refused, no such session or user, or a problem that doctor has found; 2 bad arguments; 3 no broker answers."
)]
pub struct Arguments {
    /// The form of what is printed; csv is for lists
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    pub output: Option<Format>,

    /// The same as -o json: an array for a list, one object a line for watch and history, else an object
    #[arg(long, global = true)]
    pub json: bool,

    /// Columns and order of lists.
    #[command(flatten)]
    pub selection: Selection,

    /// Print lists without the heading and the count
    #[arg(long, global = true)]
    pub no_legend: bool,

    /// Has no effect, because ckctl starts no pager; for scripts that were written for loginctl
    #[arg(long, global = true)]
    pub no_pager: bool,

    /// The socket of the broker
    #[arg(long, global = true, value_name = "PATH", default_value = "/run/ck-broker/admin.sock")]
    pub socket: PathBuf,

    /// What to do; list if nothing is given.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// List sessions (also without a verb)
    ///
    /// The terminal of an ssh session, IDLE and WHAT are what proc(5) says when the list is made. What it does not show
    /// to whoever asks, as with the option hidepid=, is not there.
    List {
        /// Only sessions of this user: a name or a uid
        user: Option<OsString>,
    },
    /// Show everything that is known about a session
    Show {
        /// A session id or a user name; without one, the session in which this is typed
        #[arg(value_name = "ID|USER")]
        what: Option<OsString>,
        /// Show all sessions of a user, by name or uid
        #[arg(long, value_name = "USER", conflicts_with = "what")]
        user: Option<OsString>,
    },
    /// List users who have a session or linger
    Users {
        /// Only this user: a name or a uid
        user: Option<OsString>,
    },
    /// List the seats
    Seats,
    /// Bring a session to the foreground of its seat, by switching to its virtual terminal
    Activate {
        /// The session id, from the first column of list
        #[arg(value_parser = session_id, allow_negative_numbers = true)]
        id: SessionId,
    },
    /// End sessions: SIGTERM to their leaders, and SIGKILL five seconds later
    Terminate {
        /// All sessions of a user, by name or uid
        #[arg(long, value_name = "USER", conflicts_with = "ids")]
        user: Option<OsString>,
        /// The session ids, from the first column of list
        #[arg(value_name = "ID", value_parser = session_id, allow_negative_numbers = true)]
        ids: Vec<SessionId>,
    },
    /// Ask the programs of the owners of sessions to lock them
    ///
    /// A line for each session says how many programs were told: those with the owner's uid that subscribe to events, as
    /// ckctl watch does. Whether they act on it is not known. If there are none, a message on standard error says so.
    /// The exit status is 0 all the same, because the request was carried out, as it is with loginctl.
    ///
    /// With --json there is no such message. The object has the members: sessions, the number of sessions; requests, an
    /// array with, for each session, id, its owner as uid and user, and told, the number of programs. With an older
    /// broker uid, user and told are null.
    Lock {
        /// The session ids, from the first column of list
        #[arg(value_name = "ID", required = true, value_parser = session_id, allow_negative_numbers = true)]
        ids: Vec<SessionId>,
    },
    /// Ask the programs of the owners of sessions to unlock them
    ///
    /// What is printed, and the exit status, are those of lock.
    Unlock {
        /// The session ids, from the first column of list
        #[arg(value_name = "ID", required = true, value_parser = session_id, allow_negative_numbers = true)]
        ids: Vec<SessionId>,
    },
    /// Show past and open sessions, the newest first
    History(Query),
    /// Keep runtime directories of users without a session
    #[command(subcommand, arg_required_else_help = false)]
    Linger(LingerVerb),
    /// Show the state of the broker, and what needs attention
    Status {
        /// Print OpenMetrics text, for the textfile collector of node_exporter
        #[arg(long, conflicts_with_all = ["json", "output"])]
        metrics: bool,
    },
    /// Show runtime directories that are being removed, or could not be
    #[command(subcommand, arg_required_else_help = false)]
    Teardown(TeardownVerb),
    /// Check this machine: PAM, sshd, the broker and what it needs, and say what to do
    ///
    /// Without --login, nothing is changed. Every user can ask. What only root can see is skipped for others.
    Doctor(Examination),
    /// Show every event as it happens, until interrupted
    ///
    /// The first lines are a snapshot: the sessions that are open, marked as such. The line of an end says how long the
    /// session lasted by the clock, and why it ended. If events come faster than they
    /// are read, a line says how many are lost.
    ///
    /// With --json a line is an object with the members: time, when ckctl received the event; sequence, the number
    /// of the event; event, one of session_present, seat_present, synced (the snapshot is complete), session_added,
    /// session_changed, session_removed, user_added, user_removed, seat_changed, teardown_finished,
    /// teardown_failed, lock_requested, unlock_requested, lost; id and uid, the session and the user that it is
    /// about; user, the name of the user; session, an object as in list; ended_by, why the session ended, and
    /// terminated_by, the uid of the user who terminated it, with the words of history; duration_seconds, how long it
    /// lasted; seat, active, before, the seat, the session in its foreground and the one before it; lost, how many
    /// events are missing. An absent value is null. An older broker does not say everything.
    Watch,
    /// Show this help, or the help of a verb
    Help {
        /// The verb
        #[arg(value_name = "VERB")]
        verb: Vec<OsString>,
    },
}

/// What `doctor` tries besides.
#[derive(Debug, Clone, Args)]
pub struct Examination {
    /// Log this user in and out again, by PAM, without a password: a real session, with its hooks, its line in the history and
    /// all that other modules do (root only)
    #[arg(long, value_name = "USER")]
    pub login: Option<OsString>,
    /// The PAM service of that login
    #[arg(long, value_name = "NAME", requires = "login", default_value = "sshd")]
    pub service: String,
}

/// What to do about teardowns.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum TeardownVerb {
    /// List all teardowns that are not finished
    List,
    /// Try again to remove quarantined directories (root and administrators only)
    Retry {
        /// The teardown id, from the first column of teardown list; without one, all of them
        #[arg(value_parser = teardown_id, allow_negative_numbers = true)]
        id: Option<TeardownId>,
    },
}

impl Verb {
    /// Whether the verb prints a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(
            self,
            Self::List { .. }
                | Self::Users { .. }
                | Self::Seats
                | Self::History(_)
                | Self::Linger(LingerVerb::List { .. })
                | Self::Teardown(TeardownVerb::List)
        )
    }
}

impl Arguments {
    /// Reads a command line. The first word is the name of the program.
    ///
    /// # Errors
    /// Those of clap, which are also how it hands over help and version.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::from_arg_matches(&command().try_get_matches_from(words)?)
    }
}

/// The command line with everything that `--help` explains.
#[must_use]
pub fn command() -> Command {
    explained(Arguments::command(), "ckctl")
}

fn explained(command: Command, page: &str) -> Command {
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let command = verbs.into_iter().fold(command, |command, verb| {
        let page = format!("{page} {verb}");
        command.mut_subcommand(verb, |verb| explained(verb, &page))
    });
    command.after_long_help(manual::help(page))
}

fn session_id(text: &str) -> Result<SessionId, &'static str> {
    text.parse().map_err(|_| "use a number from the first column of `ckctl list`")
}

fn teardown_id(text: &str) -> Result<TeardownId, &'static str> {
    text.parse().map_err(|_| "use a number from the first column of `ckctl teardown list`")
}
