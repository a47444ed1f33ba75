//! Brokers that are slow, stopped or overloaded, and brokers that hang up.

use crate::{
    application::SUCCESS,
    bed::{Bed, alone},
    broker::{Answer, listen, opened, refused, seqpacket, session},
    signals::{die_of_broken_pipes, let_signals_interrupt},
};
use ck_protocol::{Reply, SessionRef, SessionRequest};
use nix::sys::{
    pthread::{pthread_kill, pthread_self},
    signal::Signal,
};
use rustix::net::{self, SocketAddrUnix, connect};
use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// The time that a busy machine may take in addition.
const SLACK: Duration = Duration::from_secs(1);

/// Runs a login with `timeout=ms`, which must take this time and at most [`SLACK`] more. Returns its log.
fn log_in_until_timeout(bed: &Bed, ms: u64) -> Vec<String> {
    let start = Instant::now();
    assert_eq!(bed.login(b"root", &format!("timeout={ms}")).open(), SUCCESS);
    let took = start.elapsed();
    // The kernel rounds the timeout to ticks.
    let least = Duration::from_millis(ms - 10);
    assert!((least..least + SLACK).contains(&took), "took {took:?}");
    bed.log()
}

#[test]
fn a_broker_that_never_answers() {
    let bed = Bed::new();
    let _broker = bed.broker([Answer::Silence]);
    let log = log_in_until_timeout(&bed, 300);
    assert!(log.len() == 1 && log[0].contains("it gave no answer within 300 ms"), "{log:?}");
}

#[test]
fn a_broker_that_never_accepts() {
    let bed = Bed::new();
    let _listener = listen(&bed.socket(), 0, 8);
    let log = log_in_until_timeout(&bed, 300);
    assert!(log.len() == 1 && log[0].contains("it gave no answer within 300 ms"), "{log:?}");
}

#[test]
fn a_broker_whose_queue_is_full() {
    let bed = Bed::new();
    let _listener = listen(&bed.socket(), 0, 0);
    let first = seqpacket();
    connect(&first, &SocketAddrUnix::new(bed.socket()).unwrap()).unwrap();
    let log = log_in_until_timeout(&bed, 300);
    assert!(log.len() == 1 && log[0].contains("it took no connection within 300 ms"), "{log:?}");
}

#[test]
fn a_queue_that_gets_room_is_used_at_once() {
    let bed = Bed::new();
    let listener = listen(&bed.socket(), 0, 0);
    let first = seqpacket();
    connect(&first, &SocketAddrUnix::new(bed.socket()).unwrap()).unwrap();
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            // The first connection is the one that fills the queue. The module's connections are closed too.
            while let Ok(peer) = net::accept(&listener) {
                drop(peer);
            }
        });
        assert_eq!(bed.login(b"root", "timeout=5000").open(), SUCCESS);
        net::shutdown(&listener, net::Shutdown::Both).unwrap();
    });
    assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
    assert!(bed.log()[0].contains("it hung up"));
}

#[test]
fn a_broker_that_hangs_up_is_asked_once_more_by_the_same_token() {
    for first in [Answer::HangUp, Answer::Slam] {
        let bed = Bed::new();
        let slammed = matches!(first, Answer::Slam);
        let broker = bed.broker([first, opened(4)]);
        let mut login = bed.login(b"root", "");
        assert_eq!(login.open(), SUCCESS);
        assert_eq!(login.env("XDG_SESSION_ID").unwrap(), "4");
        let request = broker.open_request();
        if !slammed {
            assert_eq!(broker.open_request().token, request.token);
        }
        assert!(broker.had_no_more() && bed.raw_log().is_empty());
    }
}

#[test]
fn a_broker_that_hangs_up_again_is_not_asked_a_third_time() {
    let bed = Bed::new();
    let broker = bed.broker([Answer::HangUp, Answer::HangUp, Answer::Reply(Reply::Closed)]);
    let mut login = bed.login(b"root", "");
    assert_eq!(login.open(), SUCCESS);
    let (first, second) = (broker.open_request(), broker.open_request());
    assert_eq!(first.token, second.token);
    let log = bed.log();
    assert!(log.len() == 1 && log[0].contains("it hung up (see its log)"), "{log:?}");
    // The broker may have opened the session nevertheless.
    assert_eq!(login.close(), SUCCESS);
    broker.request();
    assert!(broker.had_no_more());
}

