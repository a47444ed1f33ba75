//! What must hold whatever happened to the broker, looked at from outside of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use ck_protocol::{AdminRequest, Reply, Session, SessionId};
use ck_tests::wire::{self, Wire};

use crate::broker::{Broker, log};
use crate::leader::{Heard, Leader};
use crate::published;

const RETIRED: &str = "/run/user/.ck-retired";
/// How the names of mount points begin that are to be swept away.
const EMPTY: &str = "empty-";
pub(crate) const SESSIONS: &str = "/run/ck-broker/state/sessions";
const USERS: &str = "/run/ck-broker/state/users";
const LONGEST: Duration = Duration::from_secs(20);

/// A session that must be there: its leader lives, and was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) id: SessionId,
    pub(crate) uid: u32,
    pub(crate) pid: i32,
}

/// A host with a broker, and people who stay logged in all the time.
pub(crate) struct Scene {
    pub(crate) broker: Option<Broker>,
    /// Runtime directories are plain ones.
    is_plain: bool,
    crowd: Vec<(Leader, Held)>,
    /// The highest id that anybody was ever told.
    last: Option<SessionId>,
}

impl Scene {
    /// Starts the first broker, and logs `uids` in.
    pub(crate) fn new(kind: &str, uids: impl Iterator<Item = u32>) -> Self {
        // Until the directories of hooks, which have just been made, have been as they are for so long that a broker takes
        // the same calls for them each time: `RACY` in its `hooks/trust.rs`.
        sleep(Duration::from_secs(3));
        let mut scene = Self {
            broker: Some(Broker::start()),
            is_plain: kind == "directory",
            crowd: Vec::new(),
            last: None,
        };
        scene.crowd = uids.map(|uid| scene.log_in(uid)).collect();
        scene
    }

    pub(crate) fn broker(&mut self) -> &mut Broker {
        self.broker.as_mut().expect("a broker")
    }

    /// A login that goes well.
    pub(crate) fn log_in(&mut self, uid: u32) -> (Leader, Held) {
        let mut leader = Leader::start(uid);
        let heard = leader.open();
        let held = self.opened(&leader, heard, None).expect("a broker that answers");
        (leader, held)
    }

    /// Takes note of what a leader heard when it opened its session; `known` is what it had before. Something
    /// is put into the directory, to be looked for later.
    pub(crate) fn opened(&mut self, leader: &Leader, heard: Heard, known: Option<Held>) -> Option<Held> {
        let Heard::Opened(id) = heard else { return None };
        match known {
            Some(known) => assert_eq!(known.id, id, "the retry opened another session"),
            None => assert!(self.last.is_none_or(|last| last < id), "{id} after {:?}", self.last),
        }
        self.last = self.last.max(Some(id));
        let mine = directory(leader.uid).join("mine");
        if !mine.exists() {
            fs::write(mine, id.to_string()).expect("write into the runtime directory");
        }
        Some(Held { id, uid: leader.uid, pid: leader.pid() })
    }

    /// Looks at everything: the crowd and `held` are there, and nobody else but perhaps `maybe`, whose
    /// session is returned if so.
    pub(crate) fn check(&mut self, held: &[Held], maybe: Option<&Leader>) -> Option<Held> {
        let listed: Vec<Held> = wire::sessions().expect("a broker that answers").iter().map(seen).collect();
        let mut wanted: Vec<Held> =
            self.crowd.iter().map(|(_, held)| *held).chain(held.iter().copied()).collect();
        wanted.sort_by_key(|held| held.id);
        let extra = listed.iter().find(|session| !wanted.contains(session)).copied();
        if let Some(extra) = extra {
            let leader = maybe.unwrap_or_else(|| panic!("{extra:?} is not over: {}", log()));
            assert_eq!((extra.uid, extra.pid), (leader.uid, leader.pid()));
            assert!(self.last.is_none_or(|last| last < extra.id), "{extra:?} after {:?}", self.last);
            wanted.push(extra);
        }
        assert_eq!(listed, wanted, "sessions were lost: {}", log());
        let live: BTreeSet<u32> = listed.iter().map(|session| session.uid).collect();
        let told = self.crowd.iter().map(|(_, crowd)| crowd).chain(held).map(|held| held.uid);
        for uid in told.collect::<BTreeSet<_>>() {
            assert!(directory(uid).join("mine").exists(), "{uid}: removed from under a live session");
        }
        self.check_directories(&live);
        published::check(&listed);
        extra
    }

