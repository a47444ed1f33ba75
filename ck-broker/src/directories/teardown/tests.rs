//! Tests of the module.

use super::*;
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

/// A queue whose remover is a shell script.
fn queue(script: &str) -> TeardownQueue {
    let folder = std::env::temp_dir().join(format!("ck-queue-{}-{}", std::process::id(), script.len()));
    fs::create_dir_all(&folder).unwrap();
    let remover = folder.join("ck-remove-directory");
    fs::write(&remover, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&remover, PermissionsExt::from_mode(0o755)).unwrap();
    TeardownQueue::new(Remover::beside(&folder.join("ck-broker")).unwrap(), PathBuf::from("/nowhere"), [])
}

fn push(queue: &mut TeardownQueue, uid: u32, now: Instant) {
    queue.push(Residue { uid: Uid::try_from(uid).unwrap(), name: "x".into(), is_mounted: false }, None, now);
}

fn teardown(queue: &TeardownQueue, id: TeardownId) -> &PendingTeardown<Removal> {
    queue.teardowns.get(id).unwrap()
}

/// Has the queue believe that not even SIGKILL ended the worker of `id`.
fn abandon(queue: &mut TeardownQueue, id: TeardownId) {
    let reason = queue.teardowns.get_mut(id).unwrap().work.abandon_worker().unwrap();
    queue.teardowns.abandon(id, reason);
}

#[test]
fn a_user_whose_workers_hang_gets_no_third_one_and_others_do() {
    let mut queue = queue("exec sleep 60");
    let now = Instant::now();
    for _ in 0..3 {
        push(&mut queue, 2001, now);
    }
    for _ in 0..2 {
        let id = queue.start_next(now).unwrap().id;
        assert!(queue.start_next(now).is_none(), "one at a time");
        abandon(&mut queue, id);
    }
    assert!(queue.start_next(now).is_none());
    assert_eq!(queue.next_deadline(), None, "nothing to wake up for");
    push(&mut queue, 2002, now);
    let other = queue.start_next(now).unwrap().id;
    assert_eq!(teardown(&queue, other).uid().get(), 2002);
    assert_eq!(queue.count(TeardownState::Abandoned), 2);

    // One ends after all: it counts as a failed try, and the next may run.
    let first = TeardownId::FIRST;
    rustix::process::pidfd_send_signal(
        teardown(&queue, first).work.process().unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    while teardown(&queue, first).state() == TeardownState::Abandoned {
        queue.reap(first, now);
    }
    assert_eq!(teardown(&queue, first).state(), TeardownState::Waiting);
    assert!(queue.start_next(now).is_some());
    for (_, teardown) in queue.teardowns.iter() {
        teardown
            .work
            .process()
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
    queue.expire_overdue(late);
    while teardown(&queue, id).state() == TeardownState::Running {
        queue.reap(id, late);
    }
    assert_eq!(teardown(&queue, id).state(), TeardownState::Waiting);
    assert!(queue.next_deadline() > Some(late));
}