#[test]
fn the_retry_has_the_same_deadline() {
    let bed = Bed::new();
    let _broker = bed.broker([Answer::HangUpLate(Duration::from_millis(1200)), Answer::Silence]);
    let log = log_in_until_timeout(&bed, 1400);
    assert!(log.len() == 1 && log[0].contains("it gave no answer within 1400 ms"), "{log:?}");
}

#[test]
fn a_broker_that_dies_over_a_request_may_have_opened_the_session() {
    let bed = Bed::new();
    let listener = listen(&bed.socket(), 0, 1);
    let mut login = bed.login(b"root", "");
    thread::scope(|scope| {
        scope.spawn(|| {
            let peer = net::accept(&listener).unwrap();
            net::recv(&peer, &mut [0; 4096][..], net::RecvFlags::empty()).unwrap();
            drop(listener);
            drop(peer);
        });
        assert_eq!(login.open(), SUCCESS);
    });
    assert!(bed.log()[0].contains("Connection refused"));
    fs::remove_file(bed.socket()).unwrap();
    let next = bed.broker([Answer::Reply(Reply::Closed)]);
    assert_eq!(login.close(), SUCCESS);
    assert!(matches!(next.request(), SessionRequest::Close(SessionRef::Token(_))));
}

#[test]
fn a_connection_that_is_closed_at_once_sends_the_host_no_signal() {
    alone("waiting::a_connection_that_is_closed_at_once_sends_the_host_no_signal", || {
        die_of_broken_pipes();
        let bed = Bed::new();
        // This is often enough for some to be closed between connect(2) and send(2).
        let _broker = bed.broker((0..400).map(|_| Answer::Slam));
        (0..100).for_each(|_| assert_eq!(bed.login(b"root", "timeout=10").open(), SUCCESS));
    });
}

/// The refusal is logged whether the broker closes the connection before or after the request is sent.
#[test]
fn a_refusal_before_the_request_is_logged() {
    let bed = Bed::new();
    let Answer::Reply(refusal) = refused("you may not") else { panic!() };
    let broker = bed.broker((0..100).map(|_| Answer::TurnAway(refusal.clone())));
    for _ in 0..100 {
        assert_eq!(bed.login(b"root", "").open(), SUCCESS);
        assert_eq!(bed.log(), ["the session broker refused: you may not; logging in without a session"]);
    }
    assert!(broker.had_no_more());
}

#[test]
fn two_logins_have_two_tokens() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1), opened(2)]);
    let (mut one, mut two) = (bed.login(b"root", ""), bed.login(b"root", ""));
    assert_eq!((one.open(), two.open()), (SUCCESS, SUCCESS));
    assert_ne!(broker.open_request().token, broker.open_request().token);
}

#[test]
fn signals_neither_break_the_wait_nor_prolong_it() {
    alone("waiting::signals_neither_break_the_wait_nor_prolong_it", || {
        let_signals_interrupt();
        let bed = Bed::new();
        let late = Answer::Late(Duration::from_millis(300), Reply::Opened(session(5)));
        let _broker = bed.broker([late, Answer::Silence]);
        let (me, over) = (pthread_self(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                let end = Instant::now() + Duration::from_secs(10);
                while !over.load(Ordering::Relaxed) && Instant::now() < end {
                    pthread_kill(me, Signal::SIGUSR1).unwrap();
                    thread::sleep(Duration::from_millis(5));
                }
            });
            let mut login = bed.login(b"root", "timeout=5000");
            let opened = login.open();
            let log = log_in_until_timeout(&bed, 300);
            over.store(true, Ordering::Relaxed);
            assert_eq!((opened, login.env("XDG_SESSION_ID")), (SUCCESS, Some("5".into())));
            assert!(log[0].contains("it gave no answer within 300 ms"), "{log:?}");
        });
    });
}
