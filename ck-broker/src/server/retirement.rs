//! Taking the directories of users who have left out of their place, again and again where that fails.

use super::{Server, wakeup::Wakeup, watch};
use crate::{
    places::user_dirs::BEFORE,
    runtime_dir::{Remains, Retired, Task},
    store::Made,
};
use ck_protocol::Uid;
use nix::sys::epoll::EpollFlags;
use std::time::{Duration, Instant};

/// How long after a directory could not be retired that is tried again; each time doubled.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// A directory that could not be retired.
#[derive(Clone, Debug)]
pub(super) struct Stuck {
    pub(super) due: Instant,
    pause: Duration,
    /// Why; nothing where it only takes its time.
    pub(super) reason: String,
}

impl Stuck {
    /// Whether somebody should look at it.
    pub(super) fn is_told(&self) -> bool {
        !self.reason.is_empty()
    }
}

impl Server {
    /// Takes the uid's runtime directory out of its place and queues its teardown. One that stays
    /// is still claimed, and tried again: after a while, and at the next login or start.
    ///
    /// # Errors
    /// Why it stays, for people.
    pub(super) fn retire(&mut self, uid: Uid) -> Result<(), String> {
        let mut retired = Retired::default();
        let done = self.root.retire(uid, self.store.made(uid), &mut retired);
        let now = Instant::now();
        for (remains, bytes) in retired.remains {
            self.jobs.push(remains, bytes, now);
        }
        if retired.freed {
            self.jobs.note_freed(uid);
        }
        if retired.to_sweep {
            self.jobs.note_to_sweep(now);
        }
        match done {
            Ok(()) if retired.is_unfinished => {
                // Something went forward: the rest comes as soon as others have had their turn.
                self.stuck.insert(uid, Stuck { due: now, pause: FIRST_PAUSE, reason: String::new() });
                Err("more than a few file systems are mounted upon it: they are being taken off".to_owned())
            }
            Ok(()) => {
                self.stuck.remove(&uid);
                self.disclaim(uid);
                Ok(())
            }
            Err(error) => {
                log::error!("{error}");
                self.watch_held();
                self.stick(uid, error.to_string());
                Err(error.to_string())
            }
        }
    }

    /// Has the root of an earlier release swept away, once nothing of it is used or waits for its teardown.
    pub(super) fn tend_before(&mut self) {
        let is_before = |made: &Made| matches!(made, Made::Plain(path) if path.starts_with(BEFORE));
        if !self.root.has_before() || self.jobs.any_in(BEFORE) || self.store.all_made().any(is_before) {
            return;
        }
        match self.root.forget_before() {
            Ok(()) => self.jobs.note_to_sweep(Instant::now()),
            Err(errno) => log::warn!("the root of an earlier release stays among the retired: {errno}"),
        }
    }

    /// Has the processes watched that are held up in the root.
    pub(super) fn watch_held(&mut self) {
        let epoll = &self.epoll;
        self.root.watch_held(|process| {
            if let Err(errno) =
                watch(epoll, process, Wakeup::LetGo, EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT)
            {
                log::error!("cannot watch a process that hangs: {errno}");
            }
        });
    }

    /// A process that was held up has ended. What it was to do it may have done, when nobody waited for it any more.
    pub(super) fn make_up_for_held(&mut self) {
        for task in self.root.take_let_go() {
            match task {
                Task::Make(uid, _) if !self.registry.has_runtime_dir(uid) && self.store.claims(uid) => {
                    // What stands in the way is kept with it.
                    let _ = self.retire(uid);
                }
                Task::Make(..) => {}
                Task::Retire(uid, number) => {
                    let remains = Remains { uid, name: format!("{uid}-{number}").into(), is_mounted: false };
                    self.jobs.push(remains, None, Instant::now());
                    self.jobs.note_to_sweep(Instant::now());
                }
            }
        }
    }

    /// Tries again what is due.
    pub(super) fn retire_stuck(&mut self, now: Instant) {
        let due = self.stuck.iter().filter(|(_, stuck)| stuck.due <= now).map(|(&uid, _)| uid);
        for uid in due.collect::<Vec<_>>() {
            if self.registry.has_runtime_dir(uid) || !self.store.claims(uid) {
                self.stuck.remove(&uid);
            } else {
                // What stands in the way is kept with it.
                let _ = self.retire(uid);
            }
        }
    }

    fn stick(&mut self, uid: Uid, reason: String) {
        let doubled = |stuck: &Stuck| LONGEST_PAUSE.min(stuck.pause * 2);
        let before = self.stuck.get(&uid).filter(|stuck| stuck.is_told());
        let pause = before.map_or(FIRST_PAUSE, doubled);
        self.stuck.insert(uid, Stuck { due: Instant::now() + pause, pause, reason });
    }

    pub(super) fn disclaim(&mut self, uid: Uid) {
        if let Err(error) = self.store.disclaim(uid) {
            log::error!("{error}");
        }
    }
}
