//! Who may have whom linger, and what is answered to what cannot be.

use super::{RECORD, end_broker, installed, lingerers, up};
use ck_tests::{ALICES, Machine, Output};
use rustix::process::Signal;

/// Asks as alice, in a session of hers.
fn as_alice(machine: &Machine, arguments: &str) -> Output {
    machine.host.run(&["su", "alice", "-c", &format!("ckctl linger {arguments}")])
}

/// Asks as a uid that has no session.
fn as_uid(machine: &Machine, uid: &str, arguments: &[&str]) -> Output {
    let (uid, gid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    machine.host.run(&[&["setpriv", &uid, &gid, "--clear-groups", "ckctl", "linger"], arguments].concat())
}

fn assert_refused(output: &Output, status: i32, word: &str) {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert!(output.stderr.contains(word) && output.stdout.is_empty(), "{word}: {output:?}");
}

#[test]
fn each_may_for_themselves_from_a_session_and_root_for_all() {
    let machine = up("auto");
    let told = as_alice(&machine, "on");
    assert_eq!(told.stdout, "alice (2001) lingers: the runtime directory stays without a session.\n");
    machine.await_sessions(0);
    assert!(machine.has_alices());
    assert_eq!(machine.host.read_file(RECORD), "2001 2001 alice\n");
    machine.host.run_ok(&["ckctl", "linger", "on", "bob", "--json"]);
    let both: Vec<_> = lingerers(&machine).into_iter().map(|user| user["user"].clone()).collect();
    assert_eq!(both, ["alice", "bob"]);
    let table = machine.host.run_ok(&["ckctl", "linger", "list"]);
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[1], ["2001", "alice", "0", "lingering", ALICES]);
    assert!(table.ends_with("\n2 users listed."), "{table}");

    assert_refused(
        &as_alice(&machine, "off bob"),
        1,
        "only root and administrators may say who else lingers",
    );
    assert_refused(&as_alice(&machine, "on bob"), 1, "only root and administrators may say who else lingers");
    // Off needs no session.
    assert!(as_uid(&machine, "2001", &["off"]).status.success());
    // A uid in a user namespace, of which one user may have thousands.
    assert_refused(&as_uid(&machine, "2001", &["on"]), 1, "without a session");
    assert_refused(&as_uid(&machine, "100001", &["on", "100001"]), 1, "100001");
    assert_eq!(lingerers(&machine).len(), 1);
    machine.host.run_ok(&["ckctl", "linger", "off", "bob"]);
    assert_eq!(machine.host.run_ok(&["ckctl", "linger", "list"]), "Nobody lingers.");
    machine.await_nothing_left();
}

/// Nothing that an ordinary user says about the group or the name is believed.
#[test]
fn what_a_user_says_of_themself_is_not_believed() {
    let machine = up("directory");
    // AdminRequest::Linger(On { uid 2001, gid 0, user "root" }), as in ck-protocol/tests/golden.rs.
    let ask = "use Socket; socket(S, AF_UNIX, SOCK_SEQPACKET, 0); alarm 10; \
               connect(S, pack_sockaddr_un(\"/run/ck-broker/admin.sock\")) or die $!; \
               send(S, pack(\"H*\", \"010c01d10f0004\" . unpack(\"H*\", \"root\")), 0); recv(S, $r, 5000, 0); print unpack(\"H*\", $r)";
    let told = machine.host.run_ok(&["su", "alice", "-c", &format!("perl -e '{ask}'")]);
    assert!(told.starts_with("010a"), "not done: {told}");
    assert_eq!(machine.host.read_file(RECORD), "2001 2001 alice\n");
    assert_eq!(machine.host.run_ok(&["stat", "-c", "%a %u %g", ALICES]), "700 2001 2001");
}

