//! Teardown of what logouts leave: `ck-remove-directory` in processes of its own, a few at a
//! time, one for each user. The queue starts them and hears of their end; it waits for none.
//!
//! ```text
//! waiting ──▶ running ──▶ gone
//!    ▲          │ │
//!    └─ failed ─┘ ├─ failed too often ──▶ quarantined ── retry ──▶ waiting
//!                 └─ outlives SIGKILL ──▶ abandoned ── ends after all ──▶ as if running
//! ```

mod job;
mod worker;

pub use job::{Job, Phase};
pub use worker::{NoRemover, Remover, SpawnError, Worker};

use crate::runtime_dir::Remains;
use ck_protocol::{Event, TeardownId, TeardownState, Uid};
use job::Ended;
use std::{collections::BTreeMap, path::PathBuf, time::Instant};

/// How many workers run at once, over all users. Those that were abandoned do not count.
const PARALLEL: usize = 4;
/// How many of a user's workers may hang in the kernel before no more are started for that user.
const ABANDONED_PER_USER: usize = 2;

/// What the loop must know of a worker that has just been started.
#[derive(Debug)]
pub struct Started<'q> {
    /// What it works at.
    pub id: TeardownId,
    /// The worker.
    pub worker: &'q Worker,
}

/// All teardowns that are not finished.
#[derive(Debug)]
pub struct Queue {
    remover: Remover,
    jobs: BTreeMap<TeardownId, Job>,
    next: TeardownId,
    news: Vec<Event>,
}

impl Queue {
    /// An empty queue whose workers run `remover`.
    #[must_use]
    pub fn new(remover: Remover) -> Self {
        Self { remover, jobs: BTreeMap::new(), next: TeardownId::FIRST, news: Vec::new() }
    }

    /// Queues the teardown of what the uid left; `name` is where its user knew it.
    pub fn push(&mut self, uid: Uid, name: PathBuf, remains: Remains, now: Instant) {
        self.jobs.insert(self.next, Job::new(uid, name, remains, now));
        self.next = self.next.next();
    }

    /// Starts one teardown that is due, if a worker may run for it. Call it until `None`.
    pub fn start_next(&mut self, now: Instant) -> Option<Started<'_>> {
        loop {
            let id = self.next_due(now)?;
            let job = self.jobs.get_mut(&id)?;
            match job.start(&self.remover, now) {
                Ok(()) => {
                    let worker = self.jobs.get(&id)?.worker()?;
                    return Some(Started { id, worker });
                }
                Err(error) => {
                    log::error!("{error}");
                    self.fail(id, Some(error.to_string()), now);
                }
            }
        }
    }

    /// The worker of a teardown may have ended: takes note of how, if so.
    pub fn reap(&mut self, id: TeardownId, now: Instant) {
        match self.jobs.get_mut(&id).and_then(Job::take_outcome) {
            None => {}
            Some(Ended::Gone) => self.finish(id),
            Some(Ended::Failed(reason)) => self.fail(id, reason, now),
        }
    }

    /// Sees to the workers that are over their time: each is killed, and abandoned when it has not
    /// ended a while later.
    pub fn tend_overdue(&mut self, now: Instant) {
        let overdue = self.jobs.iter().filter(|(_, job)| job.is_overdue(now));
        for id in overdue.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.reap(id, now);
            if let Some(job) = self.jobs.get_mut(&id) {
                job.kill_or_abandon(now);
            }
        }
    }

    /// Has teardowns that were given up tried again: `only` that one, or all. Says how many.
    pub fn retry(&mut self, only: Option<TeardownId>, now: Instant) -> u64 {
        let chosen = self.jobs.iter_mut().filter(|(id, _)| only.is_none_or(|only| only == **id));
        let mut count = 0;
        for (_, job) in chosen.filter(|(_, job)| job.state() == TeardownState::Quarantined) {
            job.wait_anew(now);
            count += 1;
        }
        count
    }

    /// What has happened since this was last asked.
    pub fn take_news(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.news)
    }

    /// When something is due next, if nothing else happens.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let running = self.running();
        let free = running.len() < PARALLEL;
        self.jobs
            .values()
            .filter_map(|job| match job.phase {
                Phase::Waiting(due) => (free && !running.contains(&job.uid)).then_some(due),
                Phase::Running(ref worker) => Some(worker.deadline()),
                Phase::Quarantined | Phase::Abandoned(_) => None,
            })
            .min()
    }

    /// The teardowns from `id` on, by id.
    pub fn from(&self, id: TeardownId) -> impl Iterator<Item = (TeardownId, &Job)> {
        self.jobs.range(id..).map(|(&id, job)| (id, job))
    }

    /// How many teardowns are in this state.
    #[must_use]
    pub fn count(&self, state: TeardownState) -> usize {
        self.jobs.values().filter(|job| job.state() == state).count()
    }

    /// The users for whom a worker runs: two in one tree only slow each other down.
    fn running(&self) -> Vec<Uid> {
        let running = self.jobs.values().filter(|job| job.state() == TeardownState::Running);
        running.map(|job| job.uid).collect()
    }

    fn next_due(&self, now: Instant) -> Option<TeardownId> {
        let running = self.running();
        if running.len() >= PARALLEL {
            return None;
        }
        let due = self.jobs.iter().find(|(_, job)| job.is_due(now) && !running.contains(&job.uid));
        due.map(|(&id, _)| id)
    }

    fn finish(&mut self, id: TeardownId) {
        if let Some(job) = self.jobs.remove(&id) {
            self.news.push(Event::TeardownFinished(job.uid));
        }
    }

    /// Has the teardown tried again later, or gives it up.
    fn fail(&mut self, id: TeardownId, reason: Option<String>, now: Instant) {
        let Some(job) = self.jobs.get(&id) else { return };
        let hanging = self
            .jobs
            .values()
            .filter(|other| other.uid == job.uid && other.state() == TeardownState::Abandoned);
        let hopeless = hanging.count() >= ABANDONED_PER_USER;
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if job.fail(reason, hopeless, now) {
            self.news.push(Event::TeardownFailed(job.uid));
        }
    }
}
