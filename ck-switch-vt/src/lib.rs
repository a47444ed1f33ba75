//! Brings a virtual terminal to the foreground: a process of its own, because the kernel takes the lock of
//! its console for that, which who prints to a slow serial line may hold for seconds.
//!
//! It asks (`VT_ACTIVATE` of ioctl_console(2)) and does not wait until it is done: that can take for ever, if
//! the program in the foreground does not let go.
#![deny(unsafe_code)]

mod sys;

use ck_protocol::Vt;
use std::{
    env, fs,
    io::{self, Write},
    process::ExitCode,
};

/// The foreground terminal, whichever it is: any will do to ask by.
const CONSOLE: &str = "/dev/tty0";

/// Why nothing was switched.
#[derive(Debug, thiserror::Error)]
enum SwitchError {
    #[error("usage: ck-switch-vt NUMBER, from 1 to 63")]
    Usage,
    #[error("cannot open {CONSOLE}: {0}")]
    Open(io::Error),
    #[error("cannot switch to tty{number}: {source}", number = vt.get())]
    Switch { vt: Vt, source: io::Error },
}

/// Runs the command; returns its exit status: 0 asked, 1 failed, 2 bad arguments.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads standard error if this fails.
            let _ = writeln!(io::stderr(), "ck-switch-vt: {error}");
            ExitCode::from(if matches!(error, SwitchError::Usage) { 2 } else { 1 })
        }
    }
}

fn run() -> Result<(), SwitchError> {
    let vt = argument(env::args().skip(1)).ok_or(SwitchError::Usage)?;
    let console = fs::OpenOptions::new().read(true).write(true).open(CONSOLE).map_err(SwitchError::Open)?;
    sys::activate(&console, vt).map_err(|errno| SwitchError::Switch { vt, source: errno.into() })
}

/// The number, if it is all that there is.
fn argument(mut words: impl Iterator<Item = String>) -> Option<Vt> {
    let number = words.next()?.parse::<u8>().ok()?;
    if words.next().is_some() { None } else { Vt::try_from(number).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_the_argument() {
        let read = |words: &[&str]| argument(words.iter().map(|word| (*word).to_owned())).map(Vt::get);
        assert_eq!((read(&["2"]), read(&["63"])), (Some(2), Some(63)));
        for bad in [&[][..], &["0"], &["64"], &["-1"], &["tty2"], &["2", "3"]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
