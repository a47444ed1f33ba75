//! What the process does that was started with [`OPTION`](super::switch::OPTION): it asks the kernel to bring a virtual terminal to
//! the foreground.
//!
//! The kernel takes the lock of its console for that, which a writer to a slow serial line may hold for seconds. The process
//! does not wait until the switch is done, because the program in the foreground may never let go of its terminal.

use crate::sys;
use ck_protocol::Vt;
use std::{fs::File, io};

/// The foreground terminal, whichever it is. Every terminal takes the request.
const CONSOLE: &str = "/dev/tty0";

/// Why nothing was switched.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// The console could not be opened.
    #[error("cannot open {CONSOLE}: {0}")]
    Open(io::Error),
    /// The kernel has refused.
    #[error("cannot switch to tty{number}: {source}", number = vt.get())]
    Switch {
        /// The terminal that was asked for.
        vt: Vt,
        /// Why.
        source: io::Error,
    },
}

/// Asks for `vt` (`VT_ACTIVATE` of ioctl_console(2)).
///
/// # Errors
/// [`ActivateError`]
pub fn activate(vt: Vt) -> Result<(), ActivateError> {
    let console = File::options().read(true).write(true).open(CONSOLE).map_err(ActivateError::Open)?;
    sys::activate_vt(&console, vt).map_err(|errno| ActivateError::Switch { vt, source: errno.into() })
}
