//! Notifies the supervisor of the broker: by sd_notify(3), and on a descriptor.

use sd_notify::NotifyState;
use std::{
    fs::OpenOptions,
    io::{self, Write},
};

/// Reports that logins are served: to the service manager, and by a newline on the descriptor `ready_fd`, which is then
/// closed.
///
/// # Errors
/// The descriptor could not be written to.
pub fn tell_ready(ready_fd: Option<i32>) -> io::Result<()> {
    notify(&[NotifyState::Ready]);
    let Some(fd) = ready_fd else { return Ok(()) };
    let mut pipe = OpenOptions::new().write(true).open(format!("/proc/self/fd/{fd}"))?;
    pipe.write_all(b"\n")?;
    // The inherited descriptor is closed too, so that no worker keeps it open.
    Ok(nix::unistd::close(fd)?)
}

/// Reports that the configuration is being read again.
pub(crate) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        // systemd 253 needs both for a service of Type=notify-reload.
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// Reports that the reload is done.
pub(crate) fn tell_reloaded() {
    notify(&[NotifyState::Ready]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("cannot notify the service manager: {error}");
    }
}
