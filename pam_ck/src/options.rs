//! The options of the module: the words after its name in the pam.d line.

use ck_protocol::{Class, SessionType, UnknownName};
use std::{ffi::CStr, path::PathBuf, time::Duration};

/// The broker's socket if there is no `socket=`.
const DEFAULT_SOCKET: &str = "/run/ck-broker/session.sock";
/// How long a login waits for the broker if there is no `timeout=`.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(1500);
/// The shortest `timeout=`. A loaded machine could not answer in less time.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// The longest `timeout=`. LoginGraceTime of sshd does not limit this wait.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// The options of one call, with the defaults for those that the line does not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `socket=PATH`: an absolute path.
    pub(crate) socket: PathBuf,
    /// `timeout=MS`: the time for connect, send, receive and retry together.
    pub(crate) timeout: Duration,
    /// `class=NAME`: the class of the session.
    pub(crate) class: Option<Class>,
    /// `type=NAME`: the type of the session.
    pub(crate) session_type: Option<SessionType>,
    /// False with `runtime_dir=no`.
    pub(crate) runtime_dir: bool,
    /// `strict`: a failure refuses the login.
    pub(crate) strict: bool,
    /// `debug`: success is logged too.
    pub(crate) debug: bool,
    /// `fault=POINT`: where to panic.
    #[cfg(feature = "fault")]
    pub(crate) fault: String,
    /// The options that are invalid, and have no effect.
    pub(crate) ignored: Vec<OptionError>,
}

/// An option that is ignored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionError {
    /// The module has no such option.
    #[error(
        "unknown option {0} is ignored: there are socket= timeout= class= type= runtime_dir=no strict debug"
    )]
    Unknown(String),
    /// `socket=` is not an absolute path.
    #[error("option socket={0} is ignored: give an absolute path")]
    Socket(String),
    /// `timeout=` is not a number of milliseconds, or out of range.
    #[error(
        "option timeout={0} is ignored: give milliseconds, {least} to {most}",
        least = MIN_TIMEOUT.as_millis(),
        most = MAX_TIMEOUT.as_millis()
    )]
    Timeout(String),
    /// `class=` or `type=` has an unknown name.
    #[error("option {option} is ignored: {source}")]
    Name {
        /// The whole option.
        option: String,
        /// The names that are known.
        source: UnknownName,
    },
    /// `runtime_dir=` is anything but `no`.
    #[error("option runtime_dir={0} is ignored: only runtime_dir=no is understood")]
    RuntimeDir(String),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            socket: DEFAULT_SOCKET.into(),
            timeout: DEFAULT_TIMEOUT,
            class: None,
            session_type: None,
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
    /// Sets the options in `arguments`. If an option is given twice, the last one counts.
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
            Some(("type", word)) => self.session_type = Some(word.parse().map_err(name)?),
            Some(("runtime_dir", "no")) => self.runtime_dir = false,
            Some(("runtime_dir", word)) => return Err(OptionError::RuntimeDir(word.to_owned())),
            #[cfg(feature = "fault")]
            Some(("fault", point)) => point.clone_into(&mut self.fault),
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
        Ok(time) if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&time) => Ok(time),
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
    fn every_option_is_read() {
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
            session_type: Some(SessionType::X11),
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
    fn without_options_there_are_defaults() {
        let options = read(&[]);
        assert_eq!(options.socket, PathBuf::from("/run/ck-broker/session.sock"));
        assert_eq!(options.timeout, Duration::from_millis(1500));
        assert!(options.runtime_dir && !options.strict && !options.debug);
    }

    #[test]
    fn an_invalid_option_changes_nothing_and_is_named() {
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
    fn an_invalid_option_does_not_affect_the_others() {
        let options = read(&[c"strict", c"colour=blue", c"timeout=20"]);
        assert!(options.strict);
        assert_eq!(options.timeout, Duration::from_millis(20));
        assert_eq!(options.ignored, [OptionError::Unknown("colour=blue".into())]);
    }
}
