//! Drops the capabilities that the broker does not need.
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
//! The process that writes files for libsystemd keeps none.
//! Workers and hooks are root's programs, so the kernel gives them all that the bounding set has (capabilities(7)).

use crate::process::Proc;
use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};

/// The capabilities that the broker keeps.
const OWN: [Capability; 4] =
    [Capability::CAP_SYS_ADMIN, Capability::CAP_CHOWN, Capability::CAP_DAC_OVERRIDE, Capability::CAP_KILL];
/// The additional capabilities of its workers and hooks.
const WORKERS: [Capability; 4] =
    [Capability::CAP_SETUID, Capability::CAP_SETGID, Capability::CAP_SETPCAP, Capability::CAP_AUDIT_WRITE];

/// Why capabilities could not be dropped.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// The bounding set could not be reduced.
    #[error("cannot take {0} from the bounding set: {1}")]
    Bounding(Capability, CapsError),
    /// The ambient set could not be cleared.
    #[error("cannot clear the ambient capabilities: {0}")]
    Ambient(CapsError),
    /// The capability sets could not be read or set.
    #[error("cannot set the capabilities: {0}")]
    Set(CapsError),
}

/// Drops, for good, every capability that is not in the table above. A capability that is missing at the start stays
/// missing; without CAP_SYS_ADMIN, for example, directories are made without mounting. `has_vts`: there are virtual
/// terminals. `proc` is what leaders are looked up in.
///
/// # Errors
/// [`PrivilegeError`]; then more capabilities are left than are needed.
pub fn drop_excess(has_vts: bool, proc: &Proc) -> Result<(), PrivilegeError> {
    let switch = has_vts.then_some(Capability::CAP_SYS_TTY_CONFIG);
    bound(&OWN.into_iter().chain(WORKERS).chain(switch).collect())?;
    // The effective set is reduced first, because it decides whether /proc hides the first process.
    keep(CapSet::Effective, &OWN.into())?;
    let trace = (!proc.shows_root()).then_some(Capability::CAP_SYS_PTRACE);
    keep_only(&OWN.into_iter().chain(trace).collect())
}

/// Drops, for good, every capability but CAP_CHOWN.
///
/// # Errors
/// [`PrivilegeError`]; then more capabilities are left than are needed.
pub fn drop_all_but_chown() -> Result<(), PrivilegeError> {
    bound(&CapsHashSet::new())?;
    keep_only(&[Capability::CAP_CHOWN].into())
}

/// Drops all capabilities, for good.
///
/// # Errors
/// [`PrivilegeError`]; then more capabilities are left than are needed.
pub fn drop_all() -> Result<(), PrivilegeError> {
    bound(&CapsHashSet::new())?;
    keep_only(&CapsHashSet::new())
}

/// Reduces the effective and the permitted set to `kept`, and empties the inheritable and the ambient set.
fn keep_only(kept: &CapsHashSet) -> Result<(), PrivilegeError> {
    caps::clear(None, CapSet::Ambient).map_err(PrivilegeError::Ambient)?;
    caps::clear(None, CapSet::Inheritable).map_err(PrivilegeError::Set)?;
    keep(CapSet::Effective, kept)?;
    keep(CapSet::Permitted, kept)
}

/// Sets a set to the permitted capabilities of `kept`.
fn keep(set: CapSet, kept: &CapsHashSet) -> Result<(), PrivilegeError> {
    let permitted = caps::read(None, CapSet::Permitted).map_err(PrivilegeError::Set)?;
    let both = permitted.intersection(kept).copied().collect();
    caps::set(None, set, &both).map_err(PrivilegeError::Set)
}

/// Reduces the bounding set to `kept`. (The crate knows all capabilities up to Linux 5.9. No later one exists, as of
/// 6.18.)
fn bound(kept: &CapsHashSet) -> Result<(), PrivilegeError> {
    // A capability that the kernel does not know is not in the set.
    let has = |capability: &Capability| caps::has_cap(None, CapSet::Bounding, *capability).unwrap_or(false);
    for capability in caps::all().into_iter().filter(|capability| !kept.contains(capability)).filter(has) {
        caps::drop(None, CapSet::Bounding, capability)
            .map_err(|error| PrivilegeError::Bounding(capability, error))?;
    }
    Ok(())
}
