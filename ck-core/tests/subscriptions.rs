//! What subscribers are told, driven at random: sessions that come, change and go, and subscribers who
//! come at any moment, read as slowly as they like, and go. What each of them makes of it is the table.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic, also outside functions marked #[test]"
)]

#[path = "../../ck-protocol/tests/invented/mod.rs"]
mod invented;

use ck_core::events::{BYTES, CHANGES, Offer, Subscriptions};
use ck_core::policy::{Listing, Requester};
use ck_protocol::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What may happen next. Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Step {
    Open,
    /// A session is being opened: it is in the table, and nobody is told yet.
    Begin,
    /// One of those is open.
    Complete(u8),
    Change(u8),
    End(u8),
    /// Something that no record of a snapshot tells.
    Elsewhere,
    Subscribe,
    /// A subscriber reads so many packets.
    Read(u8, u8),
    HangUp(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Open),
        1 => Just(Step::Begin),
        1 => any::<u8>().prop_map(Step::Complete),
        3 => any::<u8>().prop_map(Step::Change),
        4 => any::<u8>().prop_map(Step::End),
        2 => Just(Step::Elsewhere),
        1 => Just(Step::Subscribe),
        6 => (any::<u8>(), 0..12u8).prop_map(|(who, count)| Step::Read(who, count)),
        1 => any::<u8>().prop_map(Step::HangUp),
    ]
}

/// A subscriber, and what it knows.
#[derive(Debug, Default)]
struct Reader {
    known: BTreeMap<SessionId, Session>,
    /// The number of the change that is next.
    synced: Option<u64>,
    lost: u64,
    /// Changes told since it is synced, and the number of the next one then.
    told: (u64, u64),
}

#[derive(Default)]
struct World {
    subscriptions: Subscriptions,
    table: BTreeMap<SessionId, Session>,
    readers: BTreeMap<u64, Reader>,
    next_id: u64,
    next_key: u64,
    changes: u64,
}

fn session(id: u64, state: State) -> Session {
    Session {
        id: SessionId::new(id),
        parent: None,
        uid: Uid::try_from(2001).unwrap(),
        user: UserName::clipped("alice"),
        leader_pid: Pid::try_from(1).unwrap(),
        service: Text::clipped("sshd"),
        class: Class::User,
        session_type: SessionType::Tty,
        tty: None,
        remote: true,
        remote_host: None,
        remote_user: None,
        display: None,
        seat: None,
        vt: None,
        state,
        opened_at: Timestamp::from_micros(0),
        runtime_dir: None,
        audit_id: None,
        login_uid: None,
    }
}

/// What is offered, to whoever speaks [`PROTOCOL`].
fn read(offer: &Offer) -> Reply {
    PROTOCOL.decode(&offer.packet, limits::REPLY).unwrap().1
}

fn requester(uid: u32) -> Requester {
    Requester { uid, is_admin: false, listing: Listing::All }
}

/// The one of `count` that `number` chooses.
fn chosen<K: Copy, V>(map: &BTreeMap<K, V>, number: u8, wanted: impl Fn(&V) -> bool) -> Option<K> {
    let keys: Vec<K> = map.iter().filter(|(_, value)| wanted(value)).map(|(key, _)| *key).collect();
    keys.get(usize::from(number) % keys.len().max(1)).copied()
}

impl World {
    fn publish(&mut self, event: Event) {
        self.subscriptions.publish(&event, |_| None).unwrap();
        self.changes += 1;
    }

    fn open(&mut self, state: State) {
        self.next_id += 1;
        let session = session(self.next_id, state);
        self.table.insert(session.id, session.clone());
        if state != State::Opening {
            self.publish(Event::SessionAdded(Box::new(session)));
        }
    }

    /// Some session in that state, or not in that state, becomes another.
    fn alter(&mut self, number: u8, opening: bool, event: fn(Box<Session>) -> Event) {
        let is_meant = |session: &Session| (session.state == State::Opening) == opening;
        let Some(id) = chosen(&self.table, number, is_meant) else { return };
        let session = self.table.get_mut(&id).unwrap();
        session.state = if session.state == State::Online { State::Active } else { State::Online };
        let session = Box::new(session.clone());
        self.publish(event(session));
    }

    fn end(&mut self, number: u8) {
        let Some(id) = chosen(&self.table, number, |_| true) else { return };
        let Session { uid, state, .. } = self.table.remove(&id).unwrap();
        if state != State::Opening {
            self.publish(Event::SessionRemoved { id, uid, end: None });
        }
    }

