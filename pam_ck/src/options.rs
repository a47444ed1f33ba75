//! What the pam.d line says after the module's name.

use ck_protocol::{Class, Kind, UnknownName};
use std::{ffi::CStr, path::PathBuf, time::Duration};

/// Where the broker listens, if `socket=` does not say otherwise.
const SOCKET: &str = "/run/ck-broker/session.sock";
/// How long a login waits for the broker, if `timeout=` does not say otherwise.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// The shortest `timeout=`: less than a loaded machine needs for one answer helps nobody.
const TIMEOUT_LEAST: Duration = Duration::from_millis(10);
/// The longest `timeout=`: sshd's LoginGraceTime does not cover this wait, so something must.
const TIMEOUT_MOST: Duration = Duration::from_secs(60);

/// The options of one call, defaults where the line has none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `socket=PATH`: absolute.
    pub(crate) socket: PathBuf,
    /// `timeout=MS`: for all of connect, send, receive and retry together.
    pub(crate) timeout: Duration,
    /// `class=NAME`: what `XDG_SESSION_CLASS` is to be.
    pub(crate) class: Option<Class>,
    /// `type=NAME`: what `XDG_SESSION_TYPE` is to be.
    pub(crate) kind: Option<Kind>,
    /// False by `runtime_dir=no`.
    pub(crate) runtime_dir: bool,
    /// `strict`: a failure refuses the login.
    pub(crate) strict: bool,
    /// `debug`: success is logged as well.
    pub(crate) debug: bool,
    /// `fault=PLACE`: where to panic.
    #[cfg(feature = "fault")]
    pub(crate) fault: String,
    /// What could not be understood, and has no effect.
    pub(crate) ignored: Vec<OptionError>,
}

/// An option that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionError {
    /// No option of ours.
    #[error(
        "unknown option {0} is ignored: there are socket= timeout= class= type= runtime_dir=no strict debug"
    )]
    Unknown(String),
    /// `socket=` without an absolute path.
    #[error("option socket={0} is ignored: give an absolute path")]
    Socket(String),
    /// `timeout=` without a number of milliseconds, or with one out of bounds.
    #[error(
        "option timeout={0} is ignored: give milliseconds, {least} to {most}",
        least = TIMEOUT_LEAST.as_millis(),
        most = TIMEOUT_MOST.as_millis()
    )]
    Timeout(String),
    /// `class=` or `type=` with a word that is none.
    #[error("option {option} is ignored: {source}")]
    Name {
        /// The whole option.
        option: String,
        /// The words that are known.
        source: UnknownName,
    },
    /// `runtime_dir=` with anything but `no`.
    #[error("option runtime_dir={0} is ignored: only runtime_dir=no is understood")]
    RuntimeDir(String),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            socket: SOCKET.into(),
            timeout: TIMEOUT,
            class: None,
            kind: None,
            runtime_dir: true,
            strict: false,
            debug: false,
            #[cfg(feature = "fault")]
            fault: String::new(),
            ignored: Vec::new(),
        }
    }
}

impl Options {
    /// Takes over what `arguments` say; of an option that is given twice, the last one.
    pub(crate) fn read<'a>(&mut self, arguments: impl Iterator<Item = &'a CStr>) {
        for argument in arguments {
            if let Err(error) = self.read_one(&argument.to_string_lossy()) {
                self.ignored.push(error);
            }
        }
    }

    fn read_one(&mut self, argument: &str) -> Result<(), OptionError> {
        let name = |source| OptionError::Name { option: argument.to_owned(), source };
        match argument.split_once('=') {
            None if argument == "strict" => self.strict = true,
            None if argument == "debug" => self.debug = true,
            Some(("socket", path)) => self.socket = absolute(path)?,
            Some(("timeout", text)) => self.timeout = milliseconds(text)?,
            Some(("class", word)) => self.class = Some(word.parse().map_err(name)?),
            Some(("type", word)) => self.kind = Some(word.parse().map_err(name)?),
            Some(("runtime_dir", "no")) => self.runtime_dir = false,
            Some(("runtime_dir", word)) => return Err(OptionError::RuntimeDir(word.to_owned())),
            #[cfg(feature = "fault")]
            Some(("fault", place)) => place.clone_into(&mut self.fault),
            _ => return Err(OptionError::Unknown(argument.to_owned())),
        }
        Ok(())
    }
}

fn absolute(path: &str) -> Result<PathBuf, OptionError> {
    if !path.starts_with('/') {
        return Err(OptionError::Socket(path.to_owned()));
    }
    Ok(path.into())
}

fn milliseconds(text: &str) -> Result<Duration, OptionError> {
    match text.parse().map(Duration::from_millis) {
        Ok(time) if (TIMEOUT_LEAST..=TIMEOUT_MOST).contains(&time) => Ok(time),
        _ => Err(OptionError::Timeout(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&CStr]) -> Options {
        let mut options = Options::default();
        options.read(arguments.iter().copied());
        options
    }

    #[test]
    fn every_option_of_the_contract_is_taken() {
        let options = read(&[
            c"socket=/s",
            c"timeout=250",
            c"class=greeter",
            c"type=x11",
            c"runtime_dir=no",
            c"strict",
            c"debug",
        ]);
        let expected = Options {
            socket: "/s".into(),
            timeout: Duration::from_millis(250),
            class: Some(Class::Greeter),
            kind: Some(Kind::X11),
            runtime_dir: false,
            strict: true,
            debug: true,
            #[cfg(feature = "fault")]
            fault: String::new(),
            ignored: Vec::new(),
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn without_options_the_defaults_hold() {
        let options = read(&[]);
        assert_eq!(options.socket, PathBuf::from("/run/ck-broker/session.sock"));
        assert_eq!(options.timeout, Duration::from_millis(1500));
        assert!(options.runtime_dir && !options.strict && !options.debug);
    }

    #[test]
    fn what_is_not_understood_changes_nothing_and_is_named() {
        let bad = [
            c"timeout=abc",
            c"timeout=",
            c"timeout=-1",
            c"timeout=9",
            c"timeout=60001",
            c"timeout=99999999999999999999",
            c"timeout",
            c"class=nonsense",
            c"class=",
            c"type=TTY",
            c"socket=relative/path",
            c"socket=",
            c"socket",
            c"runtime_dir=maybe",
            c"strict=yes",
            c"Debug",
            c"",
            c"caf\xe9",
        ];
        for argument in bad {
            let options = read(&[argument]);
            assert_eq!(options.ignored.len(), 1, "{argument:?}");
            assert_eq!(Options { ignored: Vec::new(), ..options }, Options::default(), "{argument:?}");
        }
        assert_eq!(
            read(&[c"timeout=abc"]).ignored[0].to_string(),
            "option timeout=abc is ignored: give milliseconds, 10 to 60000"
        );
    }

    #[test]
    fn a_bad_option_does_not_spoil_the_good_ones() {
        let options = read(&[c"strict", c"colour=blue", c"timeout=20"]);
        assert!(options.strict);
        assert_eq!(options.timeout, Duration::from_millis(20));
        assert_eq!(options.ignored, [OptionError::Unknown("colour=blue".into())]);
    }
}
