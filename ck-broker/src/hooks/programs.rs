//! The programs that are hooks, as they are in their directories now.

use super::trust::{self, Distrust, PathStamps};
use crate::pin::pin;
use rustix::{
    fs::{Dir, FileType, Mode, OFlags, makedev, openat},
    io::Errno,
};
use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The suffix of the name of a hook.
const SUFFIX: &[u8] = b".ck";
/// The maximum number of hooks for one event.
const MAX_HOOKS: usize = 64;
/// The maximum number of hooks whose names are kept in the kernel's cache. Directories rarely have more.
const MAX_PINS: usize = 8;
/// The maximum number of names that are read of a directory.
const MAX_NAMES: usize = 1024;
/// The maximum number of complaints that are remembered.
const MAX_REMEMBERED: usize = 256;

/// The decision about a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Run,
    /// The file only masks a program with the same name in an earlier directory.
    Mask,
    /// The program no longer exists.
    Gone,
    Refuse(Refusal),
}

/// Why a program is not run, or a directory is not used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Distrust(#[from] Distrust),
    #[error("it is not a regular file")]
    Special,
    #[error("it is not executable: allow it with chmod +x, or empty the file to have no hook of this name")]
    NotExecutable,
    #[error("it cannot be listed: {0}")]
    List(Errno),
    #[error("it has more than {MAX_NAMES} names; the rest is not run")]
    ManyNames,
    #[error("there are more than {MAX_HOOKS} hooks; the last ones by name are not run")]
    ManyHooks,
}

/// Directories with programs. A program masks programs with the same name in earlier directories.
#[derive(Debug)]
pub(super) struct Programs {
    directories: Vec<PathBuf>,
    last: Option<Listing>,
}

/// The result of the last look.
#[derive(Debug)]
struct Listing {
    stamps: PathStamps,
    /// True if there was no problem, and a later change would be noticed.
    is_good: bool,
    programs: Vec<PathBuf>,
    /// Keep the programs' names in the kernel's cache.
    _pins: Vec<OwnedFd>,
}

impl Programs {
    pub(super) fn of(directories: Vec<PathBuf>) -> Self {
        Self { directories, last: None }
    }

    /// The programs that are in the directories now, by name. Problems of the directories are reported to `complaints`.
    pub(super) fn list(&mut self, complaints: &mut Complaints) -> Vec<PathBuf> {
        if let Some(last) = self.last.as_ref().filter(|last| last.is_good && last.stamps.is_unchanged()) {
            return last.programs.clone();
        }
        self.look(complaints, SystemTime::now())
    }

    /// The same, without the last result. `now` is the current time.
    fn look(&mut self, complaints: &mut Complaints, now: SystemTime) -> Vec<PathBuf> {
        let mut stamps = PathStamps::default();
        let mut found = BTreeMap::new();
        let mut is_fine = true;
        for directory in &self.directories {
            let refusal = match names(directory, &mut stamps) {
                Ok((names, all)) => {
                    found.extend(names.into_iter().map(|name| (name, directory)));
                    (!all).then_some(Refusal::ManyNames)
                }
                Err(Refusal::Distrust(Distrust::Open { errno: Errno::NOENT, .. })) => None,
                Err(refusal) => Some(refusal),
            };
            is_fine &= refusal.is_none();
            complaints.set_problem(directory, refusal);
        }
        if let Some(last) = self.directories.last() {
            let refusal = (found.len() > MAX_HOOKS).then_some(Refusal::ManyHooks);
            is_fine &= refusal.is_none();
            complaints.set_problem(&last.join("*.ck"), refusal);
        }
        let programs: Vec<_> =
            found.into_iter().take(MAX_HOOKS).map(|(name, directory)| directory.join(name)).collect();
        self.last = Some(Listing {
            is_good: is_fine && stamps.is_stable(now),
            stamps,
            _pins: programs.iter().take(MAX_PINS).filter_map(|program| pin(program)).collect(),
            programs: programs.clone(),
        });
        programs
    }
}