    fn subscribe(&mut self) {
        self.next_key += 1;
        self.subscriptions.add(self.next_key, PROTOCOL.newest());
        self.readers.insert(self.next_key, Reader::default());
    }

    /// One packet for a reader; false if there is none.
    fn read(&mut self, key: u64) -> bool {
        let table = &self.table;
        let open = |id| {
            table
                .range(id..)
                .map(|(_, session)| session)
                .find(|session| session.state != State::Opening)
                .cloned()
        };
        let Some(offer) = self.subscriptions.offer(key, &requester(2001), open, |_| None).unwrap() else {
            self.subscriptions.end_turn(key, false);
            return false;
        };
        self.subscriptions.sent(key, &offer);
        let reader = self.readers.get_mut(&key).unwrap();
        reader.take(read(&offer));
        true
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Open => self.open(State::Online),
            Step::Begin => self.open(State::Opening),
            Step::Complete(number) => self.alter(number, true, Event::SessionAdded),
            Step::Change(number) => self.alter(number, false, Event::SessionChanged),
            Step::End(number) => self.end(number),
            Step::Elsewhere => self.publish(Event::TeardownFinished(Uid::try_from(2001).unwrap())),
            Step::Subscribe => self.subscribe(),
            Step::Read(who, count) => {
                let Some(key) = chosen(&self.readers, who, |_| true) else { return };
                // At the moment at which it is synced, and at which it is told the last change, it knows all.
                let before = self.readers[&key].synced;
                for _ in 0..count {
                    let more = self.read(key);
                    if !more || self.readers[&key].synced != before {
                        return self.check(key);
                    }
                }
            }
            Step::HangUp(who) => {
                let Some(key) = chosen(&self.readers, who, |_| true) else { return };
                self.readers.remove(&key);
                self.subscriptions.remove(key);
            }
        }
    }

    fn check(&self, key: u64) {
        let (reader, changes) = (&self.readers[&key], self.changes);
        let open = |session: &&Session| session.state != State::Opening;
        let table: Vec<&Session> = self.table.values().filter(open).collect();
        assert_eq!(reader.known.values().collect::<Vec<_>>(), table, "what subscriber {key} knows");
        assert_eq!((reader.synced.is_some(), reader.told.1, reader.lost), (true, changes, 0));
    }
}

impl Reader {
    fn take(&mut self, reply: Reply) {
        match reply {
            Reply::Session(session) => {
                assert!(self.synced.is_none(), "a record after the snapshot");
                assert!(
                    self.known.keys().next_back().is_none_or(|last| *last < session.id),
                    "not by rising id"
                );
                assert!(self.known.insert(session.id, *session).is_none());
            }
            Reply::Synced(next) => {
                assert_eq!(self.synced.replace(next), None, "synced twice");
                self.told = (0, next);
            }
            Reply::Lost(count) => {
                self.lost += count;
                self.told.1 += count;
            }
            Reply::Change(change) => self.change(*change),
            other => panic!("{other:?}"),
        }
    }

