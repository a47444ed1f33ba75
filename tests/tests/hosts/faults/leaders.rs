//! The leader is a process, whatever it does: what it leaves running is not it, and what it becomes is.

use ck_tests::{ALICES, Machine, wait_until};

use super::{SOON, apply, install_application};

/// Sockets are all that the module ever opens; who runs the tests may hand on files and pipes.
fn assert_holds_no_socket(machine: &Machine, pid: &str) {
    let look = format!("cd /proc/{pid}/fd; for n in *; do echo $n $(readlink $n); done");
    let held = machine.host.run_ok(&["sh", "-c", &look]);
    assert!(held.contains("0 /dev/null") && !held.contains("socket:"), "{held}");
}

fn is_there(machine: &Machine, pid: &str) -> bool {
    machine.host.run(&["kill", "-0", pid]).status.success()
}

#[test]
fn a_leader_that_leaves_a_child_behind_has_left() {
    let machine = Machine::up();
    install_application(&machine, "");
    apply(&machine, &["open", "spawn", "echo $$ >/tmp/child; exec sleep 60", "await", "/tmp/child", "leave"]);
    machine.await_nothing_left();
    let child = machine.host.read_file("/tmp/child").trim().to_owned();
    assert!(is_there(&machine, &child), "the child lives on");
    assert_holds_no_socket(&machine, &child);
}

#[test]
fn a_login_that_is_killed_ends_though_its_shell_lives_on() {
    let machine = Machine::up();
    let mut login = machine.host.on_terminal(&["login", "-f", "alice"]);
    login.expect("$ ", SOON);
    login.send("trap '' HUP TERM; echo $$ >/tmp/shell; while :; do sleep 1; done");
    wait_until(SOON, "the shell's loop", || {
        machine.host.metadata("/tmp/shell").is_some_and(|file| file.len() > 0)
    });
    machine.host.run_ok(&["kill", "-9", &machine.session()["leader_pid"].to_string()]);
    machine.await_nothing_left();
    assert!(is_there(&machine, machine.host.read_file("/tmp/shell").trim()));
    assert!(!machine.has_alices());
}

#[test]
fn a_leader_that_becomes_another_program_stays_the_leader() {
    let machine = Machine::up();
    install_application(&machine, "");
    let leader = machine.host.spawn(&[
        "pam-application",
        "ck-test",
        "alice",
        "open",
        "exec",
        "echo $$ >/tmp/leader; exec sleep 60",
    ]);
    wait_until(SOON, "the other program", || {
        machine.host.metadata("/tmp/leader").is_some_and(|file| file.len() > 0)
    });
    let pid = machine.host.read_file("/tmp/leader").trim().to_owned();
    wait_until(SOON, "the other program", || {
        machine.host.run_ok(&["ps", "-o", "comm=", "-p", &pid]) == "sleep"
    });
    let session = machine.session();
    assert_eq!((session["leader_pid"].to_string(), &session["runtime_dir"]), (pid.clone(), &ALICES.into()));
    assert_holds_no_socket(&machine, &pid);
    machine.host.run_ok(&["kill", "-9", &pid]);
    machine.await_nothing_left();
    drop(leader);
}