/// The names of the hooks in a directory. False: there are more.
fn names(directory: &Path, stamps: &mut PathStamps) -> Result<(Vec<OsString>, bool), Refusal> {
    let found = trust::open(directory, stamps)?;
    if found.is_exposed() {
        return Err(Distrust::Exposed(directory.to_owned()).into());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let descriptor = openat(&found.descriptor, ".", flags, Mode::empty()).map_err(Refusal::List)?;
    let mut names = Vec::new();
    for (count, entry) in Dir::new(descriptor).map_err(Refusal::List)?.enumerate() {
        if count >= MAX_NAMES {
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

/// Decides about the program at `path`. Only root can replace it afterwards.
pub(super) fn judge(path: &Path) -> Verdict {
    let found = match trust::open(path, &mut PathStamps::default()) {
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

/// The complaints that were logged. Each is logged once, not at every login.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    told: HashMap<PathBuf, Refusal>,
    /// The number of complaints so far.
    pub(super) count: u64,
}

impl Complaints {
    /// Sets the problem of `path`, and logs it if it is new. `None`: there is no problem.
    pub(super) fn set_problem(&mut self, path: &Path, refusal: Option<Refusal>) {
        let Some(refusal) = refusal else {
            self.told.remove(path);
            return;
        };
        if self.told.get(path) == Some(&refusal) {
            return;
        }
        if self.told.len() >= MAX_REMEMBERED {
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
    use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

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

    /// Whatever has changed, and however lately, is seen at the next look; what has not is not opened again.
    #[test]
    fn what_is_in_the_directories_now_is_listed() {
        // Below /root, as everybody can change /tmp.
        let top = Path::new("/root").join(format!("ck-broker-programs-{}", std::process::id()));
        let (first, second) = (top.join("first/hooks"), top.join("second"));
        fs::create_dir_all(&first).unwrap();
        let hooks = |names: &[&str], dir: &Path| names.iter().map(|name| dir.join(name)).collect::<Vec<_>>();
        let mut programs = Programs::of(vec![first.clone(), second.clone()]);
        let mut complaints = Complaints::default();
        for old in [false, true] {
            // As if the last change had been long ago. Inodes tell when they were changed, which nobody can set: so the
            // clock is asked for a time to come.
            let settle = |programs: &mut Programs| {
                // Before Linux 6.13 a tick of the clock is as fine as it gets.
                std::thread::sleep(Duration::from_millis(20));
                let is_good = |programs: &Programs| programs.last.as_ref().is_some_and(|last| last.is_good);
                if old && !is_good(programs) {
                    programs.look(&mut Complaints::default(), SystemTime::now() + Duration::from_secs(60));
                }
                assert_eq!(is_good(programs), old);
            };
            assert_eq!(programs.list(&mut complaints), [""; 0].map(PathBuf::from));
            settle(&mut programs);
            fs::write(first.join("a.ck"), "").unwrap();
            assert_eq!(programs.list(&mut complaints), hooks(&["a.ck"], &first));
            settle(&mut programs);
            fs::create_dir(&second).unwrap();
            fs::write(second.join("a.ck"), "").unwrap();
            assert_eq!(programs.list(&mut complaints), hooks(&["a.ck"], &second));
            settle(&mut programs);
            fs::rename(&second, top.join("away")).unwrap();
            assert_eq!(programs.list(&mut complaints), hooks(&["a.ck"], &first));
            settle(&mut programs);
            // Another directory in the place of one above.
            fs::rename(top.join("first"), top.join("before")).unwrap();
            assert_eq!(programs.list(&mut complaints), [""; 0].map(PathBuf::from));
            settle(&mut programs);
            fs::rename(top.join("before"), top.join("first")).unwrap();
            assert_eq!(programs.list(&mut complaints), hooks(&["a.ck"], &first));
            settle(&mut programs);
            // One above that others can change.
            fs::set_permissions(top.join("first"), PermissionsExt::from_mode(0o777)).unwrap();
            assert_eq!(programs.list(&mut complaints), [""; 0].map(PathBuf::from));
            fs::set_permissions(top.join("first"), PermissionsExt::from_mode(0o755)).unwrap();
            assert_eq!(programs.list(&mut complaints), hooks(&["a.ck"], &first));
            fs::remove_file(first.join("a.ck")).unwrap();
            fs::remove_dir_all(top.join("away")).unwrap();
        }
        assert_eq!(complaints.count, 2);
        fs::remove_dir_all(&top).unwrap();
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
            complaints.set_problem(path, refusal);
            assert_eq!(complaints.count, count);
        }
    }
}