    fn change(&mut self, Change { sequence, event }: Change) {
        if self.synced.is_some() {
            assert_eq!(sequence, self.told.1, "numbers without a gap");
            self.told = (self.told.0 + 1, sequence + 1);
        }
        match event {
            Event::SessionAdded(session) => {
                assert!(self.known.insert(session.id, *session).is_none() || self.lost > 0, "added twice");
            }
            Event::SessionChanged(session) => {
                assert!(
                    self.known.insert(session.id, *session).is_some() || self.lost > 0,
                    "changed unknown"
                );
            }
            Event::SessionRemoved { id, .. } => {
                assert!(self.known.remove(&id).is_some() || self.lost > 0, "removed an unknown one");
            }
            Event::TeardownFinished(_) => assert!(self.synced.is_some(), "told within the snapshot"),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn snapshot_and_stream_are_the_table_for_whoever_reads_however_slowly(
        sessions in 0..40u8,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut world = World::default();
        for _ in 0..sessions {
            world.open(State::Online);
        }
        for step in &steps {
            world.take(step);
        }
        for key in world.readers.keys().copied().collect::<Vec<_>>() {
            while world.read(key) {}
            world.check(key);
        }
        prop_assert!(!world.subscriptions.is_due());
    }
}

fn churn(world: &mut World, count: usize) {
    for _ in 0..count {
        world.open(State::Online);
        world.end(0);
    }
}

#[test]
fn who_does_not_read_is_told_how_much_is_missing_and_others_miss_nothing() {
    let mut world = World::default();
    for _ in 0..3 {
        world.subscribe();
        while world.read(world.next_key) {}
    }
    for _ in 0..CHANGES {
        churn(&mut world, 5);
        // The third one waits for room.
        while world.read(1) {}
        world.subscriptions.end_turn(3, true);
        assert_eq!(world.subscriptions.next_due(), Some(2));
    }
    let made = 10 * u64::try_from(CHANGES).unwrap();
    assert_eq!((world.readers[&1].lost, world.readers[&1].told.0), (0, made));
    for key in [2, 3] {
        while world.read(key) {}
        let Reader { lost, told: (told, next), .. } = world.readers[&key];
        assert_eq!((lost + told, next), (made, world.changes));
        assert_eq!(told, u64::try_from(CHANGES).unwrap());
    }
}

#[test]
fn what_is_kept_is_bounded_in_bytes_too() {
    let mut world = World::default();
    world.subscribe();
    while world.read(1) {}
    let mut large = session(1, State::Online);
    large.remote_host = Some(Text::clipped(&"h".repeat(limits::HOST_NAME)));
    large.user = UserName::clipped("u".repeat(limits::USER_NAME));
    for _ in 0..CHANGES {
        world.publish(Event::SessionChanged(Box::new(large.clone())));
    }
    let (mut bytes, mut told) = (0, 0_u64);
    while let Some(offer) = world.subscriptions.offer(1, &requester(2001), |_| None, |_| None).unwrap() {
        bytes += offer.packet.len();
        told += 1;
        world.subscriptions.sent(1, &offer);
    }
    assert!((BYTES - limits::REPLY..=BYTES + limits::REPLY).contains(&bytes), "{bytes} bytes");
    assert!(told < u64::try_from(CHANGES).unwrap() / 2, "{told}");
}

/// All that is offered to a subscriber, which must be in that version.
fn offered(subscriptions: &mut Subscriptions, key: u64, version: Version) -> Vec<(usize, Reply)> {
    let mut told = Vec::new();
    while let Some(offer) = subscriptions.offer(key, &requester(2001), |_| None, |_| None).unwrap() {
        let (spoken, reply) = invented::BOTH.decode(&offer.packet, limits::REPLY).unwrap();
        assert_eq!(spoken, version);
        told.push((offer.packet.len(), reply));
        subscriptions.sent(key, &offer);
    }
    subscriptions.end_turn(key, false);
    told
}

#[test]
fn each_is_told_the_same_in_its_own_version() {
    let mut subscriptions = Subscriptions::default();
    let uid = Uid::try_from(2001).unwrap();
    let publish = |subscriptions: &mut Subscriptions| {
        let user = Some(UserName::clipped("alice"));
        for event in [Event::UserAdded { uid, user: user.clone() }, Event::UserRemoved { uid, user }] {
            subscriptions.publish(&event, |_| None).unwrap();
        }
        subscriptions.policy_changed().unwrap();
    };
    let versions: Vec<Version> = invented::BOTH.versions().collect();
    // At first all speak one version, then another one comes.
    for (key, &version) in (1..).zip(&versions) {
        subscriptions.add(key, version);
        let told = offered(&mut subscriptions, key, version);
        assert!(matches!(&told[..], [(_, Reply::Synced(_))]), "{told:?}");
        publish(&mut subscriptions);
    }
    let mut changes = |key: u64, version| {
        offered(&mut subscriptions, key, version).into_iter().map(|(_, reply)| reply).collect::<Vec<_>>()
    };
    let (old, new) = (changes(1, versions[0]), changes(2, versions[1]));
    assert_eq!((old.len(), &old[3..]), (6, &new[..]));
    assert!(matches!(&new[..], [Reply::Change(_), Reply::Change(_), Reply::Lost(1)]), "{new:?}");
    subscriptions.remove(1);
    publish(&mut subscriptions);
    assert_eq!(offered(&mut subscriptions, 2, versions[1]).len(), 3);
}

#[test]
fn what_is_kept_is_bounded_in_all_versions_together() {
    let mut subscriptions = Subscriptions::default();
    let versions: Vec<Version> = invented::BOTH.versions().collect();
    for (key, &version) in (1..).zip(&versions) {
        subscriptions.add(key, version);
        offered(&mut subscriptions, key, version);
    }
    let mut large = session(1, State::Online);
    large.remote_host = Some(Text::clipped(&"h".repeat(limits::HOST_NAME)));
    let event = Event::SessionChanged(Box::new(large));
    for _ in 0..CHANGES {
        subscriptions.publish(&event, |_| None).unwrap();
    }
    let told =
        [1, 2].map(|key| offered(&mut subscriptions, key, versions[usize::try_from(key).unwrap() - 1]));
    let bytes: usize = told.iter().flatten().map(|(length, _)| length).sum();
    assert!((BYTES - 2 * limits::REPLY..=BYTES + 2 * limits::REPLY).contains(&bytes), "{bytes} bytes");
}

#[test]
fn each_has_a_turn() {
    let mut world = World::default();
    for _ in 0..5 {
        world.subscribe();
    }
    let turns: Vec<u64> = (0..10).map(|_| world.subscriptions.next_due().unwrap()).collect();
    assert_eq!(turns, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
}

#[test]
fn a_request_to_lock_is_for_the_owner_and_root_and_leaves_a_number_out_for_others() {
    let mut world = World::default();
    let (id, uid) = (SessionId::FIRST, Uid::try_from(2001).unwrap());
    for (key, uid) in [(1, 2001), (2, 0), (3, 2002)] {
        world.subscriptions.add(key, PROTOCOL.newest());
        let synced = world.subscriptions.offer(key, &requester(uid), |_| None, |_| None).unwrap().unwrap();
        world.subscriptions.sent(key, &synced);
    }
    world.publish(Event::LockRequested { id, uid, user: None });
    world.publish(Event::UserAdded { uid, user: None });
    for (key, who, numbers) in [(1, 2001, vec![0, 1]), (2, 0, vec![0, 1]), (3, 2002, vec![1])] {
        let mut told = Vec::new();
        while let Some(offer) = world.subscriptions.offer(key, &requester(who), |_| None, |_| None).unwrap() {
            world.subscriptions.sent(key, &offer);
            let Reply::Change(change) = read(&offer) else { panic!() };
            told.push(change.sequence);
        }
        assert_eq!(told, numbers);
    }
}

#[test]
fn only_subscribers_of_the_owner_count_and_only_those_that_are_sent_the_request() {
    let mut world = World::default();
    let owner = Uid::try_from(2001).unwrap();
    let peers = [2001, 2001, 0, 2002, 2001];
    let who = |key: u64| requester(peers[usize::try_from(key).unwrap()]);
    let ask = |world: &mut World| {
        world.publish(Event::lock_requested(&session(7, State::Active)));
        world.subscriptions.owner_told(owner, who)
    };
    assert_eq!(ask(&mut world), 0, "nobody listens");
    for key in 0..4 {
        world.subscriptions.add(key, PROTOCOL.newest());
        let synced = world.subscriptions.offer(key, &who(key), |_| None, |_| None).unwrap().unwrap();
        world.subscriptions.sent(key, &synced);
    }
    assert_eq!(ask(&mut world), 2);
    // Its snapshot is not complete, and it has not been sent the session yet.
    world.subscriptions.add(4, PROTOCOL.newest());
    assert_eq!(ask(&mut world), 2);
    let record = |_| Some(session(7, State::Active));
    let sent = world.subscriptions.offer(4, &who(4), record, |_| None).unwrap().unwrap();
    world.subscriptions.sent(4, &sent);
    assert_eq!(ask(&mut world), 3);
    assert_eq!(world.subscriptions.owner_told(Uid::ROOT, who), 1, "root's count for a session of root's");
    (0..2).for_each(|key| world.subscriptions.remove(key));
    assert_eq!(ask(&mut world), 1);
}

/// What is told is what may be seen when it is told, whenever it was encoded; and who may see more or less than before
/// is told so.
#[test]
fn a_policy_that_changes_counts_for_what_is_still_to_be_told() {
    let mut world = World::default();
    let of = |uid, listing| Requester { uid, is_admin: false, listing };
    for (key, who) in [(1, 2001), (2, 0), (3, 2002)] {
        world.subscriptions.add(key, PROTOCOL.newest());
        let synced = world.subscriptions.offer(key, &requester(who), |_| None, |_| None).unwrap().unwrap();
        world.subscriptions.sent(key, &synced);
    }
    let event = Event::UserAdded { uid: Uid::try_from(2001).unwrap(), user: None };
    world.publish(event.clone());
    world.subscriptions.policy_changed().unwrap();
    world.publish(event);
    for (key, who, expected) in [(1, 2001, "c0 lost1 c2"), (2, 0, "c0 c2"), (3, 2002, "lost1")] {
        let mut told = Vec::new();
        while let Some(offer) =
            world.subscriptions.offer(key, &of(who, Listing::Own), |_| None, |_| None).unwrap()
        {
            world.subscriptions.sent(key, &offer);
            told.push(match read(&offer) {
                Reply::Change(change) => format!("c{}", change.sequence),
                Reply::Lost(count) => format!("lost{count}"),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(told.join(" "), expected);
    }
}
