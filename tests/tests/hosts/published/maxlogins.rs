//! `maxlogins` of pam_limits(8), which counts sessions.
//!
//! pam_limits adds one to what it finds, for the login that it is asked about. Where it stands behind pam_ck.so in the stack, as
//! in Debian's sshd, it finds that login too, and so counts it twice. With logind that is the same.

use ck_tests::{Machine, Running, wait_until};

use super::{SOON, files, machine};

#[test]
fn su_lets_in_as_many_as_it_says() {
    lets_in(&limited_to_two(), &["su", "alice", "-c", STAY], 2);
}

#[test]
fn login_lets_in_as_many_as_it_says() {
    let machine = limited_to_two();
    machine.host.write_file("/usr/local/bin/stay", format!("#!/bin/sh\n{STAY}\n"), 0o755);
    machine.host.run_ok(&["usermod", "-s", "/usr/local/bin/stay", "alice"]);
    // A terminal on which nobody types.
    let on_terminal = "exec script -qc 'exec login -f alice' /dev/null < <(sleep 1000)";
    lets_in(&machine, &["bash", "-c", on_terminal], 2);
}

#[test]
fn sshd_of_debian_lets_in_one_less() {
    let machine = limited_to_two();
    lets_in(&machine, &SSH, 1);
}

/// What pam_limits(8) has for services whose logins are counted before it is asked.
#[test]
fn sshd_lets_in_as_many_as_it_says_with_utmp_early() {
    let machine = limited_to_two();
    let edit = "sed -i 's/^session.*pam_limits.so/& utmp_early/' /etc/pam.d/sshd && grep -q utmp_early /etc/pam.d/sshd";
    machine.host.run_ok(&["sh", "-c", edit]);
    lets_in(&machine, &SSH, 2);
}

const STAY: &str = "echo in; sleep 1000";
const SSH: [&str; 3] = ["ssh", "alice@127.0.0.1", STAY];

fn limited_to_two() -> Machine {
    let machine = machine();
    machine.host.write_file("/etc/security/limits.d/test.conf", "alice hard maxlogins 2\n", 0o644);
    machine
}

/// So many are let in and not one more; once one of them has left, another one is.
fn lets_in(machine: &Machine, command: &[&str], most: usize) {
    let mut those = Vec::new();
    for _ in 0..most {
        those.push(comes_in(machine, command).expect("let in"));
    }
    assert!(comes_in(machine, command).is_none(), "{command:?}: more than {most} are in");
    machine.await_sessions(most);
    those.pop();
    wait_until(SOON, "one has left", || files(machine, "sessions").len() == most - 1);
    those.push(comes_in(machine, command).expect("let in, as another one has left"));
}

/// A login that is let in.
fn comes_in(machine: &Machine, command: &[&str]) -> Option<Running> {
    let login = machine.host.spawn(command);
    let is_in = || login.stdout().lines().any(|line| line.trim() == "in");
    // script(1) does not always end with the program on its terminal.
    let is_refused = || login.is_over() || login.stdout().contains("too many logins");
    wait_until(SOON, "the login is let in or refused", || is_in() || is_refused());
    is_in().then_some(login)
}
