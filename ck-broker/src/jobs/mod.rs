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

use crate::{limit::Limit, runtime_dir::Remains};
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

    /// Takes note that the uid left nothing to tear down.
    pub fn note_freed(&mut self, uid: Uid) {
        self.news.push(Event::TeardownFinished(uid));
    }

    /// Starts one teardown that is due, if a worker may run for it.
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
        let barred = self.barred();
        let due = |job: &Job| match job.phase {
            Phase::Waiting(due) => barred.allow(job.uid).then_some(due),
            Phase::Running(ref worker) => Some(worker.deadline()),
            Phase::Quarantined | Phase::Abandoned(_) => None,
        };
        self.jobs.values().filter_map(due).min()
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

    /// Whether one more teardown of the uid would stay within `limit`.
    #[must_use]
    pub fn has_room(&self, uid: Uid, limit: Limit) -> bool {
        let own = || self.jobs.values().filter(|job| job.uid == uid).count();
        self.jobs.len() < limit.all && own() < limit.per_user
    }

    /// Who may have no worker started now.
    fn barred(&self) -> Barred {
        let of = |state| self.jobs.values().filter(move |job| job.state() == state).map(|job| job.uid);
        let running: Vec<Uid> = of(TeardownState::Running).collect();
        Barred { all: running.len() >= PARALLEL, running, abandoned: of(TeardownState::Abandoned).collect() }
    }

    fn next_due(&self, now: Instant) -> Option<TeardownId> {
        let barred = self.barred();
        let due = self.jobs.iter().find(|(_, job)| job.is_due(now) && barred.allow(job.uid));
        due.map(|(&id, _)| id)
    }

    fn finish(&mut self, id: TeardownId) {
        if let Some(job) = self.jobs.remove(&id) {
            self.news.push(Event::TeardownFinished(job.uid));
        }
    }

    /// Has the teardown tried again later, or gives it up.
    fn fail(&mut self, id: TeardownId, reason: Option<String>, now: Instant) {
        if let Some(job) = self.jobs.get_mut(&id) {
            if job.fail(reason, now) {
                self.news.push(Event::TeardownFailed(job.uid));
            }
        }
    }
}

/// Who may have no worker started.
struct Barred {
    all: bool,
    /// Two workers in one tree only slow each other down.
    running: Vec<Uid>,
    /// One entry a worker that hangs in the kernel; the next one might as well.
    abandoned: Vec<Uid>,
}

impl Barred {
    fn allow(&self, uid: Uid) -> bool {
        let hanging = self.abandoned.iter().filter(|other| **other == uid).count();
        !self.all && !self.running.contains(&uid) && hanging < ABANDONED_PER_USER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    /// A queue whose remover is a shell script.
    fn queue(script: &str) -> Queue {
        let folder = std::env::temp_dir().join(format!("ck-queue-{}-{}", std::process::id(), script.len()));
        fs::create_dir_all(&folder).unwrap();
        let remover = folder.join("ck-remove-directory");
        fs::write(&remover, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&remover, PermissionsExt::from_mode(0o755)).unwrap();
        Queue::new(Remover::beside(&folder.join("ck-broker")).unwrap())
    }

    fn push(queue: &mut Queue, uid: u32, now: Instant) {
        let path = PathBuf::from("/nowhere");
        queue.push(Uid::try_from(uid).unwrap(), path.clone(), Remains::Moved(path), now);
    }

    /// Has the queue believe that not even SIGKILL ended the worker of `id`.
    fn abandon(queue: &mut Queue, id: TeardownId) {
        let job = queue.jobs.get_mut(&id).unwrap();
        let Phase::Running(worker) = std::mem::replace(&mut job.phase, Phase::Quarantined) else { panic!() };
        job.phase = Phase::Abandoned(worker);
    }

    #[test]
    fn a_user_whose_workers_hang_gets_no_third_one_and_others_do() {
        let mut queue = queue("exec sleep 60");
        let now = Instant::now();
        for _ in 0..3 {
            push(&mut queue, 2001, now);
        }
        for _ in 0..ABANDONED_PER_USER {
            let id = queue.start_next(now).unwrap().id;
            assert!(queue.start_next(now).is_none(), "one at a time");
            abandon(&mut queue, id);
        }
        assert!(queue.start_next(now).is_none());
        assert_eq!(queue.next_deadline(), None, "nothing to wake up for");
        push(&mut queue, 2002, now);
        let other = queue.start_next(now).unwrap().id;
        assert_eq!(queue.jobs[&other].uid.get(), 2002);
        assert_eq!(queue.count(TeardownState::Abandoned), 2);

        // One ends after all: it counts as a failed try, and the next may run.
        let first = TeardownId::FIRST;
        rustix::process::pidfd_send_signal(
            queue.jobs[&first].worker().unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        while queue.jobs[&first].state() == TeardownState::Abandoned {
            queue.reap(first, now);
        }
        assert_eq!(queue.jobs[&first].state(), TeardownState::Waiting);
        assert!(queue.start_next(now).is_some());
        for job in queue.jobs.values() {
            job.worker()
                .map(|worker| rustix::process::pidfd_send_signal(worker, rustix::process::Signal::KILL));
        }
    }

    #[test]
    fn a_worker_over_its_time_is_killed_and_tried_again() {
        let mut queue = queue("exec sleep 600");
        let now = Instant::now();
        push(&mut queue, 2001, now);
        let id = queue.start_next(now).unwrap().id;
        let late = queue.next_deadline().unwrap();
        assert!(late > now + std::time::Duration::from_secs(60));
        queue.tend_overdue(late);
        while queue.jobs[&id].state() == TeardownState::Running {
            queue.reap(id, late);
        }
        assert_eq!(queue.jobs[&id].state(), TeardownState::Waiting);
        assert!(queue.next_deadline() > Some(late));
    }
}
