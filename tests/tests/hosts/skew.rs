//! Parts of two releases on one machine: what cannot be understood is refused with a word, and costs nobody else anything.

use std::time::Duration;

use ck_tests::older_kernel::{FIRST_UNKNOWN, broker};
use ck_tests::{Machine, Running, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(10);

/// Sends `bytes`, in hexadecimal, to a socket of the broker; returns what it answers, and whether it then closes.
fn answer(machine: &Machine, socket: &str, bytes: &str) -> String {
    let ask = format!(
        "use Socket; socket(S, AF_UNIX, SOCK_SEQPACKET, 0); alarm 10; \
         connect(S, pack_sockaddr_un('/run/ck-broker/{socket}.sock')) or die $!; \
         send(S, pack('H*', '{bytes}'), 0) or die $!; recv(S, $reply, 5000, 0); print $reply; \
         recv(S, $more, 5000, 0); print ' closed' if $more eq ''"
    );
    machine.host.run_ok(&["perl", "-e", &ask])
}

#[test]
fn requests_of_another_release_are_refused_with_a_word() {
    let machine = Machine::up();
    for socket in ["session", "admin"] {
        for (version, answered) in [("00", '\u{1}'), ("03", '\u{2}'), ("ff", '\u{2}')] {
            let told = answer(&machine, socket, &format!("{version}00"));
            let number = u8::from_str_radix(version, 16).expect("a number");
            assert!(told.contains(&format!("protocol version {number} is not spoken here")), "{told}");
            assert!(told.contains("install one release of all parts") && told.ends_with(" closed"), "{told}");
            assert!(told.starts_with(answered), "in the nearest version: {told:?}");
        }
        // A request that a newer release may have.
        let told = answer(&machine, socket, "0163");
        assert!(told.contains("malformed frame") && told.ends_with(" closed"), "{told}");
    }
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), "/run/user/2001");
    machine.await_nothing_left();
}

/// A subscriber and a peer that speak version 1 are told what they always were, byte for byte.
#[test]
fn peers_of_the_first_release_are_told_what_they_know() {
    let machine = Machine::up();
    let speak = "use Socket; $| = 1; socket(S, AF_UNIX, SOCK_SEQPACKET, 0); \
         connect(S, pack_sockaddr_un('/run/ck-broker/admin.sock')) or die $!; \
         send(S, pack('H*', $ARGV[0]), 0) or die $!; \
         while ($ARGV[1]-- && defined recv(S, $reply, 5000, 0)) { print unpack('H*', $reply), qq(\\n) }";
    let subscriber = machine.host.spawn(&["perl", "-e", speak, "0105", "100"]);
    wait_until(SOON, "it has subscribed", || subscriber.stdout().contains("010b"));
    let login = held(&machine, "alice", 2001);
    let (id, uid) = ("01", "d10f");
    assert_eq!(machine.host.run_ok(&["perl", "-e", speak, "010901", "1"]), "010a01");
    drop(login);
    machine.await_nothing_left();
    wait_until(SOON, "the teardown", || {
        subscriber.stdout().lines().any(|line| line.ends_with(&format!("04{uid}")))
    });
    // Without their numbers, and without those of seats.
    let told = subscriber.stdout();
    let changes = told.lines().filter_map(|line| line.strip_prefix("010c")?.get(2..));
    let changes: Vec<&str> = changes.filter(|change| !change.starts_with("07")).collect();
    let expected = [
        format!("00{uid}"),
        format!("01{id}"),
        format!("08{id}{uid}"),
        format!("02{id}{uid}"),
        format!("03{uid}"),
        format!("04{uid}"),
    ];
    assert_eq!(changes.len(), expected.len(), "{told}");
    for (number, (change, expected)) in changes.iter().zip(&expected).enumerate() {
        assert!(if number == 1 { change.starts_with(expected) } else { change == expected }, "{told}");
    }
    assert!(changes[1].contains("616c696365"), "the session is there with its user: {told}");
}

/// A session of the user's, with a file in its directory.
fn held(machine: &Machine, user: &str, uid: u32) -> Running {
    let held = machine.host.spawn(&["su", user, "-c", "touch $XDG_RUNTIME_DIR/mine; exec sleep 60"]);
    let mine = format!("/run/user/{uid}/mine");
    wait_until(SOON, "the login", || machine.host.metadata(&mine).is_some());
    held
}

/// Changes the record of session 1 while no broker runs.
fn rewrite_record(machine: &mut Machine, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(Signal::KILL);
    assert!(broker.wait(SOON).is_some(), "the broker ends");
    let record = "/run/ck-broker/state/sessions/1";
    let bytes = std::fs::read(machine.host.root().join(&record[1..])).expect("a record");
    machine.host.write_file(record, change(bytes), 0o600);
    machine.start_broker(&[]);
}

/// Removes an optional number, which is 0, or 1 and a varint.
fn remove_number(record: &mut Vec<u8>, place: usize) {
    if record.remove(place) == 1 {
        while record.remove(place) >= 0x80 {}
    }
}

/// Formats 1 and 2 had no ids of the audit, which are the last of the session.
#[test]
fn a_record_of_a_release_before_is_a_session_as_any() {
    for format in [1, 2] {
        let mut machine = Machine::installed();
        // Where records say when the leader started, as those of format 1 did.
        machine.start_broker_by(&broker(FIRST_UNKNOWN[0].1), &[]);
        let login = held(&machine, "alice", 2001);
        let mut before = machine.session();
        (before["audit_id"], before["login_uid"]) = (Value::Null, Value::Null);
        rewrite_record(&mut machine, |mut record| {
            const LAST: &[u8] = b"/run/user/2001";
            let found = record.windows(LAST.len()).position(|bytes| bytes == LAST);
            let place = found.expect("the directory") + LAST.len();
            (0..2).for_each(|_| remove_number(&mut record, place));
            assert_eq!(record.remove(0), 3);
            // Format 2 began with its number and that of a frame. Format 1 had no byte for "no inode" at its end.
            if format == 2 {
                return [&[2, 1], &record[..]].concat();
            }
            assert_eq!(record.pop(), Some(0));
            [&[1], &record[..]].concat()
        });
        assert_eq!(machine.session(), before, "format {format}");
        drop(login);
        machine.await_nothing_left();
    }
}

#[test]
fn a_record_of_a_later_release_is_set_aside_and_costs_no_other() {
    let mut machine = Machine::up();
    let _alice = held(&machine, "alice", 2001);
    let bob = held(&machine, "bob", 2002);
    rewrite_record(&mut machine, |mut record| {
        record[0] = 4;
        record
    });
    assert_eq!(machine.session()["user"], "bob");
    let log = machine.broker().stderr();
    let said = "/run/ck-broker/state/sessions/1: has format 4, and only 1, 2 and 3 are read: it was written by another release; \
                set aside as /run/ck-broker/state/sessions/.1.unreadable";
    assert!(log.contains(said), "{log}");
    assert!(machine.host.metadata("/run/user/2001/mine").is_some(), "taken from under a live session");
    drop(bob);
    machine.await_sessions(0);
}
