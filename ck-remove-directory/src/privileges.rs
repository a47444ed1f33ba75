//! Becoming the user for good: one system call in each paragraph, after the reason for it.
//!
//! This runs in the child only. The child has a single thread, so the calls that change a thread change the process.
//!
//! `caps` changes the bounding set. rustix changes the other sets: `caps` gives errors only as text, and the report
//! needs the errno; and `caps` changes one of the three sets at a time, while capset(2) changes all of them at once.

use crate::cause::Cause;
use caps::{CapSet, Capability};
use nix::unistd::{getresgid, getresuid};
use rustix::{
    fs::{Gid, Uid},
    io::Errno,
    process::{Pid, Signal, getgroups, getppid, set_parent_process_death_signal},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, no_new_privs,
        set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

/// `nogroup`: the child's group if the directory belongs to group 0. The child never keeps root's group.
const NO_GROUP: u32 = 65534;

/// The step that failed: root's rights could not be given up, or are still there afterwards.
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
    #[error("cannot read back the rights of this process")]
    ReadBack(#[source] Cause),
    #[error("still has root's rights after giving them up: {0}")]
    Regained(&'static str),
}

use PrivilegeError as Step;

/// Makes this process the user `uid` with the group `gid` and no other rights, and proves that it cannot get root's
/// rights back. The process must not outlive `parent`.
///
/// After an error, the process may still have some of root's rights. It must end without using them.
pub(crate) fn become_user(uid: Uid, gid: Gid, parent: Pid) -> Result<(), PrivilegeError> {
    let gid = if gid.is_root() { Gid::from_raw(NO_GROUP) } else { gid };

    // The groups come first, because this takes CAP_SETGID. A user with root's groups could write whatever these may
    // write.
    set_thread_groups(&[]).map_err(|errno| Step::Groups(errno.into()))?;

    // The gid comes before the uid for the same reason. All three gids are set: a saved gid would lead back.
    set_thread_res_gid(gid, gid, gid).map_err(|errno| Step::Gid(gid, errno.into()))?;

    // The bounding set is dropped while there is CAP_SETPCAP. No program that is ever executed can then get
    // capabilities from a file.
    drop_bounding_set()?;

    // Under some secure bits, ambient capabilities outlive the change of uid.
    clear_ambient_capability_set().map_err(|errno| Step::Ambient(errno.into()))?;

    // All three uids are set.
    set_thread_res_uid(uid, uid, uid).map_err(|errno| Step::Uid(uid, errno.into()))?;

    // The process ends with its parent. This is set immediately after the change of uid, which clears it (prctl(2)):
    // from now on the user may stop this process, and nothing else would end it then. The loss of capabilities below
    // does not clear it.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|errno| Step::DeathSignal(errno.into()))?;

    // If the parent ended just before that call, no signal comes.
    if getppid() != Some(parent) {
        return Err(Step::Orphan);
    }

    // The change of uid clears the effective and permitted sets, unless secure bits prevent it. It never clears the
    // inheritable set. So all three are cleared explicitly.
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(|errno| Step::Capabilities(errno.into()))?;

    // No set-user-ID file can give rights back.
    set_no_new_privs(true).map_err(|errno| Step::NoNewPrivileges(errno.into()))?;

    prove(uid, gid)
}

/// Drops every capability from the bounding set. Without CAP_SETPCAP this is not allowed, and not needed:
/// no_new_privs prevents the same thing.
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

/// Tries to get root's rights back, and reads back everything that was set.
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