    /// The same, with the session of `leaving` perhaps still there: it closed it, and heard nothing.
    pub(crate) fn check_leaving(&mut self, held: &[Held], leaving: &Leader) {
        let before = self.last.take();
        self.check(held, Some(leaving));
        self.last = before;
    }

    /// Whoever is here has a directory as it should be, and nobody else has one.
    fn check_directories(&self, live: &BTreeSet<u32>) {
        let there: BTreeSet<u32> = names("/run/user").iter().filter_map(|name| name.parse().ok()).collect();
        assert_eq!(&there, live, "runtime directories: {}", log());
        let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
        for &uid in live {
            let path = directory(uid);
            let found = fs::symlink_metadata(&path).expect("a directory");
            assert_eq!((found.uid(), found.mode()), (uid, 0o40700), "{}", path.display());
            let point = format!(" {} ", path.display());
            assert_eq!(mounts.matches(&point).count(), 1, "mounted on {}", path.display());
        }
    }

    /// Waits until nothing is left but of the crowd and `held`, and looks at everything.
    pub(crate) fn settle(&mut self, held: &[Held]) {
        let start = Instant::now();
        while !self.is_settled(held) {
            assert!(
                start.elapsed() < LONGEST,
                "left: {:?}; {:?}; {}",
                names(RETIRED),
                names(SESSIONS),
                log()
            );
            sleep(Duration::from_millis(1));
        }
        self.check(held, None);
        let crowd = self.crowd.iter().map(|(_, crowd)| crowd).chain(held);
        let ids: BTreeSet<String> = crowd.clone().map(|held| held.id.to_string()).collect();
        let uids: BTreeSet<String> = crowd.map(|held| held.uid.to_string()).collect();
        assert_eq!((names(SESSIONS), names(USERS)), (ids, uids), "records");
    }

    fn is_settled(&self, held: &[Held]) -> bool {
        let status = Wire::admin().and_then(|wire| wire.ask(&AdminRequest::Status));
        let Ok(Reply::Status(status)) = status else { panic!("no status: {status:?}; {}", log()) };
        let teardowns = status.teardowns_running + status.teardowns_waiting;
        let failed = status.teardowns_failed + status.teardowns_abandoned;
        assert_eq!(failed, 0, "{}", log());
        let sessions = u64::try_from(self.crowd.len() + held.len()).expect("a count");
        // Mount points are swept away a second later: looked at in the end. And a plain directory lies here while it is in use,
        // one of each user.
        let users: BTreeSet<String> =
            self.crowd.iter().map(|(_, crowd)| crowd).chain(held).map(|held| held.uid.to_string()).collect();
        let mut used = BTreeSet::new();
        let mut is_left = |name: &String| match name.split_once('-') {
            Some((uid, _)) if self.is_plain && users.contains(uid) => !used.insert(uid.to_owned()),
            _ => !name.starts_with(EMPTY),
        };
        status.sessions == sessions && teardowns == 0 && !names(RETIRED).iter().any(&mut is_left)
    }

    /// Removes a runtime directory by hand.
    pub(crate) fn take_away(&self, uid: u32) {
        let path = directory(uid);
        assert!(Command::new("umount").arg(&path).status().expect("umount").success());
        fs::remove_dir_all(&path).expect("remove a directory");
        // What was mounted there, if it was plain: it lies among the retired while it is in use.
        for name in names(RETIRED).iter().filter(|name| self.is_plain && name.starts_with(&format!("{uid}-")))
        {
            // One of an earlier login may be on its way out.
            if let Err(error) = fs::remove_dir_all(Path::new(RETIRED).join(name)) {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{name}: {error}");
            }
        }
    }

    /// The crowd goes, and nothing is left.
    pub(crate) fn end(mut self) {
        for (leader, _) in std::mem::take(&mut self.crowd) {
            leader.die();
        }
        self.settle(&[]);
        let start = Instant::now();
        while !names(RETIRED).is_empty() {
            assert!(start.elapsed() < LONGEST, "not swept away: {:?}; {}", names(RETIRED), log());
            sleep(Duration::from_millis(1));
        }
        if let Some(broker) = self.broker.take() {
            broker.stop();
        }
    }
}

/// The runtime directory of the uid.
pub(crate) fn directory(uid: u32) -> PathBuf {
    Path::new("/run/user").join(uid.to_string())
}

fn seen(session: &Session) -> Held {
    Held { id: session.id, uid: session.uid.get(), pid: session.leader_pid.get() }
}

/// What is in a directory.
fn names(path: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name != ".ck-retired").collect()
}
