//! The configuration file, `/etc/ck/broker.toml`, and what it comes to on this machine: [`Settings`].

mod admin;
mod configured;
mod file;
mod history_place;
mod hook_rules;
mod key;
mod runtime_dir;
mod seats;
mod services;
mod settings;

pub use admin::{Admin, Group};
pub(crate) use configured::Configured;
pub use history_place::{HistoryPlace, Readers};
pub use hook_rules::HookRules;
pub use runtime_dir::{Backing, BadSize, MountOptions, Size};
pub use seats::Seats;
pub use services::Service;
pub use settings::{Settings, SettingsError, Source};

use log::LevelFilter;
use serde::Deserialize;
use std::{
    collections::HashMap,
    io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

/// The longest time that makes sense, in milliseconds: a day.
const LONGEST: u64 = 24 * 3_600_000;
/// How many hooks run at once, and how many may at most: each takes a process and two descriptors.
const PARALLEL: usize = 16;
const MOST_PARALLEL: usize = 64;
/// How many directories of hooks there may be.
const DIRECTORIES: usize = 8;

/// The least that a history may hold, in bytes: some 200 lines.
const SMALLEST_HISTORY: u64 = 64 << 10;

/// Everything that can be configured; what is not said has its default.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    /// The table `[runtime_dir]`.
    pub runtime_dir: RuntimeDir,
    /// The table `[history]`.
    pub history: History,
    /// The table `[log]`.
    pub log: Log,
    /// The table `[hooks]`.
    pub hooks: Hooks,
    /// The table `[admin]`.
    pub admin: Admin,
    /// The tables `[seats.NAME]`.
    pub seats: Seats,
    /// The tables `[services.NAME]`, by the name of the PAM service.
    pub services: HashMap<String, Service>,
}

/// How runtime directories are made, and when they go.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeDir {
    /// `"auto"`, `"tmpfs"`, `"directory"` or `"none"`.
    pub kind: Backing,
    /// How large a tmpfs may grow: `"10%"` of memory, or bytes as in `"64m"`.
    pub size: Size,
    /// How many files, directories and so on a tmpfs may hold; one per 4 KiB of its size if
    /// nothing is said, as systemd-logind has it.
    pub inodes: Option<NonZeroU64>,
    /// Whether programs in a tmpfs cannot be executed.
    pub noexec: bool,
    /// How long after the last logout the directory stays, for a login that comes soon.
    pub stop_delay: Period,
}

/// How hooks are run.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    /// How long each may take before it is ended.
    pub deadline: Period,
    /// How many run at once.
    pub parallel: Parallel,
    /// Whether a login waits for the hooks that are told of it.
    pub wait_added: bool,
    /// Where those for sessions are; of two with the same name, the one in the later directory counts.
    pub session_dirs: Directories,
    /// Where those for seats are.
    pub seat_dirs: Directories,
}

impl Default for Hooks {
    fn default() -> Self {
        let directories = |name: &str| {
            Directories(["/usr/lib/ck", "/etc/ck"].map(|parent| Path::new(parent).join(name)).to_vec())
        };
        Self {
            deadline: Period(Duration::from_secs(15)),
            parallel: Parallel(PARALLEL),
            wait_added: false,
            session_dirs: directories("run-session.d"),
            seat_dirs: directories("run-seat.d"),
        }
    }
}

/// How many hooks run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "usize")]
pub struct Parallel(pub usize);

/// A number of hooks at once that is none.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` hooks cannot run at once: use 1 to {MOST_PARALLEL}")]
pub struct BadParallel(usize);

impl TryFrom<usize> for Parallel {
    type Error = BadParallel;

    fn try_from(number: usize) -> Result<Self, BadParallel> {
        if (1..=MOST_PARALLEL).contains(&number) { Ok(Self(number)) } else { Err(BadParallel(number)) }
    }
}

/// Directories, each named from the root.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<PathBuf>")]
pub struct Directories(pub Vec<PathBuf>);

/// Directories that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadDirectories {
    /// It would depend on where the broker was started.
    #[error("`{}` does not begin with a slash", .0.display())]
    Relative(PathBuf),
    /// There are too many.
    #[error("more than {DIRECTORIES} directories")]
    TooMany,
}

impl TryFrom<Vec<PathBuf>> for Directories {
    type Error = BadDirectories;

