//! What modules ask on session.sock, where every peer is root.

use crate::process::{self, Proc};
use ck_core::model::Login;
use ck_protocol::{Open, Pid, Refusal, RefusalCode};
use std::{io, os::fd::OwnedFd, time::SystemTime};

/// The login that a module reports: what it says of it, and its process. `has_sessions`: there are sessions that the login could be
/// part of.
///
/// # Errors
/// The facts cannot be used, or the process is gone.
pub(crate) fn login(
    open: Open,
    proc: &Proc,
    process: io::Result<(&OwnedFd, Pid)>,
    has_sessions: bool,
) -> Result<Login, Refusal> {
    if let Err(message) = check(&open) {
        log::warn!("login refused: {message}: {}", open.user);
        return Err(Refusal::new(RefusalCode::Invalid, message));
    }
    let known = process.and_then(|(process, pid)| {
        let leader =
            process::leader(proc, process, pid)?.ok_or_else(|| io::Error::other("its process is gone"))?;
        Ok((process, pid, leader))
    });
    let (process, pid, leader) = known.map_err(|error| {
        log::warn!("login of {} refused: {error}", open.user);
        let message = "cannot tell your process from others: see the log of ck-broker";
        Refusal::new(RefusalCode::Failed, message)
    })?;
    let ancestors = if has_sessions { process::ancestors(proc, process, pid) } else { Vec::new() };
    Ok(Login { open, leader, ancestors, now: SystemTime::now().into() })
}

/// Whether the facts of a login can be used.
fn check(open: &Open) -> Result<(), &'static str> {
    if open.user.as_bytes().is_empty() {
        return Err("the user's name is empty: PAM_USER must name a user");
    }
    if !open.user.is_usable() {
        return Err("the user's name holds control characters: rename the user");
    }
    Ok(())
}
