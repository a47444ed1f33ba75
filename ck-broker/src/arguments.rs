//! The command line.

use crate::{
    compat::sd_login,
    config::HistoryPlace,
    console::switch,
    directories::runtime_dir::{IN_ROOT, Task},
    history,
    net::deferred_close::OPTION as CLOSE_DESCRIPTORS,
    places,
};
use ck_protocol::Vt;
use std::path::PathBuf;

/// What `--help` prints.
pub const HELP: &str = "\
Usage: ck-broker [OPTION]...
The login-session broker. Stays in the foreground.

  --config FILE        configuration (default /etc/ck/broker.toml; absent: defaults)
  --state-dir DIR      sockets and state (default /run/ck-broker)
  --runtime-root DIR   where runtime directories are (default /run/user)
  --linger-dir DIR     who lingers (default /var/lib/ck/linger)
  --beside-logind      where logind or elogind manages the root: sessions without directories,
                       instead of no start
  --ready-fd N         write a newline to descriptor N once logins are served
  --syslog             messages go to /dev/log instead of standard error
  --check-config       read the configuration, say what is wrong with it, and exit
  --pid                print the pid of the broker that runs on the state directory, and exit
  --stop               end that broker, wait for its end, and exit
  --version            print the version and exit
  --help               print this and exit

SIGHUP: read the configuration again. Sockets of a service manager (LISTEN_FDS) are taken over.
Exit status: 0 stopped by SIGTERM or SIGINT, or done; 1 cannot run or cannot do it; 2 bad arguments or
configuration; with --pid, 3 no broker runs; 4 no broker runs, and the last one was killed.
";

/// What the broker is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Run(Options),
    /// Read the configuration only.
    CheckConfig(Options),
    /// Print the pid of the broker on this state directory.
    Pid(PathBuf),
    /// End the broker on this state directory.
    Stop(PathBuf),
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
    /// End when standard input does. The broker itself starts such a process, for the descriptors that
    /// it then holds: `--close-descriptors`.
    CloseDescriptors,
    /// Do this in the root of the runtime directories. The broker itself starts such a process: [`IN_ROOT`].
    InRoot(Task, PathBuf),
    /// Bring this virtual terminal to the foreground. The broker itself starts such a process: [`switch::OPTION`].
    SwitchVt(Vt),
    /// Make the places to work in, for the broker with this pid. That starts such a process: [`crate::places::OPTION`].
    MakePlaces(Box<MakePlaces>),
    /// Append to the history what comes on standard input. The broker itself starts such a process:
    /// [`crate::history::OPTION`]. Whether its messages go to the system's log.
    WriteHistory(HistoryPlace, bool),
    /// Write files for libsystemd. The broker itself starts such a process: [`crate::compat::sd_login::OPTION`]. The file to lock, and whether its
    /// messages go to the system's log.
    Publish(PathBuf, bool),
}

/// Which places are to be made.
#[derive(Debug, PartialEq, Eq)]
pub struct MakePlaces {
    /// The pid of the broker that wants them.
    pub broker: i32,
    /// The state directory.
    pub state_dir: PathBuf,
    /// The root of the runtime directories, unless somebody else makes them.
    pub runtime_root: Option<PathBuf>,
    /// Where it is written who lingers.
    pub linger_dir: PathBuf,
    /// Whether a service manager holds the sockets.
    pub sockets_are_passed: bool,
    /// Whether messages go to the system's log.
    pub syslog: bool,
}

/// Where things are, and how it runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// The configuration file, if one was named.
    pub config: Option<PathBuf>,
    /// The state directory.
    pub state_dir: PathBuf,
    /// The root of the runtime directories.
    pub runtime_root: PathBuf,
    /// Where it is written who lingers.
    pub linger_dir: PathBuf,
    /// Whether directories are left to logind, where it manages the root.
    pub beside_logind: bool,
    /// The descriptor on which readiness is told.
    pub ready_fd: Option<i32>,
    /// Whether messages go to the system's log.
    pub syslog: bool,
}

/// Why the command line makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// It could not be parsed.
    #[error("{0}; see ck-broker --help")]
    Parse(#[from] lexopt::Error),
    /// A path that would depend on where the broker was started.
    #[error("{option} {}: give an absolute path", path.display())]
    Relative {
        /// The option.
        option: &'static str,
        /// What it was given.
        path: PathBuf,
    },
    /// A descriptor that cannot be meant for us.
    #[error("--ready-fd {0}: give a descriptor from 3 on")]
    ReadyFd(i32),
    /// Nothing that could be done in the root.
    #[error("--{IN_ROOT} {0}: is for ck-broker itself")]
    Task(String),
    /// No virtual terminal.
    #[error("--{option} {0}: is for ck-broker itself", option = switch::OPTION)]
    Vt(String),
    /// No size and file of a history.
    #[error("--write-history {0}: is for ck-broker itself")]
    History(String),
}

