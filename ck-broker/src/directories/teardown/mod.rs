//! Tears down retired directories: each in a worker, a process that runs `ck-remove-directory`. A few workers run at
//! the same time, at most one for each user, and users take turns. [`Teardowns`] decides which teardown is due. The
//! queue starts the workers and handles their ends. It never waits for one.

mod removal;
mod sweep;
mod worker;

pub use removal::Removal;
pub use worker::{NoRemover, Remover, SpawnError, Worker};

use crate::directories::runtime_dir::Residue;
use ck_core::{
    metrics::TeardownMetrics,
    model::Limit,
    order::{PendingTeardown, Teardowns},
};
use ck_protocol::{Event, Teardown, TeardownDetail, TeardownId, TeardownState, Text, Uid};
use removal::{TryResult, on_the_clock};
use std::{
    fs,
    os::fd::BorrowedFd,
    path::PathBuf,
    time::{Instant, SystemTime},
};
use sweep::Sweep;

/// A process that the loop has to watch.
#[derive(Debug)]
pub struct WatchRequest<'q> {
    /// Its teardown.
    pub id: TeardownId,
    /// Its pidfd: readable once it has ended.
    pub process: BorrowedFd<'q>,
}

/// All teardowns that are not finished.
#[derive(Debug)]
pub struct TeardownQueue {
    remover: Remover,
    /// The directory of the retired.
    retired: PathBuf,
    teardowns: Teardowns<Removal>,
    /// The sweeps of `.ck-retired` and of the state directory.
    sweeps: Vec<Sweep>,
    /// The teardowns whose process has been replaced by another one, which has to be watched.
    to_watch: Vec<TeardownId>,
    news: Vec<Event>,
    metrics: TeardownMetrics,
}

impl TeardownQueue {
    /// An empty queue whose workers run `remover` in the directory `retired`. Unused names in `retired` and `others`
    /// are swept away.
    #[must_use]
    pub fn new(remover: Remover, retired: PathBuf, others: impl IntoIterator<Item = PathBuf>) -> Self {
        let sweeps = std::iter::once(retired.clone()).chain(others).map(Sweep::of).collect();
        Self {
            remover,
            retired,
            teardowns: Teardowns::default(),
            sweeps,
            to_watch: Vec::new(),
            news: Vec::new(),
            metrics: TeardownMetrics::default(),
        }
    }

    /// Queues the teardown of a retired directory. `bytes` is its size, where it is known.
    pub fn push(&mut self, residue: Residue, bytes: Option<u64>, now: Instant) {
        self.teardowns.push(residue.uid, bytes, Removal::new(residue, now), now);
    }

    /// Reports the teardown of a user's directory as finished, because the directory was empty.
    pub fn note_freed(&mut self, uid: Uid, now: Instant) {
        self.finished(uid, now, now);
    }

    /// What was measured of the teardowns that are finished.
    #[must_use]
    pub fn metrics(&self) -> &TeardownMetrics {
        &self.metrics
    }

    /// Schedules the sweep of `.ck-retired`.
    pub fn schedule_sweep(&mut self, now: Instant) {
        if let Some(sweep) = self.sweeps.first_mut() {
            sweep.schedule(now);
        }
    }

    /// Schedules all sweeps.
    pub fn schedule_all_sweeps(&mut self, now: Instant) {
        self.sweeps.iter_mut().for_each(|sweep| sweep.schedule(now));
    }

