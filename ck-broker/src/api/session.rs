//! What modules ask on session.sock, where every peer is root.

use crate::{
    lookup::{Last, find},
    process::{self, Proc},
};
use ck_core::model::Login;
use ck_protocol::{Open, Pid, Refusal, RefusalCode};
use rustix::fs::{FileType, fstat, major};
use std::{io, ops::RangeInclusive, os::fd::OwnedFd, path::Path, time::SystemTime};

/// The major numbers of pseudo-terminals (devices.txt of Linux).
const UNIX98_PTYS: RangeInclusive<u32> = 136..=143;

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
    let is_pty = open.tty.as_ref().is_some_and(|tty| is_pty(tty.as_str()));
    Ok(Login { open, leader, ancestors, is_pty, now: SystemTime::now().into() })
}

/// True if the terminal, which may be called like a virtual one, is a pseudo-terminal. Only such names are looked up.
fn is_pty(tty: &str) -> bool {
    let name = tty.strip_prefix("/dev/").unwrap_or(tty);
    let is_meant = name.strip_prefix("tty").is_some_and(|number| number.parse::<u8>().is_ok());
    let place = is_meant.then(|| find(&Path::new("/dev").join(name), Last::Follow).ok()).flatten();
    let device = place
        .and_then(|place| fstat(place.handle?).ok())
        .filter(|device| FileType::from_raw_mode(device.st_mode) == FileType::CharacterDevice);
    device.is_some_and(|device| UNIX98_PTYS.contains(&major(device.st_rdev)))
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
