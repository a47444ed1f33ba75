//! Teardown of what logouts leave: `ck-remove-directory` in processes of its own, a few at a
//! time, one for each user, and each user in turn. The queue starts them and hears of their end; it waits for none. Which
//! one is due, [`Teardowns`] decides.

mod removal;
mod sweep;
mod worker;

pub use removal::Removal;
pub use worker::{NoRemover, Remover, SpawnError, Worker};

use crate::directories::runtime_dir::Remains;
use ck_core::{
    model::Limit,
    order::{PendingTeardown, Teardowns},
};
use ck_protocol::{Event, Teardown, TeardownDetail, TeardownId, TeardownState, Text, Uid};
use removal::{Ended, on_the_clock};
use std::{fs, os::fd::BorrowedFd, path::PathBuf, time::Instant};
use sweep::Sweep;

/// What the loop must know of a worker that has just been started.
#[derive(Debug)]
pub struct Started<'q> {
    /// What it works at.
    pub id: TeardownId,
    /// Readable once it has ended.
    pub process: BorrowedFd<'q>,
}

/// All teardowns that are not finished.
#[derive(Debug)]
pub struct TeardownQueue {
    remover: Remover,
    /// The directory of the retired.
    retired: PathBuf,
    teardowns: Teardowns<Removal>,
    /// Mount points: those of the root, and names of the state directory.
    sweeps: Vec<Sweep>,
    /// Teardowns whose process is another one now, and is to be watched.
    to_watch: Vec<TeardownId>,
    news: Vec<Event>,
}