#[test]
fn what_cannot_be_is_refused_with_a_word() {
    let mut machine = installed("auto");
    machine.host.run_ok(&["sh", "-c", "mkdir -p /var/lib/ck; mount -t tmpfs -o mode=755 none /var/lib/ck"]);
    machine.start_broker(&[]);
    for (arguments, status, word) in [
        (&["on"][..], 1, "root has no runtime directory"),
        (&["on", "0"], 1, "root has no runtime directory"),
        (&["on", "carol"], 1, "unknown user `carol`"),
        (&["off", "car\u{1b}ol"], 1, r"unknown user `car\u{1b}ol`"),
        (&["on", "4711"], 1, "unknown user `4711`"),
        (&["on", "4294967295"], 1, "4294967295"),
        (&["sometimes"], 2, "sometimes"),
        (&[], 2, "linger"),
    ] {
        assert_refused(&machine.host.run(&[&["ckctl", "linger"], arguments].concat()), status, word);
    }
    // On a file system that is read-only for a while.
    machine.host.run_ok(&["mount", "-o", "remount,ro", "/var/lib/ck"]);
    assert_refused(&machine.host.run(&["ckctl", "linger", "on", "alice"]), 1, "/var/lib/ck/linger");
    assert!(!machine.has_alices() && lingerers(&machine).is_empty());
    machine.host.run_ok(&["mount", "-o", "remount,rw", "/var/lib/ck"]);
    machine.host.run_ok(&["ckctl", "linger", "on", "alice"]);
    assert!(machine.has_alices());
    // Whom the user database does not know any more has a number still.
    machine.host.run_ok(&["sed", "-i", "/^alice:/d", "/etc/passwd"]);
    machine.host.run_ok(&["ckctl", "linger", "off", "2001"]);
    machine.await_nothing_left();
}

#[test]
fn a_record_that_cannot_be_read_is_set_aside_and_costs_no_other() {
    let mut machine = up("auto");
    machine.host.run_ok(&["ckctl", "linger", "on", "alice"]);
    machine.host.run_ok(&["ckctl", "linger", "on", "bob"]);
    end_broker(&mut machine, Signal::TERM);
    machine.host.write_file(RECORD, "2001 2001 ali", 0o600);
    machine.host.write_file("/var/lib/ck/linger/0", "0 0 root\n", 0o600);
    machine.host.write_file("/var/lib/ck/linger/.2001.new", "2001 20", 0o600);
    machine.host.write_file("/var/lib/ck/linger/README", "?", 0o600);
    machine.start_broker(&[]);
    assert_eq!(lingerers(&machine).len(), 1);
    assert!(!machine.has_alices(), "nobody lingers there any more");
    let log = machine.broker().stderr();
    for said in [
        "/var/lib/ck/linger/2001: is not a line of the form `UID GID NAME`; set aside as /var/lib/ck/linger/.2001.unreadable",
        "/var/lib/ck/linger/0: is not a line",
    ] {
        assert!(log.contains(said), "{log}");
    }
    let listed = machine.host.run_ok(&["ls", "-A", "/var/lib/ck/linger"]);
    assert_eq!(
        listed.split_whitespace().collect::<Vec<_>>(),
        [".0.unreadable", ".2001.unreadable", "2002", "README"]
    );
}

#[test]
fn a_directory_of_records_that_others_can_write_makes_nobody_linger() {
    let mut machine = installed("auto");
    machine.host.run_ok(&["install", "-d", "-m", "777", "/var/lib/ck", "/var/lib/ck/linger"]);
    machine.host.write_file(RECORD, "2001 2001 alice\n", 0o600);
    machine.start_broker(&[]);
    assert!(lingerers(&machine).is_empty() && !machine.has_alices());
    assert!(machine.broker().stderr().contains("no user lingers: /var/lib/ck/linger must be a directory"));
    assert_refused(
        &machine.host.run(&["ckctl", "linger", "on", "alice"]),
        1,
        "could not be used when ck-broker started",
    );
    assert!(machine.host.run_ok(&["ckctl", "status"]).contains("lingering is not available"));
}
