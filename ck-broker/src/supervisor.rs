//! What whoever has started the broker is told of it: by sd_notify(3), and on a descriptor.

use sd_notify::NotifyState;
use std::{
    fs::OpenOptions,
    io::{self, Write},
};

/// Logins are served: said to the service manager, and by a newline on the descriptor `ready_fd`, which is closed.
///
/// # Errors
/// The descriptor could not be written to.
pub fn tell_ready(ready_fd: Option<i32>) -> io::Result<()> {
    notify(&[NotifyState::Ready]);
    let Some(fd) = ready_fd else { return Ok(()) };
    let mut pipe = OpenOptions::new().write(true).open(format!("/proc/self/fd/{fd}"))?;
    pipe.write_all(b"\n")?;
    // The inherited one too, so that no worker keeps it open.
    Ok(nix::unistd::close(fd)?)
}

/// The configuration is being read again.
pub(crate) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        // Since systemd 253 one belongs to the other, for a service of Type=notify-reload.
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// That is done.
pub(crate) fn tell_reloaded() {
    notify(&[NotifyState::Ready]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("cannot notify the service manager: {error}");
    }
}