impl TeardownQueue {
    /// An empty queue whose workers run `remover` on what is in `retired`; names in there, and in `others`, are swept away.
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
        }
    }

    /// Queues the teardown of what a user has left, which holds so many bytes.
    pub fn push(&mut self, remains: Remains, bytes: Option<u64>, now: Instant) {
        self.teardowns.push(remains.uid, bytes, Removal::new(remains), now);
    }

    /// Takes note that the uid left nothing to tear down.
    pub fn note_freed(&mut self, uid: Uid) {
        self.news.push(Event::TeardownFinished(uid));
    }

    /// There are mount points among the retired.
    pub fn note_to_sweep(&mut self, now: Instant) {
        if let Some(sweep) = self.sweeps.first_mut() {
            sweep.note(now);
        }
    }

    /// There may be some wherever they are swept away.
    pub fn sweep_all(&mut self, now: Instant) {
        self.sweeps.iter_mut().for_each(|sweep| sweep.note(now));
    }

    /// Starts the sweeps that are due; `watch` is told of each, by its number.
    pub fn start_sweeps(&mut self, now: Instant, mut watch: impl FnMut(u64, BorrowedFd<'_>)) {
        for (number, sweep) in (0..).zip(&mut self.sweeps) {
            if let Some(process) = sweep.start(&self.remover, now) {
                watch(number, process);
            }
        }
    }

    /// A sweep may have ended.
    pub fn reap_sweep(&mut self, number: u64, now: Instant) {
        let sweep = usize::try_from(number).ok().and_then(|number| self.sweeps.get_mut(number));
        if let Some(sweep) = sweep {
            sweep.reap(now);
        }
    }

    /// Starts one teardown that is due, if a worker may run for it.
    pub fn start_next(&mut self, now: Instant) -> Option<Started<'_>> {
        loop {
            let id = self.teardowns.begin(now)?;
            let job = &mut self.teardowns.get_mut(id)?.work;
            match job.start(&self.remover, &self.retired, now) {
                Ok(()) => {
                    let process = self.teardowns.get(id)?.work.process()?;
                    return Some(Started { id, process });
                }
                // That is the machine's fault, and will pass.
                Err(error) => {
                    log::error!("{error}");
                    self.hinder(id, Some(error.to_string()), now);
                }
            }
        }
    }

    /// The worker of a teardown may have ended: takes note of how, if so.
    pub fn reap(&mut self, id: TeardownId, now: Instant) {
        match self.teardowns.get_mut(id).and_then(|teardown| teardown.work.take_outcome()) {
            None => {}
            Some(Ended::Gone) => self.finish(id),
            Some(Ended::Failed(reason)) => self.fail(id, reason, now),
            Some(Ended::Hindered(reason)) => self.hinder(id, reason, now),
            Some(Ended::Abandoned(reason)) => {
                self.teardowns.abandon(id, reason);
                self.to_watch.push(id);
                self.news.extend(self.teardowns.get(id).map(|job| Event::TeardownFailed(job.uid())));
            }
        }
    }

    /// Tells `watch` of the processes that hang in the kernel since this was last asked, and that are others than before.
    pub fn watch_hung(&mut self, mut watch: impl FnMut(Started<'_>)) {
        for id in std::mem::take(&mut self.to_watch) {
            if let Some(process) = self.teardowns.get(id).and_then(|teardown| teardown.work.process()) {
                watch(Started { id, process });
            }
        }
    }

    /// Sees to the workers that are over their time: each is killed, and abandoned when it has not
    /// ended a while later.
    pub fn tend_overdue(&mut self, now: Instant) {
        let is_overdue = |job: &Removal| job.deadline().is_some_and(|deadline| deadline <= now);
        let overdue = self.teardowns.iter().filter(|(_, teardown)| is_overdue(&teardown.work));
        for id in overdue.map(|(id, _)| id).collect::<Vec<_>>() {
            self.reap(id, now);
            let reason = self.teardowns.get_mut(id).and_then(|teardown| teardown.work.kill_or_abandon(now));
            if let Some(reason) = reason {
                self.teardowns.abandon(id, reason);
            }
        }
        self.sweeps.iter_mut().for_each(|sweep| sweep.tend_overdue(now));
    }

    /// Has teardowns that were given up tried again: `only` that one, or all. Says how many.
    pub fn retry(&mut self, only: Option<TeardownId>, now: Instant) -> u64 {
        self.teardowns.retry(only, now)
    }

    /// Whether something has happened since that was last asked.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// What has happened since this was last asked.
    pub fn take_news(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.news)
    }

    /// When something is due next, if nothing else happens.
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

    /// A teardown, as others may see it.
    #[must_use]
    pub fn shown(&self, id: TeardownId, teardown: &PendingTeardown<Removal>) -> Teardown {
        Teardown {
            id,
            uid: teardown.uid(),
            path: Text::clipped(&teardown.work.remains.path(&self.retired).to_string_lossy()),
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

    /// Whether any of them lies in the directory `name` there.
    #[must_use]
    pub fn any_in(&self, name: &str) -> bool {
        self.teardowns.iter().any(|(_, teardown)| teardown.work.remains.name.starts_with(name))
    }

    /// How many teardowns are in this state.
    #[must_use]
    pub fn count(&self, state: TeardownState) -> usize {
        self.teardowns.count(state)
    }

    /// What somebody should look at, beside the teardowns that were given up or abandoned.
    pub fn problems(&self, now: Instant) -> impl Iterator<Item = String> {
        self.teardowns.problem(now).into_iter().chain(self.sweeps.iter().filter_map(Sweep::problem))
    }

    /// Whether the uid may leave one more: it has none, or stays within `limit`, and all that it has left within so many `bytes`.
    /// Otherwise why not.
    ///
    /// # Errors
    /// For people, one line.
    pub fn has_room(&self, uid: Uid, limit: Limit, bytes: u64) -> Result<(), String> {
        self.teardowns.has_room(uid, limit, bytes)
    }

    fn finish(&mut self, id: TeardownId) {
        let Some(teardown) = self.teardowns.finish(id) else { return };
        if !teardown.work.remains.is_mounted {
            self.forget_entry(&teardown.work.remains);
        }
        self.news.push(Event::TeardownFinished(teardown.uid()));
    }

    /// Removes the entry among the retired that was for a plain directory alone. No user could ever look it up there. (The mount
    /// point of a tmpfs the remover has removed.)
    fn forget_entry(&self, remains: &Remains) {
        let path = self.retired.join(&remains.name);
        match fs::remove_dir(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                log::error!("cannot remove {}: {error}", path.display());
            }
            _ => {}
        }
    }

    /// Has the teardown tried again later, or gives it up.
    fn fail(&mut self, id: TeardownId, reason: Option<String>, now: Instant) {
        self.note_tried(id);
        if !self.teardowns.fail(id, reason, now) {
            return;
        }
        let Some(teardown) = self.teardowns.get(id) else { return };
        log::error!(
            "teardown of {} given up after {} tries: see `ckctl teardown list`, and `ckctl teardown retry`",
            teardown.work.remains.name.display(),
            teardown.failures()
        );
        self.news.push(Event::TeardownFailed(teardown.uid()));
    }

    /// Has the teardown tried again after a while, however often: what hindered it is none of its own.
    fn hinder(&mut self, id: TeardownId, reason: Option<String>, now: Instant) {
        self.note_tried(id);
        self.teardowns.hinder(id, reason, now);
    }

    /// A try may have unmounted what was mounted.
    fn note_tried(&mut self, id: TeardownId) {
        if let Some(teardown) = self.teardowns.get_mut(id) {
            teardown.work.remains.is_mounted = false;
        }
    }
}

#[cfg(test)]
mod tests;
