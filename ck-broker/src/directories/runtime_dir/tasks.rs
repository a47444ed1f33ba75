//! Processes that work in the runtime root where mounting is not permitted. Users can then block the root, and their
//! own directories in it. Therefore a separate process does each task that takes locks, and the broker waits for it for
//! at most a tenth of a second. A process that is blocked is left behind and counts until it ends. While it is blocked,
//! the broker does not touch the directory of its user. While several are blocked, the broker touches no directory.

use super::residue::{CONTENTS, EMPTY};
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

/// The option, without its dashes, that makes this program do such a task. Its value is the [`Task`].
pub const OPTION: &str = "in-root";
/// The name of the process.
const NAME: &str = "ck-in-root";
/// How long the broker waits for such a process, which usually takes one or two milliseconds.
const TIME_LIMIT: Duration = Duration::from_millis(100);
/// The number of blocked processes from which on no task is started.
const MAX_BLOCKED: usize = 3;
/// The maximum number of bytes that are read of its output.
const MAX_OUTPUT: usize = 1024;

/// A task for such a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make the directory of this user.
    Make(Uid, Gid),
    /// Move the directory of this user to `.ck-retired`, as the entry with this number.
    Retire(Uid, u64),
}

/// Why a task was not done.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The process could not be started.
    #[error("cannot run ck-broker --{OPTION}: {0}")]
    Run(io::Error),
    /// The process is blocked.
    #[error("process {0} hangs in the kernel: a user holds the directory")]
    Blocked(i32),
    /// Earlier processes are still blocked.
    #[error("earlier processes for it still hang in the kernel: a user holds the directory")]
    Busy,
    /// The process reported this error.
    #[error("{0}")]
    Refused(String),
}

/// Starts the processes, and keeps those that are blocked.
#[derive(Debug)]
pub(super) struct TaskRunner {
    root: PathBuf,
    blocked: Vec<Blocked>,
}

/// A process that is blocked.
#[derive(Debug)]
struct Blocked {
    task: Task,
    child: Child,
    /// True if its end is watched.
    is_watched: bool,
}

impl TaskRunner {
    /// Starts a process for each task in `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, blocked: Vec::new() }
    }

    /// Starts a process for the task, and waits for it.
    ///
    /// # Errors
    /// [`TaskError`]. After [`TaskError::Blocked`], the task may still be done later.
    pub(super) fn run(&mut self, task: Task) -> Result<(), TaskError> {
        let uid = task.uid();
        if self.blocked.len() >= MAX_BLOCKED || self.blocked.iter().any(|blocked| blocked.task.uid() == uid) {
            return Err(TaskError::Busy);
        }
        let caught = Caught::new().map_err(TaskError::Run)?;
        let mut child = self.start(task, &caught).map_err(TaskError::Run)?;
        let status = child.status_within(TIME_LIMIT).map_err(|errno| TaskError::Run(errno.into()))?;
        let Some(status) = status else {
            // The signal takes effect when the process is no longer blocked.
            child.kill();
            let pid = child.pid();
            self.blocked.push(Blocked { task, child, is_watched: false });
            return Err(TaskError::Blocked(pid));
        };
        if status.success() {
            return Ok(());
        }
        Err(TaskError::Refused(caught.text(MAX_OUTPUT).trim_end().to_owned()))
    }

    /// The number of blocked processes.
    pub(super) fn blocked(&self) -> usize {
        self.blocked.len()
    }

    /// Calls `watch` with each blocked process that is not watched yet. Its pidfd is readable when it has ended.
    pub(super) fn watch(&mut self, mut watch: impl FnMut(BorrowedFd<'_>)) {
        for blocked in self.blocked.iter_mut().filter(|blocked| !blocked.is_watched) {
            blocked.is_watched = true;
            watch(blocked.child.as_fd());
        }
    }

    /// Returns the tasks of the blocked processes that have ended. They may have been done.
    pub(super) fn take_ended(&mut self) -> Vec<Task> {
        let mut ended = Vec::new();
        self.blocked.retain_mut(|blocked| {
            let has_ended = blocked.child.status().is_some();
            ended.extend(has_ended.then_some(blocked.task));
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

    /// Does the task in `root`, in the process that was started with [`OPTION`].
    ///
    /// # Errors
    /// The error of the system call that failed. Nothing unfinished is left then.
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
        // The caller receives the first error.
        let _ = unlinkat(root, &name, AtFlags::REMOVEDIR);
    })
}

fn retire(root: &OwnedFd, uid: Uid, number: u64) -> Result<(), Errno> {
    let name = uid.to_string();
    // This call changes nothing, but waits for the lock of the directory. Moving the directory takes the same lock
    // while it holds the locks of the parents. A user who blocks the directory would then block all users.
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
