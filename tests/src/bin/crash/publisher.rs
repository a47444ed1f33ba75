//! The process that writes the files for libsystemd, killed while it does something. The broker starts another one, which
//! makes the files right, and logins go on meanwhile.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use ck_tests::wait_until;

use crate::leader::{Heard, Leader};
use crate::published;
use crate::scene::{Held, Scene};
use crate::spans::Span;
use crate::tracer::{Call, Kill, LONGEST, Tracer, is_stopped, signal, waits_in};

const ALICE: u32 = 2001;
const BOB: u32 = 2002;
const CONFIGURATION: &str = "/etc/ck/broker.toml";
const OFF: &str = "\n[compat]\nsd_login = \"off\"\n";
/// poll(2) and ppoll(2), as `/proc/PID/syscall` has them.
const WAITING: [&str; 2] = ["7", "271"];
/// When the PAM module goes on without a session.
const MODULE_WAITS: Duration = Duration::from_millis(1500);

/// What it is doing.
pub(crate) const SPANS: [(&str, &[bool], Span); 6] = [
    ("its start, which finds files that are not right", &[false], start),
    ("the first login of a user", &[false], first_login),
    ("a login beside another", &[false], second_login),
    ("a logout beside another", &[false], other_logout),
    ("the last logout", &[false], last_logout),
    ("its end, as no files are wanted any more", &[false], end),
];

/// Whether others see anything of this call. A kill before one of which they see nothing is a kill before the next one.
pub(crate) fn is_seen(call: &Call) -> bool {
    const SEEN: [&str; 12] = [
        "open",
        "openat",
        "flock",
        "mkdirat",
        "recvfrom",
        "sendto",
        "write",
        "renameat",
        "renameat2",
        "unlinkat",
        "execve",
        "exit_group",
    ];
    SEEN.contains(&call.name.as_str())
}

fn start(scene: &mut Scene, kill: &Kill) -> bool {
    let (alice, held) = log_in(scene, ALICE);
    configure(scene, true);
    wait_until(LONGEST, "the publisher ends", || publisher(scene).is_none());
    published::plant();
    let tracer = next_one(scene, kill);
    let killed = looked_after(scene, tracer, &[held]);
    published::remove_theirs();
    leaves(scene, alice, &[]);
    killed
}

fn first_login(scene: &mut Scene, kill: &Kill) -> bool {
    let tracer = trace(scene, kill);
    let (alice, held) = log_in(scene, ALICE);
    let killed = looked_after(scene, tracer, &[held]);
    leaves(scene, alice, &[]);
    killed
}

fn second_login(scene: &mut Scene, kill: &Kill) -> bool {
    let (first, held) = log_in(scene, ALICE);
    let tracer = trace(scene, kill);
    let (second, other) = log_in(scene, ALICE);
    let killed = looked_after(scene, tracer, &[held, other]);
    leaves(scene, second, &[held]);
    leaves(scene, first, &[]);
    killed
}

fn other_logout(scene: &mut Scene, kill: &Kill) -> bool {
    let (first, held) = log_in(scene, ALICE);
    let (mut second, _) = log_in(scene, ALICE);
    let tracer = trace(scene, kill);
    assert_eq!(second.close(), Heard::Closed);
    let killed = looked_after(scene, tracer, &[held]);
    second.die();
    leaves(scene, first, &[]);
    killed
}

fn last_logout(scene: &mut Scene, kill: &Kill) -> bool {
    let (mut alice, _) = log_in(scene, ALICE);
    let tracer = trace(scene, kill);
    assert_eq!(alice.close(), Heard::Closed);
    let killed = looked_after(scene, tracer, &[]);
    alice.die();
    killed
}

fn end(scene: &mut Scene, kill: &Kill) -> bool {
    let (alice, held) = log_in(scene, ALICE);
    let tracer = trace(scene, kill);
    configure(scene, true);
    let killed = tracer.was_killed(|_| false);
    // The publisher after one that was killed removes the files too.
    published::check(&[]);
    wait_until(LONGEST, "the publisher ends", || publisher(scene).is_none());
    all_is_well();
    configure(scene, false);
    scene.settle(&[held]);
    leaves(scene, alice, &[]);
    killed
}

/// Waits until it was killed, or has written what it was to write. Then everything must come right, and nobody waits for that.
fn looked_after(scene: &mut Scene, tracer: Tracer, held: &[Held]) -> bool {
    let killed = tracer.was_killed(|pid| published::are(held) && waits_in(pid, &WAITING));
    if killed {
        let (bob, other) = log_in(scene, BOB);
        scene.check(&[held, &[other]].concat(), None);
        bob.die();
    }
    scene.settle(held);
    all_is_well();
    killed
}

/// A login that the PAM module would not have given up.
fn log_in(scene: &mut Scene, uid: u32) -> (Leader, Held) {
    let start = Instant::now();
    let opened = scene.log_in(uid);
    assert!(start.elapsed() < MODULE_WAITS, "a login took {:?}", start.elapsed());
    opened
}

fn leaves(scene: &mut Scene, leader: Leader, held: &[Held]) {
    leader.die();
    scene.settle(held);
}

/// The next publisher has said so by then: a problem that is over is told no more.
fn all_is_well() {
    let status = || Command::new("ckctl").arg("status").output().expect("ckctl status").stdout;
    wait_until(LONGEST, "all is well", || String::from_utf8_lossy(&status()).contains("all is well"));
}

/// Has the broker read whether files are wanted.
fn configure(scene: &mut Scene, is_off: bool) {
    let text = fs::read_to_string(CONFIGURATION).expect("a configuration").replace(OFF, "");
    fs::write(CONFIGURATION, text + if is_off { OFF } else { "" }).expect("write the configuration");
    signal("-HUP", broker(scene));
}

/// Traces the publisher that runs, and waits.
fn trace(scene: &mut Scene, kill: &Kill) -> Tracer {
    let mut pid = None;
    wait_until(LONGEST, "a publisher that waits", || {
        pid = publisher(scene).filter(|pid| waits_in(*pid, &WAITING));
        pid.is_some()
    });
    Tracer::attach(pid.expect("a publisher"), kill)
}

/// Has the broker start a publisher, which is traced from its first call on: another strace stops it there.
fn next_one(scene: &mut Scene, kill: &Kill) -> Tracer {
    let stopper = Tracer::stop_children(broker(scene));
    configure(scene, false);
    let mut pid = None;
    wait_until(LONGEST, "a publisher that is stopped", || {
        pid = publisher(scene).filter(|pid| is_stopped(*pid));
        pid.is_some()
    });
    let pid = pid.expect("a publisher");
    stopper.let_go();
    let tracer = Tracer::attach(pid, kill);
    signal("-CONT", pid);
    tracer
}

/// The publisher that the broker has started last and that runs.
fn publisher(scene: &mut Scene) -> Option<u32> {
    let broker = broker(scene);
    let children = fs::read_to_string(format!("/proc/{broker}/task/{broker}/children")).unwrap_or_default();
    let is_publisher = |pid: &&str| {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with("ck-publish\0"))
    };
    children.split_whitespace().rfind(is_publisher)?.parse().ok()
}

fn broker(scene: &mut Scene) -> u32 {
    scene.broker().pid().expect("a broker")
}
