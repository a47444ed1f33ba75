//! What `docs/TROUBLESHOOTING.md` says is printed is printed, and what it says to type helps.

use std::time::Duration;

use ck_tests::{Machine, Output, wait_until};
use rustix::process::Signal;

const DOCUMENT: &str = include_str!("../../../docs/TROUBLESHOOTING.md");
const SOON: Duration = Duration::from_secs(10);
const COMMON_SESSION: &str = "/etc/pam.d/common-session";
const MODULES: &str = "/usr/lib/*/security";

/// Asserts that the document has `message`, in which numbers may differ from one time to the next.
fn assert_documented(message: &str) {
    assert!(DOCUMENT.contains(message.trim()), "docs/TROUBLESHOOTING.md does not have: {message}");
}

/// Runs a line of the document, which is there word for word.
fn type_in(machine: &Machine, line: &str) -> String {
    assert!(DOCUMENT.contains(line), "docs/TROUBLESHOOTING.md does not say: {line}");
    shell(machine, line)
}

fn shell(machine: &Machine, line: &str) -> String {
    machine.host.run_ok(&["sh", "-c", &format!("export DEBIAN_FRONTEND=noninteractive; {line}")])
}

fn log_in(machine: &Machine) -> Output {
    machine.host.run(&["ssh", "alice@127.0.0.1", "echo in"])
}

/// What the module last said of ssh, when it has said so `count` times.
fn told(machine: &Machine, count: usize) -> String {
    const HEAD: &str = "pam_ck(sshd:session): ";
    let lines = || machine.host.syslog().matches(HEAD).count();
    wait_until(SOON, &format!("{count} lines of the module's"), || lines() == count);
    let log = machine.host.syslog();
    log.lines().filter_map(|line| line.split_once(HEAD)).next_back().expect("a line").1.to_owned()
}

/// With no broker, one that was killed and one that stands still, everybody is let in, and the words are those of the document.
#[test]
fn what_is_said_when_the_broker_is_not_well() {
    let mut machine = Machine::installed();
    let ask = |machine: &Machine, count| {
        assert_eq!(log_in(machine).stdout, "in\n");
        assert_documented(&told(machine, count));
    };
    ask(&machine, 1);
    machine.start_broker(&[]);
    machine.broker().signal(Signal::KILL);
    wait_until(SOON, "the broker is dead", || machine.broker().is_over());
    ask(&machine, 2);
    machine.start_broker(&[]);
    machine.broker().signal(Signal::STOP);
    ask(&machine, 3);
    type_in(&machine, "kill -CONT $(cat /run/ck-broker/state/lock)");
    machine.await_nothing_left();
}

/// The three ways of naming the module, without a broker and without the module.
#[test]
fn what_keeps_people_out() {
    let machine = Machine::installed();
    let name =
        |line: &str| shell(&machine, &format!("sed -i 's/^session.*pam_ck.so.*/{line}/' {COMMON_SESSION}"));
    let su = || machine.host.run(&["su", "-l", "alice", "-c", "echo in"]);
    let [optional, required, strict] =
        ["optional pam_ck.so", "required pam_ck.so", "required pam_ck.so strict"]
            .map(|line| format!("session {line}"));
    for line in [&optional, &required, &strict] {
        assert_documented(&format!("| `{line}` |"));
        name(line);
        if *line == strict {
            assert_documented(&su().stderr);
            assert_eq!(log_in(&machine).status.code(), Some(254));
            assert!(told(&machine, 3).ends_with("; no login, by the option strict"));
        } else {
            assert_eq!(
                (su().stdout, log_in(&machine).stdout),
                ("in\n".to_owned(), "in\n".to_owned()),
                "{line}"
            );
        }
    }
    shell(&machine, &format!("mv {MODULES}/pam_ck.so /tmp"));
    name(&required);
    assert_documented(&su().stderr);
    assert_eq!(log_in(&machine).status.code(), Some(254));
    name(&optional);
    assert_eq!(log_in(&machine).stdout, "in\n");
    let missing = "PAM unable to dlopen(pam_ck.so)";
    assert_documented(missing);
    assert!(machine.host.syslog().contains(missing));
}

/// Each way of taking the module out of PAM takes it out, and brings it back.
#[test]
fn taking_the_module_out() {
    let machine = Machine::up();
    let is_asked = || machine.host.run_ok(&["ssh", "alice@127.0.0.1", "env"]).contains("XDG_SESSION_ID=");
    assert!(is_asked());
    type_in(&machine, "pam-auth-update --disable ck");
    assert!(!is_asked());
    // As any other package does.
    shell(&machine, "pam-auth-update --package");
    assert!(!is_asked(), "it stays out");
    type_in(&machine, "pam-auth-update --enable ck");
    assert!(is_asked());
    shell(&machine, "pam-auth-update --remove ck; pam-auth-update --package");
    assert!(is_asked(), "--remove does not last, as the document says");
    type_in(&machine, r"sed -i '/pam_ck\.so/s/^/#/' /etc/pam.d/*");
    assert!(!is_asked());
    let refused =
        machine.host.run(&["env", "DEBIAN_FRONTEND=noninteractive", "pam-auth-update", "--package"]);
    assert!(
        refused.stderr.contains("Local modifications to /etc/pam.d/common-*, not updating."),
        "{refused:?}"
    );
    type_in(&machine, r"sed -i '/pam_ck\.so/s/^#//' /etc/pam.d/*");
    assert!(is_asked());
    shell(&machine, "pam-auth-update --package");
    machine.await_nothing_left();
}

#[test]
fn what_the_broker_says() {
    let mut machine = Machine::installed();
    shell(
        &machine,
        "mkdir -p /etc/ck && printf '[runtime_dir]\\nkind = \"directory\"\\n' >/etc/ck/broker.toml",
    );
    machine.start_broker(&[]);
    let said = |words: &str| {
        let has = || machine.broker().stderr().contains(words);
        wait_until(SOON, words, has);
        let all = machine.broker().stderr();
        let line = all.lines().find(|line| line.contains(words)).expect("just seen").to_owned();
        line.trim_start_matches("ck-broker: ").to_owned()
    };
    machine.host.run_ok(&["mkdir", "-m", "755", "/run/user/2002"]);
    let env = machine.host.run_ok(&["su", "-l", "bob", "-c", "env"]);
    assert!(env.contains("XDG_SESSION_ID=") && !env.contains("XDG_RUNTIME_DIR="), "{env}");
    assert_documented(&said("not used"));
    machine.host.run_ok(&["rmdir", "/run/user/2002"]);
    let session = machine.host.spawn(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/x; sleep 60"]);
    wait_until(SOON, "the file is there", || machine.host.metadata("/run/user/2001/x").is_some());
    shell(&machine, "chattr +i /run/user/2001/x");
    drop(session);
    assert_documented(said("EPERM").trim_start_matches("warning: teardown: "));
    shell(&machine, "chattr -i /run/user/.ck-retired/2001-0/d/x");
    machine.host.write_file("/etc/ck/broker.toml", "[runtime_dir]\nkindd = 1\n", 0o644);
    assert_eq!(machine.host.run(&["ck-broker", "--check-config"]).status.code(), Some(2));
    machine.broker().signal(Signal::HUP);
    let status = || machine.host.run_ok(&["ckctl", "status"]);
    wait_until(SOON, "the configuration is read", || !status().contains("all is well"));
    assert_documented(status().lines().next().expect("a line"));
    machine.await_nothing_left();
}
