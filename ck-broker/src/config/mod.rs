//! The configuration file, `/etc/ck/broker.toml`, and the [`Settings`] that follow from it on this machine.

mod admin;
mod compat;
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
pub use compat::{Compat, SdLogin};
pub(crate) use configured::Configured;
pub use history_place::{HistoryPlace, Readers};
pub use hook_rules::HookRules;
pub use runtime_dir::{Backing, BadSize, MountOptions, Size};
pub use seats::Seats;
pub use services::Service;
pub use settings::{Publishing, Settings, SettingsError, Source, configuration};

use log::LevelFilter;
use serde::Deserialize;
use std::{
    collections::HashMap,
    io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

/// The maximum of a duration, in milliseconds: a day.
const MAX_DURATION_MILLIS: u64 = 24 * 3_600_000;
/// The default and the maximum number of hooks that run at the same time. Each takes a process and two descriptors.
const DEFAULT_PARALLEL: usize = 16;
const MAX_PARALLEL: usize = 64;
/// The maximum number of directories of hooks.
const MAX_DIRECTORIES: usize = 8;

/// The minimum size of a history, in bytes: about 200 lines.
const MIN_HISTORY_SIZE: u64 = 64 << 10;

/// The contents of the configuration file. Absent keys have their defaults.
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
    /// The table `[compat]`.
    pub compat: Compat,
    /// The tables `[seats.NAME]`.
    pub seats: Seats,
    /// The tables `[services.NAME]`, by the name of the PAM service.
    pub services: HashMap<String, Service>,
}

/// The table `[runtime_dir]`: how runtime directories are made, and when they are removed.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeDir {
    /// `"auto"`, `"tmpfs"`, `"directory"` or `"none"`.
    pub kind: Backing,
    /// The maximum size of a tmpfs: `"10%"` of memory, or bytes as in `"64m"`.
    pub size: Size,
    /// The maximum number of inodes of a tmpfs. The default is one per 4 KiB of its size, as in systemd-logind.
    pub inodes: Option<NonZeroU64>,
    /// True if programs in a tmpfs cannot be executed.
    pub noexec: bool,
    /// How long a directory is kept after the last logout.
    pub stop_delay: Period,
}

/// How hooks are run.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    /// The time limit of each hook.
    pub deadline: Period,
    /// How many run at once.
    pub parallel: Parallel,
    /// True if a login waits for the hooks of its session.
    pub wait_added: bool,
    /// The directories of hooks for sessions. A hook masks hooks with the same name in earlier directories.
    pub session_dirs: Directories,
    /// The directories of hooks for seats.
    pub seat_dirs: Directories,
}

impl Default for Hooks {
    fn default() -> Self {
        let directories = |name: &str| {
            Directories(["/usr/lib/ck", "/etc/ck"].map(|parent| Path::new(parent).join(name)).to_vec())
        };
        Self {
            deadline: Period(Duration::from_secs(15)),
            parallel: Parallel(DEFAULT_PARALLEL),
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

/// The number of parallel hooks is invalid.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is an invalid number of parallel hooks: use 1 to {MAX_PARALLEL}")]
pub struct BadParallel(usize);

impl TryFrom<usize> for Parallel {
    type Error = BadParallel;

    fn try_from(number: usize) -> Result<Self, BadParallel> {
        if (1..=MAX_PARALLEL).contains(&number) { Ok(Self(number)) } else { Err(BadParallel(number)) }
    }
}

/// Directories, as absolute paths.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<PathBuf>")]
pub struct Directories(pub Vec<PathBuf>);

/// Why directories cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadDirectories {
    /// A relative path would depend on the working directory of the broker.
    #[error("`{}` is not an absolute path", .0.display())]
    Relative(PathBuf),
    /// There are too many.
    #[error("too many directories: at most {MAX_DIRECTORIES} are allowed")]
    TooMany,
}

impl TryFrom<Vec<PathBuf>> for Directories {
    type Error = BadDirectories;

    fn try_from(paths: Vec<PathBuf>) -> Result<Self, BadDirectories> {
        if paths.len() > MAX_DIRECTORIES {
            return Err(BadDirectories::TooMany);
        }
        match paths.iter().find(|path| !path.is_absolute()) {
            Some(path) => Err(BadDirectories::Relative(path.clone())),
            None => Ok(Self(paths)),
        }
    }
}

/// A duration: a number with `ms`, `s`, `min` or `h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Period(pub Duration);

/// The text is not a valid duration.
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
            Some(millis) if millis <= MAX_DURATION_MILLIS => Ok(Self(Duration::from_millis(millis))),
            _ => Err(BadPeriod(text)),
        }
    }
}

/// The table `[history]`: the login history.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// An absolute path, or `"none"`.
    pub file: HistoryFile,
    /// The size at which it is renamed to `.1`: bytes, for example `"10m"`.
    pub size: HistorySize,
}

impl Default for History {
    fn default() -> Self {
        Self { file: HistoryFile(Some("/var/log/ck/history.jsonl".into())), size: HistorySize(10 << 20) }
    }
}

impl History {
    /// The place of the history, with these readers. `None`: there is no history.
    #[must_use]
    pub fn place(self, readers: Readers) -> Option<HistoryPlace> {
        Some(HistoryPlace { file: self.file.0?, size: self.size.0, readers })
    }
}

/// The file of the history; `"none"` for no history.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HistoryFile(pub Option<PathBuf>);

/// The file of the history is not an absolute path.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is an invalid file of the history: write an absolute path, or \"none\"")]
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

/// The size of the history is invalid.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is an invalid size of the history: write at least \"64k\", as \"10m\" or \"1g\"")]
pub struct BadHistorySize(String);

impl TryFrom<String> for HistorySize {
    type Error = BadHistorySize;

    fn try_from(text: String) -> Result<Self, BadHistorySize> {
        match Size::try_from(text.clone()) {
            Ok(Size::Bytes(bytes)) if bytes >= MIN_HISTORY_SIZE => Ok(Self(bytes)),
            _ => Err(BadHistorySize(text)),
        }
    }
}

/// The table `[log]`.
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
    /// Only errors, which somebody has to look at.
    Error,
    /// Also warnings.
    Warning,
    /// Also each session that is opened or ends.
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
    /// It could not be parsed.
    #[error("{}:{line}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The error on that line.
        message: String,
    },
}

impl Configuration {
    /// Reads the file at `path`. An absent file counts as empty, unless it was `named` on the command line.
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

    /// Parses the text of a file. An error comes with its line.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let key = key::at(text, line).map(|key| format!("{key}: ")).unwrap_or_default();
            // The message must be one line, although it may contain text from the file.
            let message = format!("{key}{}", error.message().trim_end().replace('\n', "; "));
            (line, ck_protocol::printable(&message).to_string())
        })
    }
}

#[cfg(test)]
mod tests;
