//! Teardown of what logouts leave: `ck-remove-directory` in processes of its own, a few at a
//! time, one for each user, and each user in turn. The queue starts them and hears of their end; it waits for none.
//!
//! ```text
//! waiting ──▶ running ──▶ gone
//!    ▲          │ │
//!    ├─ failed ─┤ ├─ failed too often ──▶ quarantined ── retry ──▶ waiting
//!    └ hindered ┘ └─ outlives SIGKILL ──▶ abandoned ── ends after all ──▶ waiting
//! ```

mod job;
mod sweep;
mod worker;

pub use job::{Hung, Job, Phase};
pub use worker::{NoRemover, Remover, SpawnError, Worker};

use crate::runtime_dir::Remains;
use ck_core::model::Limit;
use ck_protocol::{Event, TeardownId, TeardownState, Uid};
use job::Ended;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use sweep::Sweep;

/// How many workers run at once, over all users. Those that were abandoned do not count.
const PARALLEL: usize = 4;
/// How soon a teardown should be done. One may take a minute, and be tried again.
const SOON: Duration = Duration::from_secs(120);
/// How many of a user's workers may hang in the kernel before no more are started for that user.
const ABANDONED_PER_USER: usize = 2;

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
pub struct Queue {
    remover: Remover,
    /// The directory of the retired.
    retired: PathBuf,
    jobs: BTreeMap<TeardownId, Job>,
    next: TeardownId,
    /// When each user who has teardowns had the last turn, counted in turns.
    turns: HashMap<Uid, u64>,
    turn: u64,
    /// Mount points: those of the root, and names of the state directory.
    sweeps: Vec<Sweep>,
    /// Teardowns whose process is another one now, and is to be watched.
    to_watch: Vec<TeardownId>,
    news: Vec<Event>,
}

impl Queue {
    /// An empty queue whose workers run `remover` on what is in `retired`; names in there, and in `others`, are swept away.
    #[must_use]
    pub fn new(remover: Remover, retired: PathBuf, others: impl IntoIterator<Item = PathBuf>) -> Self {
        let sweeps = std::iter::once(retired.clone()).chain(others).map(Sweep::of).collect();
        Self {
            remover,
            retired,
            jobs: BTreeMap::new(),
            next: TeardownId::FIRST,
            turns: HashMap::new(),
            turn: 0,
            sweeps,
            to_watch: Vec::new(),
            news: Vec::new(),
        }
    }