/// Reads the command line.
///
/// # Errors
/// [`ArgumentError`]
pub fn parse(mut parser: lexopt::Parser) -> Result<Command, ArgumentError> {
    use lexopt::prelude::{Long, ValueExt};
    let mut options = Options {
        config: None,
        state_dir: "/run/ck-broker".into(),
        runtime_root: "/run/user".into(),
        linger_dir: "/var/lib/ck/linger".into(),
        beside_logind: false,
        ready_fd: None,
        syslog: false,
    };
    let (mut command, mut in_root): (fn(Options) -> Command, _) = (Command::Run, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => options.config = Some(absolute("--config", parser.value()?.into())?),
            Long("state-dir") => options.state_dir = absolute("--state-dir", parser.value()?.into())?,
            Long("runtime-root") => {
                options.runtime_root = absolute("--runtime-root", parser.value()?.into())?
            }
            Long("linger-dir") => options.linger_dir = absolute("--linger-dir", parser.value()?.into())?,
            Long("ready-fd") => options.ready_fd = Some(ready_fd(parser.value()?.parse()?)?),
            Long("beside-logind") => options.beside_logind = true,
            Long("syslog") => options.syslog = true,
            Long("check-config") => command = Command::CheckConfig,
            Long("pid") => command = |options| Command::Pid(options.state_dir),
            Long("stop") => command = |options| Command::Stop(options.state_dir),
            Long("version") => return Ok(Command::Version),
            Long("help") => return Ok(Command::Help),
            Long(long) if long == IN_ROOT => {
                let value = parser.value()?.string()?;
                let Some(task) = Task::parse(&value) else { return Err(ArgumentError::Task(value)) };
                in_root = Some(task);
            }
            Long(long) if long == places::OPTION => return make_places(parser),
            Long(long) if long == sd_login::OPTION => {
                return Ok(Command::Publish(parser.value()?.into(), options.syslog));
            }
            Long(long) if long == CLOSE_DESCRIPTORS => return Ok(Command::CloseDescriptors),
            Long(long) if long == switch::OPTION => {
                let value = parser.value()?.string()?;
                return switch::parse(&value).map(Command::SwitchVt).ok_or(ArgumentError::Vt(value));
            }
            Long(long) if long == history::OPTION => {
                let value = parser.value()?.string()?;
                return history::writer::place(&value)
                    .map(|place| Command::WriteHistory(place, options.syslog))
                    .ok_or(ArgumentError::History(value));
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if let Some(task) = in_root {
        return Ok(Command::InRoot(task, options.runtime_root));
    }
    Ok(command(options))
}

/// The rest of a command line that the broker itself has made.
fn make_places(mut parser: lexopt::Parser) -> Result<Command, ArgumentError> {
    use lexopt::prelude::{Long, ValueExt};
    let broker = parser.value()?.parse()?;
    let mut places = MakePlaces {
        broker,
        state_dir: PathBuf::new(),
        runtime_root: None,
        linger_dir: PathBuf::new(),
        sockets_are_passed: false,
        syslog: false,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("state-dir") => places.state_dir = absolute("--state-dir", parser.value()?.into())?,
            Long("runtime-root") => {
                places.runtime_root = Some(absolute("--runtime-root", parser.value()?.into())?);
            }
            Long("linger-dir") => places.linger_dir = absolute("--linger-dir", parser.value()?.into())?,
            Long(long) if long == places::KEEP_SOCKETS => places.sockets_are_passed = true,
            Long("syslog") => places.syslog = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::MakePlaces(Box::new(places)))
}

fn absolute(option: &'static str, path: PathBuf) -> Result<PathBuf, ArgumentError> {
    if path.is_absolute() { Ok(path) } else { Err(ArgumentError::Relative { option, path }) }
}

fn ready_fd(number: i32) -> Result<i32, ArgumentError> {
    if number > 2 { Ok(number) } else { Err(ArgumentError::ReadyFd(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, String> {
        parse(lexopt::Parser::from_args(words)).map_err(|error| error.to_string())
    }

    #[test]
    fn both_spellings_of_an_option_are_read() {
        let Ok(Command::Run(options)) = parsed(&["--state-dir=/a", "--runtime-root", "/b", "--ready-fd=3"])
        else {
            panic!()
        };
        assert_eq!((options.state_dir, options.runtime_root), ("/a".into(), "/b".into()));
        assert_eq!(options.ready_fd, Some(3));
    }

    #[test]
    fn nonsense_is_named() {
        for (words, word) in [
            (&["--wat"][..], "--wat"),
            (&["--state-dir", "run"], "absolute"),
            (&["--ready-fd=1"], "from 3"),
            (&["--ready-fd=x"], "x"),
            (&["--config"], "--config"),
            (&["now"], "now"),
            (&["--switch-vt=64"], "64"),
        ] {
            let error = parsed(words).unwrap_err();
            assert!(error.contains(word) && !error.contains('\n'), "{error}");
        }
    }
}
