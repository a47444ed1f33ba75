//! What the broker is doing while it is killed. Each of these is done with the kill at one system call, counted from
//! its beginning, and then looked after: what was to be kept is, what was to go has gone, and who waited is answered.

use std::fs;
use std::path::Path;

use crate::broker::Broker;
use crate::leader::{Heard, Leader};
use crate::scene::{Held, SESSIONS, Scene, directory};
use crate::tracer::Kill;

/// Who comes and goes.
const ALICE: u32 = 2001;
/// What the broker logs last of a logout that leaves nothing: then the worker has been reaped.
const TORN_DOWN: &str = "runtime directory of user 2001 torn down";
/// What a logout that is not the last one logs, and a login.
const ENDED: &str = "(2001) ended: ";
const OPENED: &str = "opened for";

/// Does it once, and looks after it. Says whether the broker was killed.
pub(crate) type Span = fn(&mut Scene, &Kill) -> bool;

/// All of them, each with the modules that it is tried with: one that asks again when the broker dies, and one that
/// gives up.
pub(crate) const SPANS: [(&str, &[bool], Span); 8] = [
    ("the first login of a user", &[true, false], first_login),
    ("a login beside another", &[true, false], second_login),
    ("a logout beside another", &[true, false], other_logout),
    ("the last logout and its teardown", &[true, false], last_logout),
    ("the death of a user's only leader", &[false], death),
    ("a start that finds a dead leader", &[false], start),
    ("a start that finds a record it cannot read", &[false], unreadable),
    ("an orderly stop", &[false], stop),
];

fn first_login(scene: &mut Scene, kill: &Kill) -> bool {
    let mut alice = Leader::start(ALICE);
    scene.broker().trace(kill);
    let heard = alice.open();
    let told = scene.opened(&alice, heard, None);
    let killed = killed(scene, if told.is_some() { OPENED } else { "killed" });
    let known = match told {
        Some(held) => scene.check(&[held], None).or(Some(held)),
        None => scene.check(&[], Some(&alice)),
    };
    // A module that gives up has gone on without a session.
    if kill.asks_again {
        let heard = alice.open();
        let held = scene.opened(&alice, heard, known).expect("the retry is answered");
        scene.check(&[held], None);
        assert_eq!(alice.close(), Heard::Closed);
    }
    alice.die();
    scene.settle(&[]);
    killed
}

fn second_login(scene: &mut Scene, kill: &Kill) -> bool {
    let (first, held) = scene.log_in(ALICE);
    let mut second = Leader::start(ALICE);
    scene.broker().trace(kill);
    let heard = second.open();
    let told = scene.opened(&second, heard, None);
    let killed = killed(scene, if told.is_some() { OPENED } else { "killed" });
    let known = match told {
        Some(told) => scene.check(&[held, told], None).or(Some(told)),
        None => scene.check(&[held], Some(&second)),
    };
    if kill.asks_again {
        let heard = second.open();
        let other = scene.opened(&second, heard, known).expect("the retry is answered");
        scene.check(&[held, other], None);
        assert_eq!(second.close(), Heard::Closed);
        scene.check(&[held], None);
    }
    second.die();
    scene.settle(&[held]);
    first.die();
    scene.settle(&[]);
    killed
}

fn other_logout(scene: &mut Scene, kill: &Kill) -> bool {
    let (first, held) = scene.log_in(ALICE);
    let (mut second, _) = scene.log_in(ALICE);
    scene.broker().trace(kill);
    let heard = second.close();
    let killed = killed(scene, ENDED);
    log_out_again(scene, second, heard, &[held], kill);
    first.die();
    scene.settle(&[]);
    killed
}

fn last_logout(scene: &mut Scene, kill: &Kill) -> bool {
    let (mut alice, _) = scene.log_in(ALICE);
    plant();
    scene.broker().trace(kill);
    let heard = alice.close();
    let killed = killed(scene, TORN_DOWN);
    log_out_again(scene, alice, heard, &[], kill);
    scene.settle(&[]);
    killed
}

fn death(scene: &mut Scene, kill: &Kill) -> bool {
    let (alice, _) = scene.log_in(ALICE);
    plant();
    scene.broker().trace(kill);
    alice.die();
    let killed = killed(scene, TORN_DOWN);
    scene.check(&[], None);
    scene.settle(&[]);
    killed
}

/// Here the calls are counted from the program's first one on.
fn start(scene: &mut Scene, kill: &Kill) -> bool {
    let (alice, _) = scene.log_in(ALICE);
    plant();
    if let Some(broker) = scene.broker.take() {
        broker.kill();
    }
    alice.die();
    scene.broker = Some(Broker::start_traced(kill));
    let killed = scene.broker().was_killed(TORN_DOWN);
    restart(scene);
    scene.check(&[], None);
    scene.settle(&[]);
    killed
}

/// The session may live on, so nobody takes its directory away; not even the broker after the one that was killed.
fn unreadable(scene: &mut Scene, kill: &Kill) -> bool {
    let (alice, held) = scene.log_in(ALICE);
    if let Some(broker) = scene.broker.take() {
        broker.kill();
    }
    let record = Path::new(SESSIONS).join(held.id.to_string());
    let whole = fs::read(&record).expect("read a record");
    fs::write(&record, &whole[..whole.len() / 2]).expect("cut a record short");
    scene.broker = Some(Broker::start_traced(kill));
    let killed = scene.broker().was_killed("serving");
    restart(scene);
    assert!(directory(ALICE).join("mine").exists(), "removed from under a session that may live");
    // Nobody else does it now.
    scene.take_away(ALICE);
    fs::remove_file(record.with_file_name(format!(".{}.unreadable", held.id)))
        .expect("the record is set aside");
    alice.die();
    scene.settle(&[]);
    killed
}

/// Nobody is logged out, at whatever call the end comes.
fn stop(scene: &mut Scene, kill: &Kill) -> bool {
    let (alice, held) = scene.log_in(ALICE);
    scene.broker().trace(kill);
    let killed = scene.broker().was_killed_while_stopping();
    restart(scene);
    scene.check(&[held], None);
    alice.die();
    scene.settle(&[]);
    killed
}

/// Whether it was killed, and if so, another broker.
fn killed(scene: &mut Scene, last: &str) -> bool {
    let killed = scene.broker().was_killed(last);
    if killed {
        restart(scene);
    }
    killed
}

fn restart(scene: &mut Scene) {
    if let Some(broker) = scene.broker.take() {
        broker.stop();
    }
    scene.broker = Some(Broker::start());
}

/// A logout that was not answered: the module asks again, or its process ends.
fn log_out_again(scene: &mut Scene, mut leader: Leader, heard: Heard, held: &[Held], kill: &Kill) {
    match heard {
        Heard::Closed => assert_eq!(scene.check(held, None), None),
        _ => {
            scene.check_leaving(held, &leader);
            if kill.asks_again {
                assert_eq!(leader.close(), Heard::Closed);
                scene.check(held, None);
            }
        }
    }
    leader.die();
}

/// Something for a teardown to do.
fn plant() {
    let below = directory(ALICE).join("a/b");
    fs::create_dir_all(&below).expect("make a directory");
    for number in 0..8 {
        fs::write(below.join(number.to_string()), "x").expect("make a file");
    }
}
