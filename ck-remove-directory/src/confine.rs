//! Landlock: the child reaches nothing outside the directory, whatever the walk or the user does.
//!
//! This is the second line of defence. The first line is that every call is relative to a descriptor beneath the
//! directory. But a sub-directory that is moved away while the walk is in it takes such a descriptor along. Only the
//! kernel can notice this at the moment of each call.

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, make_bitflags,
};
use std::os::fd::BorrowedFd;

/// What the walk may do beneath the directory: read names, remove them, and lift deep directories
/// ([`crate::directory_stack::DirectoryStack::lift`]).
const ALLOWED: BitFlags<AccessFs> =
    make_bitflags!(AccessFs::{ReadDir | RemoveFile | RemoveDir | Refer | MakeDir});

/// Confines this thread, and everything that it starts, to `directory`. False if the kernel cannot do this.
///
/// ABI 1 of Landlock, before Linux 5.19, is not used: it does not permit lifting, and without lifting every call
/// costs as many steps as the tree is deep. The ruleset handles all file rights that the kernel knows. No version so
/// far restricts changes of modes and O_PATH handles (landlock(7)).
///
/// Nothing depends on the confinement, so a failure is only reported.
pub(crate) fn confine(directory: BorrowedFd<'_>) -> bool {
    restrict(directory).is_ok_and(|status| status != RulesetStatus::NotEnforced)
}

fn restrict(directory: BorrowedFd<'_>) -> Result<RulesetStatus, RulesetError> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V2))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V10))?
        .create()?
        .add_rule(PathBeneath::new(directory, ALLOWED))?
        .restrict_self()?;
    Ok(status.ruleset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::{self, File},
        io::ErrorKind::{CrossesDevices, PermissionDenied},
        os::fd::AsFd,
        path::Path,
    };

    /// Whether a file in `directory` can be read, can be removed, and a new one can be made.
    fn attempts(directory: &Path) -> [bool; 3] {
        let succeeds = |result: std::io::Result<()>| match result {
            Ok(()) => true,
            Err(error) => {
                assert!(matches!(error.kind(), PermissionDenied | CrossesDevices), "{error}");
                false
            }
        };
        [
            succeeds(fs::read(directory.join("file")).map(drop)),
            succeeds(fs::remove_file(directory.join("file"))),
            succeeds(fs::write(directory.join("new"), "x")),
        ]
    }

    #[test]
    fn inside_names_can_be_removed_and_outside_nothing_can_be_done() {
        let base = std::env::temp_dir().join(format!("ck-confine-{}", std::process::id()));
        let (inside, outside) = (base.join("inside"), base.join("outside"));
        for directory in [&inside, &outside] {
            fs::create_dir_all(directory.join("sub/deep")).unwrap();
            fs::write(directory.join("file"), "x").unwrap();
        }
        let directory = File::open(&inside).unwrap();
        // Landlock restricts a thread, and this one ends with the closure.
        let confined = std::thread::spawn(move || {
            assert!(confine(directory.as_fd()), "Landlock in this kernel (CONFIG_SECURITY_LANDLOCK, 5.19)");
            let found = (attempts(&inside), attempts(&outside));
            fs::rename(inside.join("sub/deep"), inside.join("lifted")).unwrap();
            fs::remove_dir(inside.join("sub")).unwrap();
            fs::read_dir(&inside).unwrap();
            assert!(fs::remove_dir(outside.join("sub/deep")).is_err());
            assert!(fs::rename(outside.join("sub"), inside.join("taken")).is_err());
            assert!(fs::rename(inside.join("lifted"), outside.join("given")).is_err());
            assert!(fs::read_dir(&outside).is_err());
            found
        });
        let (inside, outside) = confined.join().unwrap();
        fs::remove_dir_all(&base).unwrap();
        assert_eq!((inside, outside), ([false, true, false], [false; 3]));
    }
}
