//! Taking the directories of users who have left out of their place, again and again where that fails.

use super::Server;
use crate::runtime_dir::{Remains, Retired};
use ck_protocol::Uid;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// How long after a directory could not be retired that is tried again; each time doubled.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// A directory that could not be retired.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stuck {
    pub(super) due: Instant,
    pause: Duration,
}

impl Server {
    /// Takes the uid's runtime directory out of its place and queues its teardown. One that stays
    /// is still claimed, and tried again: after a while, and at the next login or start.
    pub(super) fn retire(&mut self, uid: Uid) -> bool {
        let name = self.root.of(uid);
        let mut retired = Retired::default();
        let done = self.root.retire(uid, self.store.device(uid), &mut retired);
        for remains in retired.remains {
            self.queue(uid, name.clone(), remains);
        }
        if retired.freed {
            self.jobs.note_freed(uid);
        }
        match done {
            Ok(()) => {
                self.stuck.remove(&uid);
                self.disclaim(uid);
                true
            }
            Err(error) => {
                log::error!("{error}");
                self.stick(uid);
                false
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
                self.retire(uid);
            }
        }
    }

    fn stick(&mut self, uid: Uid) {
        let doubled = |stuck: &Stuck| LONGEST_PAUSE.min(stuck.pause * 2);
        let pause = self.stuck.get(&uid).map_or(FIRST_PAUSE, doubled);
        self.stuck.insert(uid, Stuck { due: Instant::now() + pause, pause });
    }

    pub(super) fn disclaim(&mut self, uid: Uid) {
        if let Err(error) = self.store.disclaim(uid) {
            log::error!("{error}");
        }
    }

    pub(super) fn queue(&mut self, uid: Uid, name: PathBuf, remains: Remains) {
        self.jobs.push(uid, name, remains, Instant::now());
    }
}
