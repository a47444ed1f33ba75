//! Subscribers who do not behave.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use ck_protocol::{AdminRequest, Refusal, RefusalCode, Reply};
use ck_tests::wire::{NoAnswer, Wire};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Uid, getuid};
use rustix::thread::set_thread_res_uid;

use crate::replay::Replay;

const READ: &str = "/tmp/read";

/// Subscribes `count` times and reads nothing until it is told to.
pub(crate) fn stall(uid: u32, step: u32, count: u32) {
    let mut admitted: Vec<Replay> = Vec::new();
    for number in 0..count {
        match as_user(uid + step * number, Replay::start) {
            Ok(replay) => admitted.push(replay),
            Err(Refusal { code, message }) => {
                assert_eq!((code, message.as_str()), (RefusalCode::Busy, "too many subscribers: end some"));
            }
        }
    }
    println!("{} of {count}", admitted.len());
    while !Path::new(READ).exists() {
        sleep(Duration::from_millis(20));
    }
    let lost = admitted.iter_mut().map(|replay| {
        while replay.lost == 0 {
            let reply = replay.wire.hear().expect("a broker that tells what is missing");
            replay.take(reply);
        }
        assert!(replay.next.is_some());
        replay.lost
    });
    println!("lost {}", lost.min().unwrap_or(0));
}

fn synced() -> Replay {
    let mut replay = Replay::start().expect("a subscription");
    while replay.next.is_none() {
        let reply = replay.wire.hear().expect("the snapshot");
        replay.take(reply);
    }
    replay
}

/// Pushes a descriptor where only listening is allowed.
pub(crate) fn push() {
    let replay = synced();
    let pushed = [replay.wire.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&pushed)), "room for a descriptor");
    match sendmsg(&replay.wire, &[IoSlice::new(b"x")], &mut control, SendFlags::NOSIGNAL) {
        Err(Errno::PERM) => println!("refused"),
        Err(errno) => panic!("push a descriptor: {errno}"),
        Ok(_) => {
            assert_eq!(replay.wire.hear(), Err(NoAnswer::HungUp));
            println!("taken");
        }
    }
}

/// Says something where only listening is allowed.
pub(crate) fn chat() {
    let replay = synced();
    match replay.wire.ask(&AdminRequest::Status) {
        Ok(Reply::Refused(refusal)) => println!("{:?}: {}", refusal.code, refusal.message.as_str()),
        other => panic!("{other:?}"),
    }
    assert_eq!(replay.wire.hear(), Err(NoAnswer::HungUp));
    // Who wants more asks by another connection.
    assert!(matches!(Wire::admin().expect("a broker").ask(&AdminRequest::Status), Ok(Reply::Status(_))));
}

/// Does `act` with the rights of the uid.
fn as_user<T>(uid: u32, act: impl FnOnce() -> T) -> T {
    let root = getuid();
    set_thread_res_uid(root, Uid::from_raw(uid), root).expect("become the user");
    let result = act();
    set_thread_res_uid(root, root, root).expect("become root again");
    result
}
