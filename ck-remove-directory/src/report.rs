//! The result of a run: lines on standard error, a JSON object on standard output, and the exit status.

use crate::{
    answer::Answer,
    arguments::{RemoveRequest, SweepRequest},
    cause::Cause,
    child::ChildError,
    exit_status::{ABANDONED, GONE, LEFT, LEFT_RETRY},
    leftovers::{Leftover, Leftovers},
    print::{complain, print_line},
    text::escape,
};
use rustix::{fs::Uid, io::Errno, process::Pid};
use serde::Serialize;
use std::{
    os::unix::ffi::OsStrExt,
    path::Path,
    time::{Duration, Instant},
};

/// Errors that mean that the machine has no more processes, memory or descriptors. It may have some later.
const RESOURCE_ERRORS: [Errno; 4] = [Errno::AGAIN, Errno::NOMEM, Errno::NFILE, Errno::MFILE];

/// What ran out, so that another run may get further.
#[derive(Debug, Clone, Copy)]
enum Shortage {
    /// The time of this run.
    Time,
    /// A resource of the machine: see [`RESOURCE_ERRORS`].
    Resources,
}

/// The result of a run, collected while it goes on.
#[derive(Debug)]
pub(crate) struct Report {
    /// The path of the directory as it was given.
    pub(crate) path: Vec<u8>,
    uid: u32,
    /// The number of names removed in the directory. The directory itself does not count.
    pub(crate) removed: u64,
    /// The bytes that a tmpfs has freed; `None` if the directory is not the root of a tmpfs.
    pub(crate) bytes: Option<u64>,
    /// The number of mounts detached, on the directory and in it.
    pub(crate) detached: u64,
    /// The number of passes over the tree, as the user and as root.
    pub(crate) passes: u64,
    /// True if every pass of the user was confined to the directory; `None` if there was no such pass.
    pub(crate) confined: Option<bool>,
    pub(crate) leftovers: Leftovers,
    /// The child that hangs in the kernel and is left behind.
    pub(crate) abandoned: Option<Pid>,
    shortage: Option<Shortage>,
    gone: bool,
}

/// The JSON object of `--json`.
#[derive(Serialize)]
struct Summary<'a> {
    dest: String,
    uid: u32,
    gone: bool,
    removed: u64,
    bytes: Option<u64>,
    mounts_detached: u64,
    passes: u64,
    confined: Option<bool>,
    leftovers: &'a [Leftover],
    leftovers_not_named: u64,
    abandoned: Option<i32>,
    ms: u128,
}

impl Report {
    /// The report of a removal in which nothing has happened yet.
    pub(crate) fn of_removal(request: &RemoveRequest) -> Self {
        Self::new(&request.dest, request.uid)
    }

    /// The report of a sweep. A sweep has a report only if it could not be finished.
    pub(crate) fn of_sweep(request: &SweepRequest) -> Self {
        Self::new(&request.directory, Uid::ROOT)
    }

    fn new(path: &Path, uid: Uid) -> Self {
        Self {
            path: path.as_os_str().as_bytes().to_vec(),
            uid: uid.as_raw(),
            removed: 0,
            bytes: None,
            detached: 0,
            passes: 0,
            confined: None,
            leftovers: Leftovers::with_names(),
            abandoned: None,
            shortage: None,
            gone: false,
        }
    }

    /// Adds the bytes that a tmpfs has freed: it used `before` and now uses `after`. `None` means unknown.
    pub(crate) fn add_bytes(&mut self, before: Option<u64>, after: Option<u64>) {
        if let (Some(before), Some(after)) = (before, after) {
            self.bytes = Some(self.bytes.unwrap_or(0) + before.saturating_sub(after));
        }
    }

    /// Records that the directory is gone, and with it everything that was left in it.
    pub(crate) fn set_gone(&mut self) {
        self.gone = true;
        self.leftovers = Leftovers::with_names();
    }

    /// Records that the directory itself is left.
    pub(crate) fn add_directory(&mut self, errno: Errno) {
        self.leftovers.add(errno, || self.path.clone());
    }

    /// Records that the time was over before the end.
    pub(crate) fn set_timed_out(&mut self) {
        self.shortage = Some(Shortage::Time);
    }

    /// Records that nothing was done, because a first step failed.
    pub(crate) fn set_not_begun(&mut self, cause: Cause, step: &str) {
        let message = format!("not begun: {}: {}", escape(step.as_bytes()), cause.message());
        self.leftovers.add_with_message(cause, message, || self.path.clone());
        self.shortage = RESOURCE_ERRORS.contains(&cause.0).then_some(Shortage::Resources);
    }

    /// Takes over the answer of the child that did the work.
    ///
    /// Returns the exit status if the child has finished and has printed its own report. Otherwise returns this
    /// report, to be published in its place.
    pub(crate) fn conclude(
        mut self,
        answer: Result<Answer, ChildError>,
        deadline: Instant,
    ) -> Result<u8, Self> {
        match answer {
            Ok(Answer { exit_status: Some(status), .. }) => return Ok(status),
            Ok(Answer { failure: Some((cause, step)), .. }) => self.set_not_begun(cause, &step),
            Ok(answer) => {
                self.removed = answer.count.unwrap_or(0);
                self.abandoned = answer.abandoned;
                if self.abandoned.is_none() {
                    self.set_killed(deadline);
                }
            }
            Err(error) => self.set_not_begun(error.cause(), &error.to_string()),
        }
        Err(self)
    }

    /// Records that the child was killed: at its deadline, or earlier, for example because the machine has no more
    /// memory.
    fn set_killed(&mut self, deadline: Instant) {
        let (shortage, errno) = match Instant::now() >= deadline {
            true => (Shortage::Time, Errno::TIMEDOUT),
            false => (Shortage::Resources, Errno::INTR),
        };
        self.shortage = Some(shortage);
        self.add_directory(errno);
    }

    /// Prints the report, with the JSON object if `json`, and returns the exit status.
    pub(crate) fn publish(&self, json: bool, elapsed: Duration) -> u8 {
        if let Some(child) = self.abandoned {
            let (path, child) = (escape(&self.path), child.as_raw_pid());
            complain(&format!("{path}: child {child} hangs in the kernel and is left behind"));
        }
        for leftover in self.leftovers.named() {
            complain(&format!("{}: {} ({})", leftover.path, leftover.message, leftover.errno));
        }
        if self.leftovers.unnamed() > 0 {
            complain(&format!("{} more leftovers are not named", self.leftovers.unnamed()));
        }
        if json {
            self.publish_json(elapsed);
        }
        self.exit_status()
    }

    fn exit_status(&self) -> u8 {
        match self.shortage {
            _ if self.abandoned.is_some() => ABANDONED,
            _ if self.gone => GONE,
            // A run without any progress: more time may not help.
            Some(Shortage::Time) if self.removed + self.detached == 0 => LEFT,
            Some(_) => LEFT_RETRY,
            None => LEFT,
        }
    }

    fn publish_json(&self, elapsed: Duration) {
        let summary = Summary {
            dest: escape(&self.path),
            uid: self.uid,
            gone: self.gone,
            removed: self.removed,
            bytes: self.bytes,
            mounts_detached: self.detached,
            passes: self.passes,
            confined: self.confined,
            leftovers: self.leftovers.named(),
            leftovers_not_named: self.leftovers.unnamed(),
            abandoned: self.abandoned.map(|child| child.as_raw_pid()),
            ms: elapsed.as_millis(),
        };
        if let Ok(object) = serde_json::to_string(&summary) {
            let _ = print_line(&object);
        }
    }
}
