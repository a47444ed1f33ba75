//! A reload that changes who may see what counts for those who are connected already.

use std::time::Duration;

use ck_tests::{Machine, Running, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const FILE: &str = "/etc/ck/broker.toml";
const SOON: Duration = Duration::from_secs(20);
const OWN: &str = "[admin]\nlist = \"own\"\n";
const ALL: &str = "";
/// Administrators are others than before.
const NO_GROUP: &str = "[admin]\nlist = \"own\"\ngroup = \"no-such-group\"\n";
const BOB: [&str; 4] = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups"];
const CAROL: [&str; 4] = ["setpriv", "--reuid=2003", "--regid=990", "--clear-groups"];
const ROOT: [&str; 0] = [];

/// A machine with a group of administrators, whose broker may see all tell all.
fn machine() -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["groupadd", "--gid", "990", "ck-admin"]);
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file(FILE, ALL, 0o644);
    machine.start_broker(&[]);
    machine
}

/// Has the broker read another file.
fn reload(machine: &Machine, toml: &str) {
    let read = || {
        let status = machine.host.run_ok(&["ckctl", "status", "--json"]);
        serde_json::from_str::<Value>(&status).expect("JSON")["configured_at"].clone()
    };
    let before = read();
    machine.host.write_file(FILE, toml, 0o644);
    machine.broker().signal(Signal::HUP);
    wait_until(SOON, "it has read its file", || read() != before);
}

/// Somebody who watches, and has been told who is here.
fn watch(machine: &Machine, by: &[&str]) -> Running {
    let watch = machine.host.spawn(&[by, &["ckctl", "watch"]].concat());
    wait_until(SOON, "the snapshot is shown", || watch.stdout().contains("changes follow\n"));
    watch
}

/// Whether each of them hears of a login of alice's that comes now.
fn who_hears<const COUNT: usize>(machine: &Machine, watches: [&Running; COUNT]) -> [bool; COUNT] {
    let heard = |watch: &Running| watch.stdout().matches("user alice (2001) has left\n").count();
    let of_bob = |watch: &Running| watch.stdout().matches("user bob (2002) has left\n").count();
    let before = watches.map(heard);
    let bobs = watches.map(of_bob);
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    // All that was told of that is there when the next is.
    machine.host.run_ok(&["su", "bob", "-c", "true"]);
    wait_until(SOON, "the first and the second have heard of bob", || {
        (0..2).all(|number| of_bob(watches[number]) > bobs[number])
    });
    machine.await_nothing_left();
    std::array::from_fn(|number| heard(watches[number]) > before[number])
}

#[test]
fn who_watches_hears_of_others_as_long_as_that_is_allowed() {
    let machine = machine();
    let (root, bob, carol) = (watch(&machine, &ROOT), watch(&machine, &BOB), watch(&machine, &CAROL));
    let heard = || who_hears(&machine, [&root, &bob, &carol]);
    assert_eq!(heard(), [true, true, true]);
    reload(&machine, OWN);
    assert_eq!(heard(), [true, false, true]);
    reload(&machine, NO_GROUP);
    assert_eq!(heard(), [true, false, false]);
    reload(&machine, ALL);
    assert_eq!(heard(), [true, true, true]);
    // What they know is not all that there is, and they are told so; root knows all.
    let lost = |watch: &Running| watch.stdout().matches("  lost 1 change\n").count();
    assert_eq!([lost(&root), lost(&bob), lost(&carol)], [0, 3, 3]);
}

/// Changes that were made ready before, and that its connection had no room for.
#[test]
fn what_somebody_has_not_read_yet_is_not_told_after_the_reload() {
    const LOGINS: &str = "500";
    let machine = machine();
    let program = std::fs::read(env!("CARGO_BIN_EXE_subscriber")).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/subscriber", program, 0o755);
    let script = "ckctl watch & echo $! >/tmp/pid; wait $!";
    machine.host.run_ok(&["sh", "-c", "touch /tmp/pid; chmod 666 /tmp/pid"]);
    let bob = machine.host.spawn(&[&BOB[..], &["sh", "-c", script]].concat());
    wait_until(SOON, "the snapshot is shown", || bob.stdout().contains("changes follow\n"));
    let pid = machine.host.read_file("/tmp/pid").trim().to_owned();
    machine.host.run_ok(&["kill", "-STOP", &pid]);
    machine.host.run_ok(&["subscriber", "logins", "2001", LOGINS]);
    reload(&machine, OWN);
    machine.host.run_ok(&["kill", "-CONT", &pid]);
    machine.host.run_ok(&["su", "bob", "-c", "true"]);
    wait_until(SOON, "what is bob's", || bob.stdout().contains("user bob (2002) has left\n"));
    let told = bob.stdout();
    assert!(
        told.contains("session 1 of somebody (2001) ended after "),
        "what had room before was told: {told}"
    );
    assert!(!told.contains(&format!("session {LOGINS} of somebody (2001) ended")), "told after the reload");
    assert!(told.contains("  lost 1 change\n") && told.contains("of bob (2002) ended after "));
    machine.host.run_ok(&["kill", "-TERM", &pid]);
}

/// An answer that found no room: bob asks for alice's session again and again, and reads nothing until he may not see it.
#[test]
fn an_answer_that_was_not_read_is_not_sent_after_the_reload() {
    let machine = machine();
    let _alice = machine.host.spawn(&["su", "alice", "-c", "sleep 100"]);
    machine.await_sessions(1);
    // No faster than anybody may ask. The answers to some 280 requests fit into the connection. That it was closed with
    // requests in it is told ahead of what was sent: unix(7).
    let ask = "use Socket; use Errno; $| = 1; socket(S, AF_UNIX, SOCK_SEQPACKET, 0); \
         connect(S, pack_sockaddr_un('/run/ck-broker/admin.sock')) or die $!; \
         for (1..450) { send(S, chr(1) . chr(1) . chr(1), 0) or die $!; select(undef, undef, undef, 0.011) } \
         print qq(asked\\n); select(undef, undef, undef, 0.1) until -e '/tmp/read'; \
         for (;;) { defined recv(S, $r, 4096, 0) or $!{ECONNRESET} ? next : last; length $r or last; \
          $first //= $r; $r eq $first ? $same++ : $other++ } \
         print $same > 100 ? 'some' : 'none', ' ', $other // 0, qq(\\n)";
    let mut bob = machine.host.spawn(&[&BOB[..], &["perl", "-e", ask]].concat());
    wait_until(SOON, "bob has asked", || bob.stdout() == "asked\n");
    reload(&machine, OWN);
    machine.host.write_file("/tmp/read", "", 0o644);
    assert!(bob.wait(SOON).is_some_and(|status| status.success()), "{}", bob.stderr());
    assert_eq!(bob.stdout(), "asked\nsome 0\n", "he was answered after the reload");
}