    /// Starts the sweeps that are due. Calls `watch` with the number and the pidfd of each.
    pub fn start_sweeps(&mut self, now: Instant, mut watch: impl FnMut(u64, BorrowedFd<'_>)) {
        for (number, sweep) in (0..).zip(&mut self.sweeps) {
            if let Some(process) = sweep.start(&self.remover, now) {
                watch(number, process);
            }
        }
    }

    /// Handles the end of a sweep, if it has ended.
    pub fn reap_sweep(&mut self, number: u64, now: Instant) {
        let sweep = usize::try_from(number).ok().and_then(|number| self.sweeps.get_mut(number));
        if let Some(sweep) = sweep {
            sweep.reap(now);
        }
    }

    /// Starts one worker, if a teardown is due.
    pub fn start_next(&mut self, now: Instant) -> Option<WatchRequest<'_>> {
        loop {
            let id = self.teardowns.begin(now)?;
            let removal = &mut self.teardowns.get_mut(id)?.work;
            match removal.start(&self.remover, &self.retired, now) {
                Ok(()) => {
                    let process = self.teardowns.get(id)?.work.process()?;
                    return Some(WatchRequest { id, process });
                }
                // The machine is the cause, not the directory.
                Err(error) => {
                    log::error!("{error}");
                    self.hinder(id, Some(error.to_string()), now);
                }
            }
        }
    }

    /// Handles the end of the worker of a teardown, if it has ended.
    pub fn reap(&mut self, id: TeardownId, now: Instant) {
        match self.teardowns.get_mut(id).and_then(|teardown| teardown.work.take_outcome()) {
            None => {}
            Some(TryResult::Gone) => self.finish(id, now),
            Some(TryResult::Failed(reason)) => self.fail(id, reason, now),
            Some(TryResult::Hindered(reason)) => self.hinder(id, reason, now),
            Some(TryResult::Abandoned(reason)) => {
                self.teardowns.abandon(id, reason);
                self.to_watch.push(id);
                self.news
                    .extend(self.teardowns.get(id).map(|teardown| Event::TeardownFailed(teardown.uid())));
            }
        }
    }

    /// Calls `watch` with each process that has replaced the worker of its teardown since the last call.
    pub fn watch_hung(&mut self, mut watch: impl FnMut(WatchRequest<'_>)) {
        for id in std::mem::take(&mut self.to_watch) {
            if let Some(process) = self.teardowns.get(id).and_then(|teardown| teardown.work.process()) {
                watch(WatchRequest { id, process });
            }
        }
    }

    /// Kills the workers that have exceeded their time limit, and abandons those that do not end after SIGKILL.
    pub fn expire_overdue(&mut self, now: Instant) {
        let is_overdue = |removal: &Removal| removal.deadline().is_some_and(|deadline| deadline <= now);
        let overdue = self.teardowns.iter().filter(|(_, teardown)| is_overdue(&teardown.work));
        for id in overdue.map(|(id, _)| id).collect::<Vec<_>>() {
            self.reap(id, now);
            let reason = self.teardowns.get_mut(id).and_then(|teardown| teardown.work.kill_or_abandon(now));
            if let Some(reason) = reason {
                self.teardowns.abandon(id, reason);
            }
        }
        self.sweeps.iter_mut().for_each(|sweep| sweep.expire_overdue(now));
    }

    /// Retries teardowns that were given up: `only` this one, or all. Returns their number.
    pub fn retry(&mut self, only: Option<TeardownId>, now: Instant) -> u64 {
        self.teardowns.retry(only, now)
    }

    /// True if there are events for [`TeardownQueue::take_news`].
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Returns the events since the last call.
    pub fn take_news(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.news)
    }

