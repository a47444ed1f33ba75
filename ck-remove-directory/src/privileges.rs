//! Becoming the user, for good: one system call a paragraph, each preceded by why.
//!
//! Runs in the child only, which has one thread: the calls below change that thread, and so the process.
//!
//! The bounding set is left to `caps`. The other sets are rustix's: `caps` tells errors in words only, and the report needs the errno;
//! and it changes one of the three sets at a time, where capset(2) changes all of them at once.

use caps::{CapSet, Capability};
use nix::unistd::{getresgid, getresuid};
use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getgroups, getppid, set_parent_process_death_signal};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, no_new_privs,
    set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::cause::Cause;

/// `nogroup`: the child's group where the directory belongs to group 0, for it never keeps root's.
const NO_GROUP: u32 = 65534;

/// The step at which root could not be given up, or at which it turned out that it was not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrivilegeError {
    #[error("cannot leave root's groups (setgroups)")]
    Groups(#[source] Cause),
    #[error("cannot become gid {0} (setresgid)")]
    Gid(Gid, #[source] Cause),
    #[error("cannot drop {0} from the bounding set (prctl)")]
    Bounding(Capability, #[source] Cause),
    #[error("cannot clear the ambient capabilities (prctl)")]
    Ambient(#[source] Cause),
    #[error("cannot become uid {0} (setresuid)")]
    Uid(Uid, #[source] Cause),
    #[error("cannot drop the capabilities (capset)")]
    Capabilities(#[source] Cause),
    #[error("cannot set no_new_privs (prctl)")]
    NoNewPrivileges(#[source] Cause),
    #[error("cannot ask to end with the parent (prctl)")]
    DeathSignal(#[source] Cause),
    #[error("the parent is gone")]
    Orphan,
    #[error("cannot read back what this process is")]
    ReadBack(#[source] Cause),
    #[error("still has root's rights after giving them up: {0}")]
    Regained(&'static str),
}

use PrivilegeError as Step;

/// Makes this process the user `uid` with the group `gid` and nothing else, and proves that there is no
/// way back. `parent` is the process that it must not outlive.
///
/// After an error nothing may be done with what rights there are: end.
pub(crate) fn become_user(uid: Uid, gid: Gid, parent: Pid) -> Result<(), PrivilegeError> {
    let gid = if gid.is_root() { Gid::from_raw(NO_GROUP) } else { gid };

    // Groups first: it takes CAP_SETGID, and a uid that keeps root's groups keeps what they may write.
    set_thread_groups(&[]).map_err(|errno| Step::Groups(errno.into()))?;

    // The gid before the uid, for the same reason; all three, or the saved one would lead back.
    set_thread_res_gid(gid, gid, gid).map_err(|errno| Step::Gid(gid, errno.into()))?;

    // The bounding set while there is CAP_SETPCAP: nothing that is ever executed can gain from a file.
    drop_bounding_set()?;

    // Ambient capabilities would outlive the change of uid under some secure bits.
    clear_ambient_capability_set().map_err(|errno| Step::Ambient(errno.into()))?;

    // The uid, all three.
    set_thread_res_uid(uid, uid, uid).map_err(|errno| Step::Uid(uid, errno.into()))?;

    // End with the parent. At once after the change of uid, which clears it (prctl(2)): from that on the user may
    // stop this process, and nothing else would end it then. That only capabilities are lost later leaves it set.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|errno| Step::DeathSignal(errno.into()))?;

    // The parent may have ended just before that call; then no signal comes.
    if getppid() != Some(parent) {
        return Err(Step::Orphan);
    }

    // The change of uid clears the effective and permitted sets, unless secure bits say otherwise, and never
    // the inheritable one: clear all three by name.
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(|errno| Step::Capabilities(errno.into()))?;

    // No set-user-ID file can give anything back.
    set_no_new_privs(true).map_err(|errno| Step::NoNewPrivileges(errno.into()))?;

    prove(uid, gid)
}

/// Drops every capability from the bounding set. Without CAP_SETPCAP that is not allowed, and not needed:
/// no_new_privs stands in the way of the same thing.
fn drop_bounding_set() -> Result<(), PrivilegeError> {
    let holds = |set, capability| caps::has_cap(None, set, capability).unwrap_or(false);
    if !holds(CapSet::Effective, Capability::CAP_SETPCAP) {
        return Ok(());
    }
    for capability in caps::all().into_iter().filter(|capability| holds(CapSet::Bounding, *capability)) {
        // `caps` gives the error only as text. The errno of its last call is still set.
        caps::drop(None, CapSet::Bounding, capability)
            .map_err(|_| Step::Bounding(capability, last_errno().into()))?;
    }
    Ok(())
}

/// The errno of the last call of this thread.
fn last_errno() -> Errno {
    Errno::from_raw_os_error(nix::errno::Errno::last_raw())
}

/// Tries to get root back, and reads back everything that was set.
fn prove(uid: Uid, gid: Gid) -> Result<(), PrivilegeError> {
    let read_back = |errno: Errno| Step::ReadBack(errno.into());
    let read_ids = |errno: nix::errno::Errno| read_back(Errno::from_raw_os_error(errno as i32));

    if set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok() {
        return Err(Step::Regained("uid 0 can be taken again"));
    }

    if set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT).is_ok() {
        return Err(Step::Regained("gid 0 can be taken again"));
    }

    let ids = getresuid().map_err(read_ids)?;
    if [ids.real, ids.effective, ids.saved].iter().any(|id| id.as_raw() != uid.as_raw()) {
        return Err(Step::Regained("a uid is not the user's"));
    }

    let ids = getresgid().map_err(read_ids)?;
    if [ids.real, ids.effective, ids.saved].iter().any(|id| id.as_raw() != gid.as_raw()) {
        return Err(Step::Regained("a gid is not the directory's"));
    }

    if !getgroups().map_err(read_back)?.is_empty() {
        return Err(Step::Regained("supplementary groups are left"));
    }

    let held = capabilities(None).map_err(read_back)?;
    if !(held.effective | held.permitted | held.inheritable).is_empty() {
        return Err(Step::Regained("capabilities are left"));
    }

    if !no_new_privs().map_err(read_back)? {
        return Err(Step::Regained("no_new_privs is not set"));
    }
    Ok(())
}
