//! Landlock: whatever the walk or the user does, the child reaches nothing outside of the directory.
//!
//! The second line of defence. The first is that every call is relative to a descriptor beneath the
//! directory; but a sub-directory that is moved away while the walk is in it takes such a descriptor along,
//! and only the kernel can see that at the moment of each call.

use std::os::fd::BorrowedFd;

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, make_bitflags,
};

/// What the walk does beneath the directory: reads names, removes them, and lifts deep directories
/// ([`crate::trail::Trail::lift`]).
const ALLOWED: BitFlags<AccessFs> =
    make_bitflags!(AccessFs::{ReadDir | RemoveFile | RemoveDir | Refer | MakeDir});

/// Confines this thread, and what it starts, to `directory`; false where the kernel cannot.
///
/// That is so before Linux 5.19, too: until then (Landlock ABI 1) no directory can be lifted, and without
/// that every call costs as many steps as the tree is deep. Of file rights all are handled that the kernel
/// knows. Changing modes and O_PATH handles are not restricted by any version so far (landlock(7)).
///
/// Nothing depends on it, so that a failure is only reported.
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
    use std::fs::{self, File};
    use std::io::ErrorKind::{CrossesDevices, PermissionDenied};
    use std::os::fd::AsFd;
    use std::path::Path;

    use super::*;

    /// Of a file in each place: can it be read, removed, and a new one be made?
    fn attempts(place: &Path) -> [bool; 3] {
        let denied = |result: std::io::Result<()>| match result {
            Ok(()) => true,
            Err(error) => {
                assert!(matches!(error.kind(), PermissionDenied | CrossesDevices), "{error}");
                false
            }
        };
        [
            denied(fs::read(place.join("file")).map(drop)),
            denied(fs::remove_file(place.join("file"))),
            denied(fs::write(place.join("new"), "x")),
        ]
    }

    #[test]
    fn inside_names_can_be_removed_and_outside_nothing_can_be_done() {
        let base = std::env::temp_dir().join(format!("ck-confine-{}", std::process::id()));
        let (inside, outside) = (base.join("inside"), base.join("outside"));
        for place in [&inside, &outside] {
            fs::create_dir_all(place.join("sub/deep")).unwrap();
            fs::write(place.join("file"), "x").unwrap();
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