    fn try_from(paths: Vec<PathBuf>) -> Result<Self, BadDirectories> {
        if paths.len() > DIRECTORIES {
            return Err(BadDirectories::TooMany);
        }
        match paths.iter().find(|path| !path.is_absolute()) {
            Some(path) => Err(BadDirectories::Relative(path.clone())),
            None => Ok(Self(paths)),
        }
    }
}

/// A time: a number with `ms`, `s`, `min` or `h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Period(pub Duration);

/// A time that is none.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is an invalid duration: write a number with ms, s, min or h, as \"10s\"")]
pub struct BadPeriod(String);

impl TryFrom<String> for Period {
    type Error = BadPeriod;

    fn try_from(text: String) -> Result<Self, BadPeriod> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "min" => 60_000,
            "h" => 3_600_000,
            _ => return Err(BadPeriod(text)),
        };
        match number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis)) {
            Some(millis) if millis <= LONGEST => Ok(Self(Duration::from_millis(millis))),
            _ => Err(BadPeriod(text)),
        }
    }
}

/// Where it is written who was here.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// An absolute path, or `"none"`.
    pub file: HistoryFile,
    /// How large it may grow before it is renamed to `.1`: bytes, as `"10m"`.
    pub size: HistorySize,
}

impl Default for History {
    fn default() -> Self {
        Self { file: HistoryFile(Some("/var/log/ck/history.jsonl".into())), size: HistorySize(10 << 20) }
    }
}

impl History {
    /// Where it is, if it is anywhere, for these to read.
    #[must_use]
    pub fn place(self, readers: Readers) -> Option<HistoryPlace> {
        Some(HistoryPlace { file: self.file.0?, size: self.size.0, readers })
    }
}

/// The file of the history; `"none"` for no history.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HistoryFile(pub Option<PathBuf>);

/// A file that depends on where the broker was started.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no place for the history: write an absolute path, or \"none\"")]
pub struct BadHistoryFile(String);

impl TryFrom<String> for HistoryFile {
    type Error = BadHistoryFile;

    fn try_from(text: String) -> Result<Self, BadHistoryFile> {
        let path = PathBuf::from(&text);
        match text.as_str() {
            "none" => Ok(Self(None)),
            _ if path.is_absolute() && path.file_name().is_some() => Ok(Self(Some(path))),
            _ => Err(BadHistoryFile(text)),
        }
    }
}

/// The size of a history, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HistorySize(pub u64);

/// A size that does not do.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is an invalid size of the history: write at least \"64k\", as \"10m\" or \"1g\"")]
pub struct BadHistorySize(String);

impl TryFrom<String> for HistorySize {
    type Error = BadHistorySize;

    fn try_from(text: String) -> Result<Self, BadHistorySize> {
        match Size::try_from(text.clone()) {
            Ok(Size::Bytes(bytes)) if bytes >= SMALLEST_HISTORY => Ok(Self(bytes)),
            _ => Err(BadHistorySize(text)),
        }
    }
}

/// What is logged.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `"error"`, `"warning"`, `"info"` or `"debug"`.
    pub level: Verbosity,
}

/// From which severity on messages are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verbosity {
    /// Only what needs somebody.
    Error,
    /// Also what may.
    Warning,
    /// Also each session.
    #[default]
    Info,
    /// Everything.
    Debug,
}

impl From<Verbosity> for LevelFilter {
    fn from(verbosity: Verbosity) -> Self {
        match verbosity {
            Verbosity::Error => Self::Error,
            Verbosity::Warning => Self::Warn,
            Verbosity::Info => Self::Info,
            Verbosity::Debug => Self::Debug,
        }
    }
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It says something that has no meaning.
    #[error("{}:{line}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

impl Configuration {
    /// Reads the file at `path`; one that is absent says nothing, unless it was `named` by hand.
    ///
    /// # Errors
    /// [`ConfigurationError`]
    pub fn read(path: &Path, named: bool) -> Result<Self, ConfigurationError> {
        match file::read(path) {
            Ok(text) => Self::parse(&text).map_err(|(line, message)| ConfigurationError::Parse {
                path: path.to_owned(),
                line,
                message,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !named => Ok(Self::default()),
            Err(source) => Err(ConfigurationError::Read { path: path.to_owned(), source }),
        }
    }

    /// Reads the text of a file. What is wrong comes with its line.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let key = key::at(text, line).map(|key| format!("{key}: ")).unwrap_or_default();
            // One line, whatever the parser or the file put into the message.
            let message = format!("{key}{}", error.message().trim_end().replace('\n', "; "));
            (line, ck_protocol::printable(&message).to_string())
        })
    }
}

#[cfg(test)]
mod tests;
