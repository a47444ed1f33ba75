//! Teardown of what logouts leave: `ck-remove-directory` in processes of its own, a few at a
//! time, in order for each user. The queue starts them and hears of their end; it waits for
//! none.

mod worker;

pub use worker::{NoRemover, Remover, SpawnError, Worker};

use crate::runtime_dir::Remains;
use ck_protocol::{Event, Uid};
use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    time::{Duration, Instant},
};

/// How many workers run at once, over all users.
const PARALLEL: usize = 4;
/// How long after a failed try the next one comes.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

/// Names a running worker; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub u64);

/// Something to be torn down.
#[derive(Debug)]
struct Teardown {
    uid: Uid,
    /// Where its user knew it.
    name: PathBuf,
    remains: Remains,
    /// How often it has failed.
    failures: usize,
    not_before: Instant,
}

/// What the loop must know of a worker that has just been started.
#[derive(Debug)]
pub struct Started<'q> {
    /// Its name in the queue.
    pub id: JobId,
    /// The worker.
    pub worker: &'q Worker,
}

/// All teardowns that are not finished.
#[derive(Debug)]
pub struct Queue {
    remover: Remover,
    waiting: VecDeque<Teardown>,
    running: HashMap<JobId, (Teardown, Worker)>,
    next: u64,
    given_up: u64,
    news: Vec<Event>,
}

impl Queue {
    /// An empty queue whose workers run `remover`.
    #[must_use]
    pub fn new(remover: Remover) -> Self {
        Self {
            remover,
            waiting: VecDeque::new(),
            running: HashMap::new(),
            next: 0,
            given_up: 0,
            news: Vec::new(),
        }
    }

    /// Queues the teardown of what the uid left; `name` is where its user knew it.
    pub fn push(&mut self, uid: Uid, name: PathBuf, remains: Remains, now: Instant) {
        self.waiting.push_back(Teardown { uid, name, remains, failures: 0, not_before: now });
    }

    /// Starts one teardown that is due, if a worker may run for it. Call it until `None`.
    pub fn start_next(&mut self, now: Instant) -> Option<Started<'_>> {
        if self.running.len() >= PARALLEL {
            return None;
        }
        let position = self.waiting.iter().position(|job| job.not_before <= now && !self.is_busy(job.uid))?;
        let job = self.waiting.remove(position)?;
        let spawned = match &job.remains {
            Remains::Detached(descriptor) => self.remover.empty(job.uid, &job.name, descriptor, now),
            Remains::Moved(path) => self.remover.remove(job.uid, path, now),
        };
        match spawned {
            Ok(worker) => {
                let id = JobId(self.next);
                self.next += 1;
                let (_, worker) = self.running.entry(id).insert_entry((job, worker)).into_mut();
                Some(Started { id, worker })
            }
            Err(error) => {
                log::error!("{error}");
                self.failed(job, now);
                None
            }
        }
    }

    /// The worker may have ended: takes note of how, if so.
    pub fn reap(&mut self, id: JobId, now: Instant) {
        let Some(success) = self.running.get_mut(&id).and_then(|(_, worker)| worker.outcome()) else {
            return;
        };
        let Some((job, _)) = self.running.remove(&id) else { return };
        if success {
            self.news.push(Event::TeardownFinished(job.uid));
        } else {
            self.failed(job, now);
        }
    }

    /// What has happened since this was last asked.
    pub fn take_news(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.news)
    }

    /// Sees to the workers that are over their time: each is killed, and heard of like any
    /// other, or here at the latest.
    pub fn tend_overdue(&mut self, now: Instant) {
        let overdue = self.running.iter().filter(|(_, (_, worker))| worker.deadline() <= now);
        for id in overdue.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.reap(id, now);
            if let Some((job, worker)) = self.running.get_mut(&id) {
                log::warn!("teardown of {}: took too long, killed", job.name.display());
                worker.kill(now);
            }
        }
    }

    /// When something is due next, if nothing else happens.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let kills = self.running.values().map(|(_, worker)| worker.deadline());
        let free = self.running.len() < PARALLEL;
        let starts =
            self.waiting.iter().filter(|job| free && !self.is_busy(job.uid)).map(|job| job.not_before);
        kills.chain(starts).min()
    }

    /// How many workers run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// How many teardowns wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many were given up.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Whether a worker of this uid runs: two in one tree only slow each other down.
    fn is_busy(&self, uid: Uid) -> bool {
        self.running.values().any(|(job, _)| job.uid == uid)
    }

    /// Has the job tried again later, or gives it up.
    fn failed(&mut self, mut job: Teardown, now: Instant) {
        let Remains::Moved(path) = &job.remains else {
            // Detached, it is in nobody's way, and gone with the last process that holds it.
            self.news.push(Event::TeardownFinished(job.uid));
            return;
        };
        let Some(pause) = PAUSES.get(job.failures) else {
            log::error!("{}: given up; see what it holds and remove it", path.display());
            self.given_up += 1;
            self.news.push(Event::TeardownFailed(job.uid));
            return;
        };
        job.failures += 1;
        job.not_before = now + *pause;
        self.waiting.push_back(job);
    }
}
