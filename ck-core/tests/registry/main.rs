//! The registry, driven at random over every interleaving of open, close, death of a leader,
//! administrator and restart, also by a broker that dies between any two effects. The world
//! around it is a model: the effects that were performed, and what they left on disk.

#![allow(clippy::unwrap_used, reason = "tests may panic, also outside functions marked #[test]")]

mod world;

use ck_core::registry::Input;
use ck_protocol::*;
use proptest::prelude::*;
use world::{Dir, World};

/// What may happen next. Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Step {
    /// A login of user `uid`, who may find a directory that somebody else made.
    Open { uid: u8, wants_dir: bool, foreign: bool },
    /// A login of user `uid` through `su` in session `n`, or of that session's own user.
    OpenInside { n: u8, uid: Option<u8>, wants_dir: bool },
    /// A login that was part of another session is over.
    CloseInside(u8),
    /// The programs of a session are to lock it, or to unlock it.
    Lock(u8, bool),
    /// Another virtual terminal comes to the foreground, or none.
    Foreground(Option<u8>),
    /// The module of an open session asks for it again: it never saw the answer.
    OpenAgain(u8),
    /// A module closes its session, by id or by token.
    Close(u8, bool),
    /// A leader dies.
    Death(u8),
    /// An administrator ends a session.
    Terminate(u8),
    /// Somebody ends a session that has ended, or never was.
    EndUnknown(u8),
    /// A user lingers from now on, or no longer.
    Linger(u8, bool),
    /// Every delay after a last logout is over.
    DelayOver,
    /// The broker dies before the `n`th effect of the next step, and starts again.
    CrashAt(u8),
    /// The broker stops in good order, and starts again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4u8, any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(uid, wants_dir, foreign)| Step::Open { uid, wants_dir, foreign }),
        3 => (any::<u8>(), prop::option::of(0..4u8), any::<bool>())
            .prop_map(|(n, uid, wants_dir)| Step::OpenInside { n, uid, wants_dir }),
        1 => any::<u8>().prop_map(Step::CloseInside),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(n, lock)| Step::Lock(n, lock)),
        2 => prop::option::of(1..4u8).prop_map(Step::Foreground),
        1 => any::<u8>().prop_map(Step::OpenAgain),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(n, by_token)| Step::Close(n, by_token)),
        2 => any::<u8>().prop_map(Step::Death),
        1 => any::<u8>().prop_map(Step::Terminate),
        1 => any::<u8>().prop_map(Step::EndUnknown),
        2 => (0..4u8, any::<bool>()).prop_map(|(uid, on)| Step::Linger(uid, on)),
        1 => Just(Step::DelayOver),
        1 => (0..10u8).prop_map(Step::CrashAt),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_in_whatever_order_nothing_is_lost_doubled_or_left(
        steps in prop::collection::vec(step(), 1..80),
        parks in any::<bool>(),
        waits in any::<bool>(),
    ) {
        let mut world = World::new(parks, waits);
        for step in &steps {
            world.take(step);
            world.check();
        }
        // Everybody leaves.
        world.crash_at = None;
        while !world.modules.is_empty() {
            world.take(&Step::Death(0));
            world.check();
        }
        for uid in 0..4 {
            world.take(&Step::Linger(uid, false));
            world.check();
        }
        world.take(&Step::DelayOver);
        prop_assert_eq!((world.registry.sessions(), world.registry.users()), (0, 0));
        prop_assert!(world.claims.is_empty() && world.dirs.values().all(|dir| *dir == Dir::Foreign));
        // A crash may swallow an announcement, but nothing else does.
        if !steps.iter().any(|step| matches!(step, Step::CrashAt(_))) {
            prop_assert_eq!(&world.added, &world.removed);
            prop_assert!(world.here.is_empty());
            prop_assert_eq!((&world.added, &world.added), (&world.told_added, &world.told_removed));
        }
    }
}

/// The failure that this project was born from: removing a session while sessions are removed.
#[test]
fn a_thousand_deaths_remove_each_session_once() {
    let mut world = World::new(false, false);
    for _ in 0..1000 {
        world.take(&Step::Open { uid: 0, wants_dir: true, foreign: false });
    }
    let tokens: Vec<Token> = world.modules.iter().map(|module| module.token).collect();
    for token in tokens {
        // Each death is told twice: by the pidfd, and by a close that was already under way.
        for _ in 0..2 {
            world.modules.retain(|module| module.token != token);
            world.apply(Input::End(SessionRef::Token(token), EndCause::Logout), None);
        }
    }
    world.check();
    assert_eq!((world.added.len(), world.removed.len(), world.dirs.len()), (1000, 1000, 0));
}

/// A directory that is kept has kept all the time what is in it: it is not made anew.
#[test]
fn a_restart_leaves_the_directory_of_who_lingers_alone() {
    let mut world = World::new(false, false);
    for step in [
        Step::Linger(0, true),
        Step::Restart,
        Step::Open { uid: 0, wants_dir: true, foreign: false },
        Step::Close(0, false),
        Step::Restart,
    ] {
        world.take(&step);
        world.check();
    }
    assert_eq!((world.made, world.dirs.len(), world.registry.users()), (1, 1, 1));
    world.take(&Step::Linger(0, false));
    world.check();
    assert_eq!((world.dirs.len(), world.registry.users()), (0, 0));
}

/// Found by the test above: the session that a directory was made for ends while another
/// session of its user, which wanted none, lives on, and then the broker restarts.
#[test]
fn a_restart_forgets_no_directory_that_only_an_ended_session_used() {
    let mut world = World::new(false, false);
    world.take(&Step::Open { uid: 0, wants_dir: false, foreign: false });
    world.take(&Step::Open { uid: 0, wants_dir: true, foreign: false });
    world.take(&Step::Close(1, false));
    for step in [Step::Restart, Step::Close(0, false)] {
        world.take(&step);
        world.check();
    }
}
