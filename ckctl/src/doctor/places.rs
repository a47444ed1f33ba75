//! The directories that the broker works in, and its sockets: docs/ARCHITECTURE.md, "What nobody can hold".

use super::{
    Here, mount_table,
    report::{Finding, Outcome},
};
use crate::{
    facts::Facts,
    lookup::{Last, find},
};
use ck_protocol::fact_keys as keys;
use rustix::{
    fs::{AtFlags, CWD, Statx, StatxAttributes, StatxFlags, statx},
    io::Errno,
};
use std::path::Path;

const ROOT_CHECK: &str = "runtime-root";
/// The mode of both places: users can pass, but not read.
const PASS: u16 = 0o711;
/// The permission bits of a mode.
const PERMISSIONS: u16 = 0o7777;
/// The socket of the module, beside that of ckctl.
const SESSION_SOCKET: &str = "session.sock";
const ADVICE: &str =
    "restart the broker, which makes it; in a container: mount a tmpfs on it before the broker starts";

/// Checks the places of the broker that answered.
pub(super) fn check(here: &Here<'_>, facts: Option<&Facts>) -> Vec<Finding> {
    let (Some(facts), Some(state)) = (facts, here.socket.parent()) else {
        return vec![Finding::skipped("places", "the broker makes and corrects them when it starts")];
    };
    let root = match (facts.text(keys::RUNTIME_ROOT), facts.text(keys::DIRECTORIES_MANAGER)) {
        (Some(root), _) => runtime_root(Path::new(root)),
        (None, Some(manager)) => Finding::skipped(ROOT_CHECK, manager),
        (None, None) => Finding::skipped(ROOT_CHECK, "the broker makes no directories, by its configuration"),
    };
    let sockets = sockets(&[(here.socket, 0o666), (&state.join(SESSION_SOCKET), 0o600)]);
    vec![place("state-directory", state), root, sockets]
}

/// Checks a directory that the broker has made and mounted.
fn place(check: &str, path: &Path) -> Finding {
    let shown = path.display();
    let found = match look(path) {
        Ok(found) => found,
        Err(errno) => return Finding::problem(check, format!("{shown}: {errno}"), ADVICE),
    };
    if found.stx_uid != 0 || found.stx_mode & PERMISSIONS != PASS {
        let (mode, uid) = (found.stx_mode & PERMISSIONS, found.stx_uid);
        return Finding::problem(
            check,
            format!("{shown} has the mode {mode:04o} and belongs to uid {uid}, not {PASS:04o} and root"),
            format!("chown root {shown} && chmod {PASS:o} {shown}"),
        );
    }
    if !found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Finding::problem(
            check,
            format!("{shown} is no file system of its own: local users can hold it"),
            ADVICE,
        );
    }
    Finding::ok(check, format!("{shown} is a file system of its own"))
}

/// Checks the directory of the runtime directories. What is mounted in it must appear in the mount namespaces of services.
fn runtime_root(path: &Path) -> Finding {
    let (found, shown) = (place(ROOT_CHECK, path), path.display());
    match mount_table::is_shared(path).filter(|_| found.result == Outcome::Ok) {
        Some(true) => Finding::ok(ROOT_CHECK, format!("{}, and shared", found.message)),
        Some(false) => Finding::warning(
            ROOT_CHECK,
            format!(
                "{shown} is not a shared mount: services with a mount namespace of their own do not see the directories"
            ),
            format!("mount --make-shared {shown}"),
        ),
        None => found,
    }
}

fn sockets(wanted: &[(&Path, u16)]) -> Finding {
    for (path, mode) in wanted {
        let shown = path.display();
        let restart = format!("restart the broker: {}", super::broker::service("restart"));
        match look(path) {
            Err(errno) => return Finding::problem("sockets", format!("{shown}: {errno}"), restart),
            Ok(found) if found.stx_uid != 0 || found.stx_mode & PERMISSIONS != *mode => {
                return Finding::problem(
                    "sockets",
                    format!(
                        "{shown} has the mode {:04o} and belongs to uid {}",
                        found.stx_mode & PERMISSIONS,
                        found.stx_uid
                    ),
                    format!("chown root {shown} && chmod {mode:o} {shown}"),
                );
            }
            Ok(_) => {}
        }
    }
    Finding::ok("sockets", "belong to root and have their modes")
}

/// Looks at what is at `path`, without waiting for a directory that somebody holds.
fn look(path: &Path) -> Result<Statx, Errno> {
    let place = find(path, Last::Keep)?;
    let (flags, wanted) = (AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS);
    match &place.handle {
        Some(handle) => statx(handle, c"", flags | AtFlags::EMPTY_PATH, wanted),
        None => statx(CWD, &place.path, flags, wanted),
    }
}
