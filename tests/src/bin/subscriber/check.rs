//! The checker: everybody who listens, from whatever moment on, knows the same at every change.

use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use ck_tests::wire;

use crate::replay::{Replay, Table};
use crate::traffic::{Dice, Held};

/// Sessions that are there all the time, so that a snapshot takes some; one or the other of them ends and another
/// begins meanwhile.
const STANDING: usize = 1200;
/// Processes at once that open and close sessions and die, how many one after the other, and what each of them does.
const LANES: u32 = 3;
const ACTORS: u32 = 8;
const STEPS: u32 = 40;
/// Subscribers: fast ones who stay, those who come and go, slow ones. Together less than one uid may have.
const STAYING: u64 = 2;
const COMING: u64 = 2;
const SLOW: u64 = 2;
/// How long the slow ones take for a packet.
const DAWDLE: Duration = Duration::from_micros(500);
const SOON: Duration = Duration::from_secs(60);

/// What all of them know together.
#[derive(Default)]
struct Shared {
    /// What the table was before the change of that number.
    tables: Mutex<BTreeMap<u64, (usize, u64)>>,
    /// Comparisons with what another one knew.
    compared: AtomicU64,
    snapshots: AtomicU64,
    within: AtomicU64,
    lost: AtomicU64,
    /// The number of the next change at a quiet moment, and how many have come so far.
    quiet: AtomicU64,
    arrived: AtomicU64,
    over: AtomicBool,
}

/// Ends the subscribers, also when something has failed.
struct Over<'s>(&'s Shared);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, SeqCst);
    }
}

impl Shared {
    fn agree(&self, next: u64, digest: (usize, u64)) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = tables.insert(next, digest) {
            assert_eq!(digest, other, "two subscribers know different things before change {next}");
            self.compared.fetch_add(1, SeqCst);
        }
    }
}

pub(crate) fn check(rounds: u32) {
    let shared = Shared::default();
    let mut dice = Dice::new(u64::from(std::process::id()));
    let mut standing: Vec<Held> = (0..STANDING).map(|_| Held::open(4001, &mut dice)).collect();
    scope(|scope| {
        let _over = Over(&shared);
        let all = STAYING + COMING + SLOW;
        let subscribers: Vec<_> = (0..all)
            .map(|number| {
                scope.spawn({
                    let shared = &shared;
                    move || listen(number, shared)
                })
            })
            .collect();
        for round in 0..rounds {
            traffic(round, &mut standing, &mut dice);
            quiet(&shared);
            let start = Instant::now();
            while shared.arrived.load(SeqCst) < all {
                assert!(subscribers.iter().all(|one| !one.is_finished()), "a subscriber has failed");
                assert!(start.elapsed() < SOON, "not all have come to the last change");
                sleep(Duration::from_millis(5));
            }
        }
    });
    let count = |number: &AtomicU64| number.load(SeqCst);
    println!(
        "{} compared, {} snapshots, {} changes within, {} lost",
        count(&shared.compared),
        count(&shared.snapshots),
        count(&shared.within),
        count(&shared.lost)
    );
}

/// Sessions that come and go in every way.
fn traffic(round: u32, standing: &mut [Held], dice: &mut Dice) {
    let actor = |number: u32| -> Child {
        let (seed, steps) = ((round * 1000 + number).to_string(), STEPS.to_string());
        let program = std::env::current_exe().expect("our own path");
        Command::new(program).args(["actor", &seed, &steps]).spawn().expect("start an actor")
    };
    for number in 0..ACTORS {
        let mut lanes: Vec<Child> = (0..LANES).map(|lane| actor(number * LANES + lane)).collect();
        while !lanes.is_empty() {
            let count = u64::try_from(standing.len()).expect("a count");
            let one = &mut standing[usize::try_from(dice.below(count)).expect("an index")];
            std::mem::replace(one, Held::open(4001, dice)).close();
            sleep(Duration::from_micros(dice.below(2000)));
            lanes.retain_mut(|child| match child.try_wait().expect("wait for an actor") {
                None => true,
                Some(status) => {
                    assert!(status.success(), "an actor: {status}");
                    false
                }
            });
        }
    }
}

/// Waits until nothing changes any more, and says what is there then.
fn quiet(shared: &Shared) {
    let own = i32::try_from(std::process::id()).expect("a pid");
    let start = Instant::now();
    let listed = loop {
        let listed = wire::sessions().expect("the list");
        if listed.iter().all(|session| session.leader_pid.get() == own) {
            break listed;
        }
        assert!(start.elapsed() < SOON, "sessions outlive their leaders");
    };
    let mut replay = Replay::start().expect("a subscription");
    while replay.next.is_none() {
        let reply = replay.wire.hear().expect("the snapshot");
        replay.take(reply);
    }
    let digest = listed.into_iter().collect::<Table>().digest();
    assert_eq!(replay.table.digest(), digest, "a snapshot is not the list");
    let next = replay.next.expect("just asked");
    shared.agree(next, digest);
    shared.arrived.store(0, SeqCst);
    shared.quiet.store(next, SeqCst);
}

/// One subscriber, until all is over.
fn listen(number: u64, shared: &Shared) {
    let mut dice = Dice::new(number + 1);
    let mut arrived = 0;
    while !shared.over.load(SeqCst) {
        let mut replay = Replay::start().expect("a subscription");
        // Some hang up in the middle of the snapshot.
        let comes_and_goes = (STAYING..STAYING + COMING).contains(&number);
        let mut patience = if comes_and_goes { dice.below(2500) } else { u64::MAX };
        while patience > 0 && replay.lost == 0 && !shared.over.load(SeqCst) {
            if let Some(next) = replay.next {
                if next == shared.quiet.load(SeqCst) && arrived != next {
                    arrived = next;
                    shared.arrived.fetch_add(1, SeqCst);
                }
            }
            let wait = Duration::from_millis(20);
            let Some(reply) = replay.wire.hear_within(wait).expect("a broker that lets nobody down") else {
                continue;
            };
            patience -= 1;
            replay.take(reply);
            if let Some(next) = replay.next.filter(|_| replay.lost == 0) {
                shared.agree(next, replay.table.digest());
            }
            if number >= STAYING + COMING {
                sleep(DAWDLE);
            }
        }
        shared.snapshots.fetch_add(u64::from(replay.next.is_some()), SeqCst);
        shared.within.fetch_add(replay.within, SeqCst);
        shared.lost.fetch_add(replay.lost, SeqCst);
    }
}
