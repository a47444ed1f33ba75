//! who, users, w and pam_limits.

use ck_tests::wait_until;
use rustix::process::Signal;

use super::{SOON, files, machine};

#[test]
fn who_users_and_w_name_those_who_are_here() {
    let machine = machine();
    let host = &machine.host;
    assert_eq!((host.run_ok(&["who"]), host.run_ok(&["users"])), (String::new(), String::new()));
    let alice = host.spawn(&["ssh", "-tt", "alice@127.0.0.1", "sleep 1000"]);
    machine.await_sessions(1);
    let bob = host.spawn(&["ssh", "-tt", "bob@127.0.0.1", "sleep 1000"]);
    machine.await_sessions(2);
    assert_eq!(host.run_ok(&["users"]), "alice bob");
    let who = host.run_ok(&["who"]);
    assert!(who.lines().count() == 2 && who.lines().all(|line| line.ends_with("(127.0.0.1)")), "{who}");
    let w = host.run_ok(&["w", "-h"]);
    assert!(w.contains("alice") && w.contains("bob") && w.contains("127.0.0.1"), "{w}");
    assert_eq!(
        (files(&machine, "sessions"), files(&machine, "users")),
        (vec!["1".into(), "2".into()], vec!["2001".into(), "2002".into()])
    );

    // The monitor that has opened the session dies.
    let leader = machine.sessions()[0]["leader_pid"].to_string();
    host.run_ok(&["kill", "-9", &leader]);
    wait_until(SOON, "it is seen", || host.run_ok(&["users"]) == "bob");
    bob.signal(Signal::TERM);
    wait_until(SOON, "it is seen", || host.run_ok(&["who"]).is_empty());
    drop((alice, bob));
    assert!(files(&machine, "sessions").is_empty() && files(&machine, "users").is_empty());
    machine.await_nothing_left();
}

#[test]
fn maxlogins_counts_sessions() {
    let machine = machine();
    let host = &machine.host;
    host.write_file("/etc/security/limits.d/test.conf", "alice hard maxlogins 2\n", 0o644);
    let stay = || host.spawn(&["ssh", "alice@127.0.0.1", "echo in; sleep 1000"]);
    let comes_in = || {
        let login = stay();
        wait_until(SOON, "the login is let in or refused", || login.stdout() == "in\n" || login.is_over());
        (login.stdout() == "in\n").then_some(login)
    };
    // The login itself is counted too, as with logind.
    let first = comes_in();
    assert!(first.is_some());
    assert!(comes_in().is_none(), "the second would be counted with the first: 2");
    drop(first);
    machine.await_sessions(0);
    assert!(comes_in().is_some());
}
