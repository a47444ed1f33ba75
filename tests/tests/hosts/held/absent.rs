//! Locks while no broker runs: a login then finds out that there is none, and waits for nobody.

use ck_tests::logins::{FIFTY, assert_no_slower, logins};
use ck_tests::siege::{SLACK, attack, install};
use ck_tests::{Guarded, Host, Machine};
use rustix::process::Signal;

use super::locks::hold;
use super::{ATTACK, Mode, SOON, in_each_mode};

const PLACES: [&str; 2] = ["/run/user", "/run/ck-broker"];

/// Logins while the places are held, and no broker runs.
fn assert_let_in(host: &Host, idle: &[ck_tests::logins::Login], places: &[&str]) {
    let attacks = hold(host, places);
    assert_no_slower(&logins(host, FIFTY), idle, SLACK);
    drop(attacks);
}

fn after(signal: Signal, mode: Mode) {
    let Guarded { mut machine, .. } = mode.up();
    install(&machine, ATTACK);
    let idle = logins(&machine.host, 1);
    machine.await_nothing_left();
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(signal);
    assert!(broker.wait(SOON).is_some(), "the broker does not end");
    assert_let_in(&machine.host, &idle, &PLACES);
    mode.start_again(&mut machine);
    assert!(logins(&machine.host, 1).iter().all(|login| login.is_whole()));
    machine.await_nothing_left();
}

fn stopped(mode: Mode) {
    after(Signal::TERM, mode);
}

fn killed(mode: Mode) {
    after(Signal::KILL, mode);
}

in_each_mode! {
    it_was_stopped_in_order: stopped Tmpfs,
    it_was_stopped_in_order_where_nothing_can_be_mounted: stopped Unprivileged,
    it_was_stopped_in_order_and_the_root_is_shared: stopped SharedTmpfs,
    it_was_killed: killed Tmpfs,
    it_was_killed_where_nothing_can_be_mounted: killed Unprivileged,
}

/// The product's files are there, and nothing was ever started: the directory of the sockets is missing, and its name
/// would be looked up in `/run`, which everybody may read.
#[test]
fn it_was_never_started() {
    let machine = Machine::installed();
    install(&machine, ATTACK);
    let host = &machine.host;
    // What every login looks up there for others is there, or it would wait without us.
    host.run_ok(&["sh", "-c", "mkdir /run/nscd && touch /run/nscd/socket"]);
    machine.install_application("ck-test", "session required pam_ck.so\n");
    let attacks = [attack(host, &["hold", "/run"]), attack(host, &["mkdirs", "/run"])];
    for _ in 0..FIFTY {
        super::promptly(&machine, &["pam-application", "ck-test", "bob", "open", "close"]);
    }
    drop(attacks);
}