    /// The time at which something is due next, if nothing else happens.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let workers = self.teardowns.iter().filter_map(|(_, teardown)| teardown.work.deadline());
        let sweeps = self.sweeps.iter().filter_map(Sweep::next_deadline);
        workers.chain(sweeps).chain(self.teardowns.next_deadline()).min()
    }

    /// The teardowns from `id` on, by id.
    pub fn from(&self, id: TeardownId) -> impl Iterator<Item = (TeardownId, &PendingTeardown<Removal>)> {
        self.teardowns.from(id)
    }

    /// A teardown as other processes may see it.
    #[must_use]
    pub fn shown(&self, id: TeardownId, teardown: &PendingTeardown<Removal>) -> Teardown {
        Teardown {
            id,
            uid: teardown.uid(),
            path: Text::clipped(&teardown.work.residue.path(&self.retired).to_string_lossy()),
            state: teardown.state(),
            failures: u32::try_from(teardown.failures()).unwrap_or(u32::MAX),
            next_try: teardown.next_try().map(on_the_clock),
            reason: teardown.reason().map(Text::clipped),
        }
    }

    /// The same with all that is known of it.
    #[must_use]
    pub fn detail(&self, id: TeardownId, teardown: &PendingTeardown<Removal>) -> TeardownDetail {
        let shown = self.shown(id, teardown);
        TeardownDetail { teardown: shown, bytes: teardown.bytes(), since: teardown.work.since }
    }

    /// True if the path of a teardown begins with the directory `name` in `.ck-retired`.
    #[must_use]
    pub fn any_in(&self, name: &str) -> bool {
        self.teardowns.iter().any(|(_, teardown)| teardown.work.residue.name.starts_with(name))
    }

    /// The number of teardowns in this state.
    #[must_use]
    pub fn count(&self, state: TeardownState) -> usize {
        self.teardowns.count(state)
    }

    /// The problems for the administrator, besides the teardowns that were given up or abandoned.
    pub fn problems(&self, now: Instant) -> impl Iterator<Item = String> {
        self.teardowns.problem(now).into_iter().chain(self.sweeps.iter().filter_map(Sweep::problem))
    }

    /// Checks whether the user may leave one more teardown. A user without any may. Others may within `limit`, and as
    /// long as their teardowns together hold no more than `bytes`.
    ///
    /// # Errors
    /// The reason why not, as one line.
    pub fn has_room(&self, uid: Uid, limit: Limit, bytes: u64) -> Result<(), String> {
        self.teardowns.has_room(uid, limit, bytes)
    }

    fn finish(&mut self, id: TeardownId, now: Instant) {
        let Some(teardown) = self.teardowns.finish(id) else { return };
        if !teardown.work.residue.is_mounted {
            self.forget_entry(&teardown.work.residue);
        }
        self.finished(teardown.uid(), teardown.work.queued, now);
    }

    /// The teardown of a user's directory, which was queued at `queued`, is finished.
    fn finished(&mut self, uid: Uid, queued: Instant, now: Instant) {
        let duration = now.saturating_duration_since(queued);
        self.metrics.add(duration, uid, SystemTime::now().into(), now);
        self.news.push(Event::TeardownFinished(uid));
    }

    /// Removes the entry of a plain directory from `.ck-retired`, where no user could look it up. (The remover has
    /// removed the mount point of a tmpfs.)
    fn forget_entry(&self, residue: &Residue) {
        let path = self.retired.join(&residue.name);
        match fs::remove_dir(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                log::error!("cannot remove {}: {error}", path.display());
            }
            _ => {}
        }
    }

    /// Schedules a retry of the teardown, or gives it up.
    fn fail(&mut self, id: TeardownId, reason: Option<String>, now: Instant) {
        self.note_tried(id);
        if !self.teardowns.fail(id, reason, now) {
            return;
        }
        let Some(teardown) = self.teardowns.get(id) else { return };
        log::error!(
            "teardown of {} given up after {} tries: see `ckctl teardown list`, and `ckctl teardown retry`",
            teardown.work.residue.name.display(),
            teardown.failures()
        );
        self.news.push(Event::TeardownFailed(teardown.uid()));
    }

    /// Schedules a retry that does not count as a failure: the machine hindered the teardown.
    fn hinder(&mut self, id: TeardownId, reason: Option<String>, now: Instant) {
        self.note_tried(id);
        self.teardowns.hinder(id, reason, now);
    }

    /// A try may have detached the tmpfs.
    fn note_tried(&mut self, id: TeardownId) {
        if let Some(teardown) = self.teardowns.get_mut(id) {
            teardown.work.residue.is_mounted = false;
        }
    }
}

#[cfg(test)]
mod tests;
