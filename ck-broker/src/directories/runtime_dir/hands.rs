//! Where nothing can be mounted, users can hold the root, and their own directories in it. So a process does there what takes
//! locks, and is waited for no longer than a tenth of a second. One that is held up is left behind, and counts until it ends; as long as
//! there are any, their users' directories are left alone, and as long as there are a few, everybody's are.

use super::remains::{CONTENTS, EMPTY};
use crate::{
    places::user_dirs::RETIRED,
    sys::{Caught, Child, Program},
};
use ck_protocol::{Gid, Uid};
use rustix::{
    fs::{
        AtFlags, Mode, OFlags, RenameFlags, StatxFlags, chownat, mkdirat, open, renameat_with, statx,
        unlinkat,
    },
    io::Errno,
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

/// The option, without its dashes, by which this program is told to be such a process. Its value is a [`Task`].
pub const OPTION: &str = "in-root";
/// The name of the process.
const NAME: &str = "ck-in-root";
/// How long it is waited for. It is a millisecond or two.
const PATIENCE: Duration = Duration::from_millis(100);
/// How many may be held up before nothing is tried any more.
const HUNG: usize = 3;
/// As much of what it says as is read, in bytes.
const ANSWER: usize = 1024;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make the directory of the uid, and give it to its user.
    Make(Uid, Gid),
    /// Move it among the retired, as the entry with this number.
    Retire(Uid, u64),
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The process could not be started.
    #[error("cannot run ck-broker --{OPTION}: {0}")]
    Run(io::Error),
    /// It does not end.
    #[error("process {0} hangs in the kernel: a user holds the directory")]
    Held(i32),
    /// Others before it did not.
    #[error("processes that hang in the kernel are at it: a user holds the directory")]
    Busy,
    /// It has said why not.
    #[error("{0}")]
    Refused(String),
}

/// The processes.
#[derive(Debug)]
pub(super) struct Hands {
    root: PathBuf,
    hung: Vec<Hung>,
}

/// One that is held up.
#[derive(Debug)]
struct Hung {
    task: Task,
    child: Child,
    /// Whether somebody watches for its end.
    is_watched: bool,
}

impl Hands {
    /// Those that work in `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, hung: Vec::new() }
    }

    /// Has it done.
    ///
    /// # Errors
    /// [`TaskError`]; then it may be done later all the same.
    pub(super) fn run(&mut self, task: Task) -> Result<(), TaskError> {
        let uid = task.uid();
        if self.hung.len() >= HUNG || self.hung.iter().any(|hung| hung.task.uid() == uid) {
            return Err(TaskError::Busy);
        }
        let caught = Caught::new().map_err(TaskError::Run)?;
        let mut child = self.start(task, &caught).map_err(TaskError::Run)?;
        let Some(status) = child.status_within(PATIENCE).map_err(|errno| TaskError::Run(errno.into()))?
        else {
            // Should it ever come to that.
            child.kill();
            let pid = child.pid();
            self.hung.push(Hung { task, child, is_watched: false });
            return Err(TaskError::Held(pid));
        };
        if status.success() {
            return Ok(());
        }
        Err(TaskError::Refused(caught.text(ANSWER).trim_end().to_owned()))
    }

    /// How many are held up.
    pub(super) fn hung(&self) -> usize {
        self.hung.len()
    }

    /// Tells `watch` of those that nobody watches yet: each is readable when it has ended.
    pub(super) fn watch(&mut self, mut watch: impl FnMut(BorrowedFd<'_>)) {
        for hung in self.hung.iter_mut().filter(|hung| !hung.is_watched) {
            hung.is_watched = true;
            watch(hung.child.as_fd());
        }
    }

    /// What those were to do that have ended. It may have been done in the end.
    pub(super) fn take_ended(&mut self) -> Vec<Task> {
        let mut ended = Vec::new();
        self.hung.retain_mut(|hung| {
            let has_ended = hung.child.status().is_some();
            ended.extend(has_ended.then_some(hung.task));
            !has_ended
        });
        ended
    }

    fn start(&self, task: Task, caught: &Caught) -> io::Result<Child> {
        let program = Program::own(NAME)
            .arg(format!("--{OPTION}={}", task.argument()))
            .option("--runtime-root=", &self.root)
            .stdout(caught.writer()?);
        program.start().map_err(io::Error::other)
    }
}

impl Task {
    fn uid(self) -> Uid {
        match self {
            Self::Make(uid, _) | Self::Retire(uid, _) => uid,
        }
    }

    fn argument(self) -> String {
        match self {
            Self::Make(uid, gid) => format!("make:{uid}:{}", gid.get()),
            Self::Retire(uid, number) => format!("retire:{uid}:{number}"),
        }
    }

    /// Reads the value of the option.
    #[must_use]
    pub fn parse(argument: &str) -> Option<Self> {
        let mut parts = argument.split(':');
        let (what, uid, number) = (parts.next()?, parts.next()?, parts.next()?);
        let uid = Uid::try_from(uid.parse::<u32>().ok()?).ok()?;
        match what {
            "make" => Some(Self::Make(uid, Gid::try_from(number.parse::<u32>().ok()?).ok()?)),
            "retire" => Some(Self::Retire(uid, number.parse().ok()?)),
            _ => None,
        }
    }

    /// Does it, in `root`: what the process does that was started with [`OPTION`].
    ///
    /// # Errors
    /// Those of the system call that failed; then nothing half-made is left.
    pub fn perform(self, root: &Path) -> Result<(), Errno> {
        let root = open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        match self {
            Self::Make(uid, gid) => make(&root, uid, gid),
            Self::Retire(uid, number) => retire(&root, uid, number),
        }
    }
}

fn make(root: &OwnedFd, uid: Uid, gid: Gid) -> Result<(), Errno> {
    let name = uid.to_string();
    mkdirat(root, &name, Mode::RWXU)?;
    let (user, group) = (rustix::fs::Uid::from_raw(uid.get()), rustix::fs::Gid::from_raw(gid.get()));
    chownat(root, &name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW).inspect_err(|_| {
        // The error itself is what is told.
        let _ = unlinkat(root, &name, AtFlags::REMOVEDIR);
    })
}

fn retire(root: &OwnedFd, uid: Uid, number: u64) -> Result<(), Errno> {
    let name = uid.to_string();
    // Its lock first, by a call that changes nothing. To move it takes the same lock, but holds those of the parents meanwhile: whoever
    // holds it would hold up everybody.
    match chownat(root, &name, None, None, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        locked => locked?,
    }
    let found = statx(root, &name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC, StatxFlags::UID)?;
    let retired = Path::new(RETIRED);
    if found.stx_uid == 0 {
        // It was never given to its user.
        let empty = retired.join(format!("{EMPTY}{number}"));
        return renameat_with(root, &name, root, empty, RenameFlags::NOREPLACE);
    }
    let entry = retired.join(format!("{uid}-{number}"));
    mkdirat(root, &entry, Mode::RWXU)?;
    renameat_with(root, &name, root, entry.join(CONTENTS), RenameFlags::NOREPLACE).inspect_err(|_| {
        let _ = unlinkat(root, &entry, AtFlags::REMOVEDIR);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_told_all_of_the_task() {
        let (uid, gid) = (Uid::try_from(2001).unwrap(), Gid::try_from(100).unwrap());
        for task in [Task::Make(uid, gid), Task::Retire(uid, 7)] {
            assert_eq!(Task::parse(&task.argument()), Some(task));
        }
        for bad in ["", "make:2001", "make:x:1", "retire:2001:x", "remove:2001:1"] {
            assert_eq!(Task::parse(bad), None, "{bad}");
        }
    }
}
