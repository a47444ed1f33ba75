//! A module with a fault in it, within real programs: they go on, and their users see nothing of it.

use ck_tests::Machine;

use super::{SOON, await_lines, built};

/// What the module says of a panic.
const LINE: &str = r"internal error: asked for\u{a}by the option; please report it";

/// A machine whose module panics at `place`.
fn with_fault(place: &str) -> Machine {
    let machine = Machine::up();
    let module = machine.host.run_ok(&["sh", "-c", "echo /usr/lib/*/security/pam_ck.so"]);
    machine.host.write_file(&module, built("fault/debug/libpam_ck.so"), 0o644);
    let edit = format!("s/.*pam_ck.so.*/session required pam_ck.so fault={place}/");
    machine.host.run_ok(&["sed", "-i", &edit, "/etc/pam.d/common-session"]);
    machine
}

/// Logs in and out in each way, and looks at all that the programs print.
fn assert_unseen(machine: &Machine) {
    let command = "echo in [$XDG_SESSION_ID$XDG_RUNTIME_DIR]";
    // Rust's own reporting of panics, had it not been replaced, would say even more with this.
    let trace = ["env", "RUST_BACKTRACE=full"];
    for way in [&["ssh", "-T", "alice@127.0.0.1"][..], &["su", "-l", "alice", "-c"], &["su", "alice", "-c"]] {
        let output = machine.host.run(&[&trace[..], way, &[command]].concat());
        assert!(output.status.success(), "{output:?}");
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("in []\n", ""), "{way:?}");
    }
    let mut login = machine.host.on_terminal(&[&trace[..], &["login", "-f", "alice"]].concat());
    login.expect("$ ", SOON);
    login.send("echo in''side [$XDG_SESSION_ID]; exit");
    let printed = login.expect("inside []", SOON);
    assert!(!printed.contains("panic") && !printed.contains("asked for"), "{printed}");
    assert!(login.wait(SOON).expect("login ends").success());
}

/// `count` lines from each of four logins.
fn assert_lines(machine: &Machine, count: usize) {
    let lines = await_lines(machine, 4 * count);
    assert!(lines.iter().all(|line| line.ends_with(LINE)), "{lines:#?}");
}

#[test]
fn a_module_that_panics_at_once() {
    let machine = with_fault("start");
    assert_unseen(&machine);
    // One at login, one at logout.
    assert_lines(&machine, 2);
    machine.await_nothing_left();
}

#[test]
fn a_module_that_panics_once_the_session_is_open() {
    let machine = with_fault("opened");
    assert_unseen(&machine);
    assert_lines(&machine, 1);
    let opened = machine.broker().stderr().lines().filter(|line| line.contains("ended")).count();
    assert_eq!(opened, 4, "the sessions were there, and their logouts ended them");
    machine.await_nothing_left();
}

#[test]
fn a_module_that_panics_in_a_login_that_must_have_a_session() {
    let machine = with_fault("start strict");
    let output = machine.host.run(&["su", "-l", "alice", "-c", "echo in"]);
    assert!(!output.status.success() && !output.stdout.contains("in"), "{output:?}");
    assert!(!output.stderr.contains("panic") && !output.stderr.contains("asked for"), "{output:?}");
}
