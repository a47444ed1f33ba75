//! The command line. It is parsed once, and its values are trusted afterwards.

use crate::text::escape;
use lexopt::Arg::Long;
use rustix::fs::Uid;
use std::{
    ffi::{OsStr, OsString},
    os::{fd::RawFd, unix::ffi::OsStrExt},
    path::PathBuf,
    time::Duration,
};

/// The time for the whole run if `--deadline` is not given.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

/// The longest `--deadline`, in seconds: a day.
const MAX_DEADLINE_SECONDS: u64 = 24 * 60 * 60;

/// The longest path, in bytes with its terminating NUL: PATH_MAX of the kernel.
const MAX_PATH: usize = 4096;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Removes a user's runtime directory: its contents as the user, the directory itself as root.

Usage: ck-remove-directory --uid=UID --dest=PATH [--dest-fd=N] [--deadline=SECONDS] [--nice=N] [--json]
       ck-remove-directory --sweep=DIR [--deadline=SECONDS] [--nice=N]

  --uid=UID           number of the user who owns the directory (not 0)
  --dest=PATH         absolute path of the directory, without links in its last component
  --dest-fd=N         empty the tmpfs directory open as descriptor N; PATH is then only its name
  --sweep=DIR         remove the mount points named empty-* in DIR (root's, mode 0700), and their mounts
  --deadline=SECONDS  stop after this long, 1 to 86400 (default 60)
  --nice=N            run at this niceness, 1 to 19 (see nice(1); default: that of the caller)
  --json              print one JSON object on standard output at the end
  --help, --version

Exit status: 0 gone, or was not there; 1 something is left, named on standard error;
2 bad arguments, or refused; 3 a child hangs in the kernel and is left behind;
4 something is left, and another run will get further.";

/// The task of the command.
pub(crate) enum Command {
    /// Remove a directory.
    Remove(RemoveRequest),
    /// Remove mount points.
    Sweep(SweepRequest),
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
}

/// A removal. Every value is in range.
#[derive(Debug)]
pub(crate) struct RemoveRequest {
    /// The owner: neither 0 nor the invalid uid -1.
    pub(crate) uid: Uid,
    /// The path of the directory. With `dest_fd`, it is only a name for messages.
    pub(crate) dest: PathBuf,
    /// An open descriptor of the directory, which is only emptied.
    pub(crate) dest_fd: Option<RawFd>,
    /// The time that the whole run may take.
    pub(crate) deadline: Duration,
    /// The niceness to run at.
    pub(crate) nice: Option<i32>,
    /// True if a JSON object is printed at the end.
    pub(crate) json: bool,
}

/// A `--sweep`. Every value is in range.
#[derive(Debug)]
pub(crate) struct SweepRequest {
    /// The directory in which mount points are removed.
    pub(crate) directory: PathBuf,
    /// The time that the whole run may take.
    pub(crate) deadline: Duration,
    /// The niceness to run at.
    pub(crate) nice: Option<i32>,
}

/// Why the arguments are invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("{0} (see --help)")]
    Syntax(#[from] lexopt::Error),
    #[error("--{0} is missing: give --uid=UID and --dest=PATH (see --help)")]
    Missing(&'static str),
    #[error("--uid={0}: not a user number, give decimal digits below 4294967295")]
    Uid(String),
    #[error("--uid=0: refused, root's directories are not removed by this command")]
    Root,
    #[error("--sweep goes with --deadline and --nice only")]
    SweepAlone,
    #[error("--{0}: an empty path, give an absolute one")]
    EmptyPath(&'static str),
    #[error("--{0}: the path is longer than 4095 bytes")]
    LongPath(&'static str),
    #[error("--dest-fd={0}: not a descriptor number")]
    Descriptor(String),
    #[error("--deadline={0}: give whole seconds from 1 to 86400")]
    Deadline(String),
    #[error("--nice={0}: give a whole number from 1 to 19")]
    Nice(String),
}

/// Parses the arguments that follow the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, ArgumentError> {
    let mut parser = lexopt::Parser::from_args(args);
    let (mut uid, mut dest, mut dest_fd) = (None, None, None);
    let (mut deadline, mut nice, mut json, mut sweep) = (DEFAULT_DEADLINE, None, false, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("uid") => uid = Some(parse_uid(&parser.value()?)?),
            Long("dest") => dest = Some(parse_path("dest", parser.value()?)?),
            Long("sweep") => sweep = Some(parse_path("sweep", parser.value()?)?),
            Long("dest-fd") => dest_fd = Some(parse_descriptor(&parser.value()?)?),
            Long("deadline") => deadline = parse_deadline(&parser.value()?)?,
            Long("nice") => nice = Some(parse_nice(&parser.value()?)?),
            Long("json") => json = true,
            Long("help") => return Ok(Command::Help),
            Long("version") => return Ok(Command::Version),
            other => return Err(other.unexpected().into()),
        }
    }
    if let Some(directory) = sweep {
        return match (uid, dest, dest_fd, json) {
            (None, None, None, false) => Ok(Command::Sweep(SweepRequest { directory, deadline, nice })),
            _ => Err(ArgumentError::SweepAlone),
        };
    }
    let uid = uid.ok_or(ArgumentError::Missing("uid"))?;
    let dest = dest.ok_or(ArgumentError::Missing("dest"))?;
    Ok(Command::Remove(RemoveRequest { uid, dest, dest_fd, deadline, nice, json }))
}

fn parse_nice(value: &OsStr) -> Result<i32, ArgumentError> {
    let number = digits(value).and_then(|digits| digits.parse::<i32>().ok());
    number
        .filter(|number| (1..=19).contains(number))
        .ok_or_else(|| ArgumentError::Nice(escape(value.as_bytes())))
}

fn parse_uid(value: &OsStr) -> Result<Uid, ArgumentError> {
    match digits(value).and_then(|digits| digits.parse::<u32>().ok()) {
        None | Some(u32::MAX) => Err(ArgumentError::Uid(escape(value.as_bytes()))),
        Some(0) => Err(ArgumentError::Root),
        Some(number) => Ok(Uid::from_raw(number)),
    }
}

fn parse_path(option: &'static str, value: OsString) -> Result<PathBuf, ArgumentError> {
    match value.len() {
        0 => Err(ArgumentError::EmptyPath(option)),
        MAX_PATH.. => Err(ArgumentError::LongPath(option)),
        _ => Ok(value.into()),
    }
}

fn parse_descriptor(value: &OsStr) -> Result<RawFd, ArgumentError> {
    digits(value)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| ArgumentError::Descriptor(escape(value.as_bytes())))
}

fn parse_deadline(value: &OsStr) -> Result<Duration, ArgumentError> {
    digits(value)
        .and_then(|digits| digits.parse().ok())
        .filter(|seconds| (1..=MAX_DEADLINE_SECONDS).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| ArgumentError::Deadline(escape(value.as_bytes())))
}

/// The value if it consists of decimal digits only. Rust's own parsers also accept `+5`.
fn digits(value: &OsStr) -> Option<&str> {
    value.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<RemoveRequest, String> {
        match parse(args.iter().map(OsString::from)) {
            Ok(Command::Remove(request)) => Ok(request),
            Ok(_) => Err("help or version".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn both_spellings_of_a_value_are_taken() {
        let joined = parsed(&["--uid=2001", "--dest=/run/user/2001"]).unwrap();
        let apart = parsed(&["--uid", "2001", "--dest", "/run/user/2001"]).unwrap();
        assert_eq!(joined.uid, Uid::from_raw(2001));
        assert_eq!((joined.uid, &joined.dest), (apart.uid, &apart.dest));
        assert_eq!((joined.deadline, joined.json, joined.dest_fd), (DEFAULT_DEADLINE, false, None));
    }

    #[test]
    fn options_reach_the_request() {
        let request = parsed(&["--uid=7", "--dest=x", "--dest-fd=0", "--deadline=5", "--json"]).unwrap();
        assert_eq!(
            (request.dest_fd, request.deadline, request.json),
            (Some(0), Duration::from_secs(5), true)
        );
    }

    #[test]
    fn a_uid_is_digits_and_neither_root_nor_minus_one() {
        for bad in ["0", "00", "-1", "4294967295", "4294967296", "+5", "1000x", " 1", "", "alice"] {
            let error = parsed(&[&format!("--uid={bad}"), "--dest=/x"]).unwrap_err();
            assert!(error.contains("--uid"), "{bad:?}: {error}");
        }
        assert!(parsed(&["--uid=4294967294", "--dest=/x"]).is_ok());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for bad in ["--deadline=0", "--deadline=86401", "--deadline=1.5", "--dest-fd=-1", "--dest-fd=x"] {
            assert!(parsed(&["--uid=1", "--dest=/x", bad]).is_err(), "{bad}");
        }
        assert!(parsed(&["--uid=1", &format!("--dest=/{}", "x".repeat(MAX_PATH))]).is_err());
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert!(parsed(&["--dest=/x"]).unwrap_err().contains("--uid is missing"));
        assert!(parsed(&["--uid=1"]).unwrap_err().contains("--dest is missing"));
        assert!(parsed(&["--uid=1", "--dest="]).unwrap_err().contains("empty path"));
        assert!(parsed(&["--uid=1", "--dest=/x", "--force"]).unwrap_err().contains("--force"));
        assert!(parsed(&["--uid=1", "--dest=/x", "stray"]).unwrap_err().contains("stray"));
    }

    #[test]
    fn a_sweep_goes_alone() {
        assert!(matches!(
            parse(["--sweep=/x", "--nice=5", "--deadline=3"].map(OsString::from)),
            Ok(Command::Sweep(request)) if request.directory.as_os_str() == "/x" && request.nice == Some(5)
        ));
        for more in ["--uid=1", "--dest=/x", "--dest-fd=0", "--json"] {
            assert!(parsed(&["--sweep=/x", more]).unwrap_err().contains("--sweep goes with"), "{more}");
        }
        assert!(parsed(&["--sweep="]).unwrap_err().contains("--sweep: an empty path"));
    }
}
