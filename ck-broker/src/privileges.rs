//! Giving up what root can do and a broker need not.
//!
//! | capability | the broker | its workers, and hooks |
//! | --- | --- | --- |
//! | `CAP_SYS_ADMIN` | mounts and detaches | detach what a user has mounted |
//! | `CAP_CHOWN` | gives a plain directory to its user | take directories from their owner |
//! | `CAP_DAC_OVERRIDE` | moves a user's directory to another parent (rename(2)) | enter and empty what is not root's |
//! | `CAP_KILL` | ends what a hook has started as somebody else, and leaders that are no longer root's (`ckctl terminate`) | end the child that becomes the user |
//! | `CAP_SETUID`, `CAP_SETGID` | | become the user |
//! | `CAP_SETPCAP` | | empty the bounding set of the child that becomes the user |
//! | `CAP_AUDIT_WRITE` | | `su` in a hook: PAM tells the kernel's audit system, and where it may not, it does without or, before Linux-PAM 1.5, fails |
//! | `CAP_SYS_TTY_CONFIG` | | switch to another virtual terminal, only where there are any |
//! | `CAP_SYS_PTRACE` | reads when leaders started, only where /proc hides them (hidepid= in proc(5)) | |
//!
//! The process that writes the history keeps `CAP_CHOWN` only: a new file belongs to the group of the one before.
//! Workers and hooks are root's programs, so the kernel gives them all that the bounding set has (capabilities(7)).

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities,
    },
};
use std::fs;

/// What the broker keeps.
const OWN: CapabilitySet = CapabilitySet::SYS_ADMIN
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::KILL);
/// What its workers and hooks can have.
const WORKERS: CapabilitySet = OWN
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::AUDIT_WRITE);
/// What /proc says of the first process: there is always one, and it is root's as leaders are.
const FIRST: &str = "/proc/1/stat";
/// The sets are 64 bits wide (capget(2)).
const CAPABILITIES: u32 = 64;

/// The step at which capabilities could not be given up.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// The bounding set could not be read or made smaller.
    #[error("cannot take capability {0} from the bounding set: {1}")]
    Bounding(u32, Errno),
    /// The ambient set could not be cleared.
    #[error("cannot clear the ambient capabilities: {0}")]
    Ambient(Errno),
    /// The sets that there are could not be read, or the smaller ones not set.
    #[error("cannot set the capabilities: {0}")]
    Set(Errno),
}

/// Gives up, for good, every capability that is not in the table above. One that is missing from the
/// start stays missing: then directories are made without mounting, for one. `has_vts`: there are virtual terminals.
///
/// # Errors
/// [`PrivilegeError`]; then more is left than is needed.
pub fn drop_excess(has_vts: bool) -> Result<(), PrivilegeError> {
    bound(if has_vts { WORKERS | CapabilitySet::SYS_TTY_CONFIG } else { WORKERS })?;
    clear_ambient_capability_set().map_err(PrivilegeError::Ambient)?;
    let permitted = rustix::thread::capabilities(None).map_err(PrivilegeError::Set)?.permitted;
    set(permitted & OWN, permitted)?;
    let kept = if fs::read(FIRST).is_ok() { OWN } else { OWN | CapabilitySet::SYS_PTRACE };
    set(permitted & kept, permitted & kept)
}

/// Gives up, for good, everything but giving files to others.
///
/// # Errors
/// [`PrivilegeError`]; then more is left than is needed.
pub fn drop_all_but_chown() -> Result<(), PrivilegeError> {
    bound(CapabilitySet::empty())?;
    clear_ambient_capability_set().map_err(PrivilegeError::Ambient)?;
    let permitted = rustix::thread::capabilities(None).map_err(PrivilegeError::Set)?.permitted;
    set(permitted & CapabilitySet::CHOWN, permitted & CapabilitySet::CHOWN)
}

fn set(effective: CapabilitySet, permitted: CapabilitySet) -> Result<(), PrivilegeError> {
    let sets = CapabilitySets { effective, permitted, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(PrivilegeError::Set)
}

/// Makes the bounding set no larger than `kept`.
fn bound(kept: CapabilitySet) -> Result<(), PrivilegeError> {
    for number in 0..CAPABILITIES {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(capability) {
            continue;
        }
        let failed = |errno| PrivilegeError::Bounding(number, errno);
        match capability_is_in_bounding_set(capability) {
            Ok(true) => remove_capability_from_bounding_set(capability).map_err(failed)?,
            Ok(false) => {}
            // The kernel knows no more.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(failed(errno)),
        }
    }
    Ok(())
}
