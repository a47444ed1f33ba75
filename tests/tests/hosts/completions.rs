//! Ids and names of users are completed: typed into real shells, which find our files where packages put them.

use std::time::Duration;

use ck_tests::{Kind, Machine, Options, Pty, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// A machine with these shells.
fn machine() -> Machine {
    let mut machine = Machine::installed_on(Options::default().kind(Kind::Shells));
    machine.start_broker(&[]);
    machine
}

/// Types a line with a tab at its end; what the command prints.
fn completed(shell: &mut Pty, line: &str) -> String {
    shell.send(&format!("{line}\t"));
    shell.send("echo do''ne");
    shell.expect("done", SOON)
}

fn ids_and_names_are_completed(command: &[&str], prepare: &str) {
    let machine = machine();
    let host = &machine.host;
    let _alice = host.spawn(&["ssh", "alice@127.0.0.1", "sleep 1000"]);
    machine.await_sessions(1);
    // A shell that knows nothing of ckctl would complete these names of files.
    host.run_ok(&["sh", "-c", "mkdir /tmp/here && touch /tmp/here/album /tmp/here/boat"]);
    let mut shell =
        host.on_terminal(&[&["env", "-C", "/tmp/here", "TERM=xterm", "HOME=/root"], command].concat());
    shell.send(&format!("{prepare}echo re''ady"));
    shell.expect("ready", SOON);

    for line in ["ckctl show al", "ckctl show --user al", "ckctl show --user=al", "ckctl --json list al"] {
        let told = completed(&mut shell, line);
        assert!(told.contains("Leader PID") || told.contains("leader_pid"), "{line}: {told:?}");
    }
    completed(&mut shell, "ckctl linger on bo");
    assert_eq!(host.run_ok(&["ckctl", "linger", "list", "--no-legend", "--columns", "user"]), "bob");
    // The only id that there is.
    completed(&mut shell, "ckctl terminate ");
    machine.await_sessions(0);
    completed(&mut shell, "ckctl linger off bo");
    wait_until(SOON, "bob lingers no more", || {
        host.run_ok(&["ckctl", "linger", "list", "--no-legend"]).is_empty()
    });
    machine.await_nothing_left();
}

#[test]
fn by_bash() {
    ids_and_names_are_completed(
        &["bash", "--norc", "--noprofile", "-i"],
        ". /usr/share/bash-completion/bash_completion; ",
    );
}

#[test]
fn by_zsh() {
    ids_and_names_are_completed(&["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; ");
}

#[test]
fn by_fish() {
    ids_and_names_are_completed(&["fish", "--private", "-i"], "");
}