    /// Queues the teardown of what a user has left, which holds so many bytes.
    pub fn push(&mut self, remains: Remains, bytes: Option<u64>, now: Instant) {
        self.jobs.insert(self.next, Job::new(remains, bytes, now));
        self.next = self.next.next();
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
            let id = self.next_due(now)?;
            let job = self.jobs.get_mut(&id)?;
            self.turn += 1;
            self.turns.insert(job.uid(), self.turn);
            match job.start(&self.remover, &self.retired, now) {
                Ok(()) => {
                    let process = self.jobs.get(&id)?.process()?;
                    return Some(Started { id, process });
                }
                // That is the machine's fault, and will pass.
                Err(error) => {
                    log::error!("{error}");
                    job.hinder(Some(error.to_string()), now);
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
            Some(Ended::Hindered(reason)) => {
                if let Some(job) = self.jobs.get_mut(&id) {
                    job.hinder(reason, now);
                }
            }
            Some(Ended::Abandoned) => {
                self.to_watch.push(id);
                self.news.extend(self.jobs.get(&id).map(|job| Event::TeardownFailed(job.uid())));
            }
        }
    }

    /// Tells `watch` of the processes that hang in the kernel since this was last asked, and that are others than before.
    pub fn watch_hung(&mut self, mut watch: impl FnMut(Started<'_>)) {
        for id in std::mem::take(&mut self.to_watch) {
            if let Some(process) = self.jobs.get(&id).and_then(Job::process) {
                watch(Started { id, process });
            }
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
        self.sweeps.iter_mut().for_each(|sweep| sweep.tend_overdue(now));
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
            Phase::Waiting(due) => barred.allow(job.uid()).then_some(due),
            Phase::Running(ref worker) => Some(worker.deadline()),
            Phase::Quarantined | Phase::Abandoned(_) => None,
        };
        let sweeps = self.sweeps.iter().filter_map(Sweep::next_deadline);
        self.jobs.values().filter_map(due).chain(sweeps).min()
    }

    /// The teardowns from `id` on, by id.
    pub fn from(&self, id: TeardownId) -> impl Iterator<Item = (TeardownId, &Job)> {
        self.jobs.range(id..).map(|(&id, job)| (id, job))
    }

    /// Where they lie.
    #[must_use]
    pub fn retired(&self) -> &Path {
        &self.retired
    }

    /// Whether any of them lies in the directory `name` there.
    #[must_use]
    pub fn any_in(&self, name: &str) -> bool {
        self.jobs.values().any(|job| job.remains.name.starts_with(name))
    }

    /// How many teardowns are in this state.
    #[must_use]
    pub fn count(&self, state: TeardownState) -> usize {
        self.jobs.values().filter(|job| job.state() == state).count()
    }

    /// What somebody should look at, beside the teardowns that were given up or abandoned.
    pub fn problems(&self, now: Instant) -> impl Iterator<Item = String> {
        self.piling_up(now).into_iter().chain(self.sweeps.iter().filter_map(Sweep::problem))
    }

    /// Whether teardowns wait for longer than they should.
    fn piling_up(&self, now: Instant) -> Option<String> {
        let waiting = || self.jobs.values().filter(|job| job.state() == TeardownState::Waiting);
        let oldest = waiting().map(|job| now.saturating_duration_since(job.queued)).max()?;
        (oldest >= SOON).then(|| {
            let (count, seconds) = (waiting().count(), oldest.as_secs());
            format!("{count} teardowns wait, one of them for {seconds} s: see ckctl teardown list")
        })
    }

    /// Whether the uid may leave one more: it has none, or stays within `limit`, and all that it has left within so many `bytes`.
    /// Otherwise why not.
    ///
    /// # Errors
    /// For people, one line.
    pub fn has_room(&self, uid: Uid, limit: Limit, bytes: u64) -> Result<(), String> {
        let own: Vec<&Job> = self.jobs.values().filter(|job| job.uid() == uid).collect();
        if own.is_empty() {
            return Ok(());
        }
        if own.len() >= limit.per_user {
            return Err(format!("{} of its earlier ones wait for their teardown", own.len()));
        }
        if self.jobs.len() >= limit.all {
            return Err(format!("{} of all users' earlier ones wait for their teardown", self.jobs.len()));
        }
        let held = own.iter().filter_map(|job| job.bytes).sum::<u64>();
        if held > bytes {
            return Err(format!("its earlier ones hold {held} bytes and wait for their teardown"));
        }
        Ok(())
    }

    /// Who may have no worker started now.
    fn barred(&self) -> Barred {
        let of = |state| self.jobs.values().filter(move |job| job.state() == state).map(Job::uid);
        let running: Vec<Uid> = of(TeardownState::Running).collect();
        Barred { all: running.len() >= PARALLEL, running, abandoned: of(TeardownState::Abandoned).collect() }
    }

    /// The next teardown: of the user whose last turn was longest ago, the oldest.
    fn next_due(&self, now: Instant) -> Option<TeardownId> {
        let barred = self.barred();
        let due = self.jobs.iter().filter(|(_, job)| job.is_due(now) && barred.allow(job.uid()));
        due.min_by_key(|(id, job)| (self.turns.get(&job.uid()).copied().unwrap_or(0), **id))
            .map(|(&id, _)| id)
    }

    fn finish(&mut self, id: TeardownId) {
        let Some(job) = self.jobs.remove(&id) else { return };
        let uid = job.uid();
        if !job.remains.is_mounted {
            self.forget_entry(&job.remains);
        }
        if !self.jobs.values().any(|job| job.uid() == uid) {
            self.turns.remove(&uid);
        }
        self.news.push(Event::TeardownFinished(uid));
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
        if let Some(job) = self.jobs.get_mut(&id) {
            if job.fail(reason, now) {
                self.news.push(Event::TeardownFailed(job.uid()));
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
        Queue::new(Remover::beside(&folder.join("ck-broker")).unwrap(), PathBuf::from("/nowhere"), [])
    }

    fn push(queue: &mut Queue, uid: u32, now: Instant) {
        queue.push(
            Remains { uid: Uid::try_from(uid).unwrap(), name: "x".into(), is_mounted: false },
            None,
            now,
        );
    }

    /// Has the queue believe that not even SIGKILL ended the worker of `id`.
    fn abandon(queue: &mut Queue, id: TeardownId) {
        let job = queue.jobs.get_mut(&id).unwrap();
        let Phase::Running(worker) = std::mem::replace(&mut job.phase, Phase::Quarantined) else { panic!() };
        job.phase = Phase::Abandoned(Hung::Worker(worker));
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
        assert_eq!(queue.jobs[&other].uid().get(), 2002);
        assert_eq!(queue.count(TeardownState::Abandoned), 2);

        // One ends after all: it counts as a failed try, and the next may run.
        let first = TeardownId::FIRST;
        rustix::process::pidfd_send_signal(
            queue.jobs[&first].process().unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        while queue.jobs[&first].state() == TeardownState::Abandoned {
            queue.reap(first, now);
        }
        assert_eq!(queue.jobs[&first].state(), TeardownState::Waiting);
        assert!(queue.start_next(now).is_some());
        for job in queue.jobs.values() {
            job.process()
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
        assert!(late > now + Duration::from_secs(60));
        queue.tend_overdue(late);
        while queue.jobs[&id].state() == TeardownState::Running {
            queue.reap(id, late);
        }
        assert_eq!(queue.jobs[&id].state(), TeardownState::Waiting);
        assert!(queue.next_deadline() > Some(late));
    }
}
