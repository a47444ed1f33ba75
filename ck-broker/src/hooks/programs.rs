//! Which programs are to be run, as their directories have it now.

use super::trust::{self, Distrust};
use rustix::{
    fs::{Dir, FileType, Mode, OFlags, makedev, openat},
    io::Errno,
};
use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// What the name of a hook ends with.
const SUFFIX: &[u8] = b".ck";
/// How many hooks are run for one occasion.
const HOOKS: usize = 64;
/// How many names are read of a directory.
const NAMES: usize = 1024;
/// How many complaints are remembered.
const TOLD: usize = 256;

/// What is to be done about a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Run,
    /// It only keeps one of the same name in an earlier directory from being run.
    Mask,
    /// It has been there a moment ago.
    Gone,
    Refuse(Refusal),
}

/// Why a program is not run, or a directory not used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Distrust(#[from] Distrust),
    #[error("it is no regular file")]
    Special,
    #[error("it is not executable: allow it with chmod +x, or empty the file to have no hook of this name")]
    NotExecutable,
    #[error("its names cannot be read: {0}")]
    List(Errno),
    #[error("it has more than {NAMES} names; what comes after them is not run")]
    ManyNames,
    #[error("there are more than {HOOKS} hooks; the last ones by name are not run")]
    ManyHooks,
}

/// Directories with programs; of two with the same name, the one in the later directory counts.
#[derive(Debug)]
pub(super) struct Programs(Vec<PathBuf>);

impl Programs {
    pub(super) fn of(directories: Vec<PathBuf>) -> Self {
        Self(directories)
    }

    /// The programs by name. What is wrong with their directories is told to `complaints`.
    pub(super) fn list(&self, complaints: &mut Complaints) -> Vec<PathBuf> {
        let mut found = BTreeMap::new();
        for directory in &self.0 {
            let refusal = match names(directory) {
                Ok((names, all)) => {
                    found.extend(names.into_iter().map(|name| (name, directory)));
                    (!all).then_some(Refusal::ManyNames)
                }
                Err(Refusal::Distrust(Distrust::Open { errno: Errno::NOENT, .. })) => None,
                Err(refusal) => Some(refusal),
            };
            complaints.settle(directory, refusal);
        }
        if let Some(last) = self.0.last() {
            let refusal = (found.len() > HOOKS).then_some(Refusal::ManyHooks);
            complaints.settle(&last.join("*.ck"), refusal);
        }
        found.into_iter().take(HOOKS).map(|(name, directory)| directory.join(name)).collect()
    }
}

/// The names of hooks in a directory, and whether these are all.
fn names(directory: &Path) -> Result<(Vec<OsString>, bool), Refusal> {
    let found = trust::open(directory)?;
    if found.is_exposed() {
        return Err(Distrust::Exposed(directory.to_owned()).into());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let descriptor = openat(&found.descriptor, ".", flags, Mode::empty()).map_err(Refusal::List)?;
    let mut names = Vec::new();
    for (count, entry) in Dir::new(descriptor).map_err(Refusal::List)?.enumerate() {
        if count >= NAMES {
            return Ok((names, false));
        }
        let entry = entry.map_err(Refusal::List)?;
        let name = entry.file_name().to_bytes();
        if name.ends_with(SUFFIX) && !name.starts_with(b".") {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    Ok((names, true))
}

/// Whether the program at `path` is to be run. Nobody but root can put another in its place afterwards.
pub(super) fn judge(path: &Path) -> Verdict {
    let found = match trust::open(path) {
        Ok(found) => found,
        Err(Distrust::Open { path: gone, errno: Errno::NOENT }) if gone == path => return Verdict::Gone,
        Err(distrust) => return Verdict::Refuse(distrust.into()),
    };
    match found.kind() {
        FileType::CharacterDevice if found.stat.st_rdev == makedev(1, 3) => Verdict::Mask,
        FileType::RegularFile if found.stat.st_size == 0 => Verdict::Mask,
        FileType::RegularFile if found.is_exposed() => {
            Verdict::Refuse(Distrust::Exposed(path.to_owned()).into())
        }
        FileType::RegularFile if found.stat.st_mode & 0o111 == 0 => Verdict::Refuse(Refusal::NotExecutable),
        FileType::RegularFile => Verdict::Run,
        _ => Verdict::Refuse(Refusal::Special),
    }
}

/// What was complained about, so that each thing is told once, and not at every login.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    told: HashMap<PathBuf, Refusal>,
    /// How many there were.
    pub(super) count: u64,
}

impl Complaints {
    /// Takes note of what is wrong with `path` now.
    pub(super) fn settle(&mut self, path: &Path, refusal: Option<Refusal>) {
        let Some(refusal) = refusal else {
            self.told.remove(path);
            return;
        };
        if self.told.get(path) == Some(&refusal) {
            return;
        }
        if self.told.len() >= TOLD {
            self.told.clear();
        }
        log::warn!("hooks: {} is not used: {refusal}", path.display());
        self.count += 1;
        self.told.insert(path.to_owned(), refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_machine_has_is_judged_right() {
        assert_eq!(judge(Path::new("/bin/sh")), Verdict::Run, "by way of links");
        assert_eq!(judge(Path::new("/usr/../bin/./sh")), Verdict::Run);
        assert_eq!(judge(Path::new("/dev/null")), Verdict::Mask);
        assert_eq!(judge(Path::new("/etc/passwd")), Verdict::Refuse(Refusal::NotExecutable));
        assert_eq!(judge(Path::new("/etc")), Verdict::Refuse(Refusal::Special));
        let exposed = Verdict::Refuse(Distrust::Exposed("/tmp".into()).into());
        assert_eq!(judge(Path::new("/tmp/any.ck")), exposed);
        assert_eq!(judge(Path::new("/etc/none.ck")), Verdict::Gone);
    }

    #[test]
    fn a_complaint_is_told_when_it_changes() {
        let mut complaints = Complaints::default();
        let path = Path::new("/etc/ck/x.ck");
        for (refusal, count) in [
            (Some(Refusal::NotExecutable), 1),
            (Some(Refusal::NotExecutable), 1),
            (Some(Refusal::Special), 2),
            (None, 2),
            (Some(Refusal::Special), 3),
        ] {
            complaints.settle(path, refusal);
            assert_eq!(complaints.count, count);
        }
    }
}
