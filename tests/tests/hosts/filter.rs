//! The filter of a container (seccomp(2)), which refuses single newer calls: docs/KERNEL.md.
//!
//! Either the programs do without the call, or the broker says so at its start and in `ckctl status`.

use std::collections::BTreeSet;
use std::time::Duration;

use ck_tests::older_kernel::refusing;
use ck_tests::{ALICES, Guarded, Machine, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(10);
/// What happens without which call.
const TABLE: &str = include_str!("../../../docs/KERNEL.md");
const BROKER: &str = "/usr/sbin/ck-broker";
const REMOVER: [&str; 3] = ["/usr/libexec/ck/ck-remove-directory", "--uid=2001", "--dest=/run/user/2001"];
/// How a filter refuses a call.
const ERRNOS: [&str; 2] = ["EPERM", "ENOSYS"];
/// A login that leaves a tree which its user cannot remove without further ado.
const LEAVES: &str = "cd $XDG_RUNTIME_DIR && mkdir -p a/b/c d/e && touch a/b/c/file && ln -s / a/root && \
    for i in $(seq 80); do mkdir deep; cd deep; done && cd $XDG_RUNTIME_DIR && chmod 0 a/b/c a/b a d/e d && \
    chmod 400 deep && pwd";

/// A machine whose broker runs under a filter that refuses `calls`, with runtime directories of this kind.
fn up(kind: &str, errno: &'static str, calls: &[&'static str]) -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", format!("[runtime_dir]\nkind = \"{kind}\"\n"), 0o644);
    machine.start_broker_by(&[&refusing(errno, calls)[..], &[BROKER]].concat(), &[]);
    machine
}

/// Logs alice in under the same filter, and waits until nothing is left of her.
fn log_in_and_out(machine: &Machine, filter: &[&str]) {
    let login = [filter, &["su", "alice", "-s", "/bin/sh", "-c", LEAVES]].concat();
    assert_eq!(machine.host.run_ok(&login), ALICES);
    machine.await_nothing_left();
}

fn status(machine: &Machine) -> String {
    machine.host.run_ok(&["ckctl", "status"])
}

fn starts_without_a_filter_and_all_is_well(mut machine: Machine) {
    machine.broker.take().expect("a broker").signal(Signal::TERM);
    wait_until(SOON, "the broker ends", || !machine.host.run(&["ckctl", "status"]).status.success());
    machine.start_broker(&[]);
    assert!(status(&machine).contains("all is well"), "{}", status(&machine));
}

/// The remover follows names by itself, and what is lost is said: names are not looked up in the cache only.
#[test]
fn without_openat2_directories_of_either_kind_are_torn_down() {
    for (errno, kind) in ERRNOS.into_iter().flat_map(|errno| [(errno, "directory"), (errno, "tmpfs")]) {
        let filter = refusing(errno, &["openat2"]);
        let machine = up(kind, errno, &["openat2"]);
        log_in_and_out(&machine, &filter);
        assert!(!machine.broker().stderr().contains("teardown"), "{}", machine.broker().stderr());
        let under_it = machine.host.run_ok(&[&filter[..], &["ckctl", "status"]].concat());
        for said in [under_it, machine.broker().stderr()] {
            assert!(said.contains("a filter of system calls (seccomp) refuses openat2(2)"), "{said}");
        }
        starts_without_a_filter_and_all_is_well(machine);
    }
}

/// Mounts of root's inside are met and detached, and a tree that another process moves is left alone, as with openat2(2).
#[test]
fn without_openat2_no_mount_is_crossed() {
    let machine = up("directory", "EPERM", &["openat2"]);
    let login = machine.host.spawn(&[
        "su",
        "alice",
        "-s",
        "/bin/sh",
        "-c",
        "mkdir -p $XDG_RUNTIME_DIR/a/b; sleep 100",
    ]);
    wait_until(SOON, "the login", || machine.host.metadata("/run/user/2001/a/b").is_some());
    machine.host.run_ok(&[
        "sh",
        "-c",
        "mkdir /canary && touch /canary/file && mount --bind /canary /run/user/2001/a/b",
    ]);
    login.signal(Signal::KILL);
    machine.await_nothing_left();
    assert!(machine.host.metadata("/canary/file").is_some(), "what was mounted inside was emptied");
}

#[test]
fn the_broker_does_not_start_without_what_it_cannot_replace() {
    let machine = Machine::installed();
    for errno in ERRNOS {
        for (call, without) in [
            ("pidfd_open", "cannot watch processes"),
            ("pidfd_send_signal", "cannot end processes"),
            ("statx", "cannot tell mounts from directories"),
            ("clone3", "cannot start programs"),
        ] {
            // Where clone3(2) is not there, libc takes clone(2).
            if (call, errno) == ("clone3", "ENOSYS") {
                continue;
            }
            let tried = machine.host.run(&[&refusing(errno, &[call])[..], &[BROKER]].concat());
            assert_eq!(tried.status.code(), Some(1), "{call} {errno}: {}", tried.stderr);
            let expected = format!(
                "a filter of system calls (seccomp) refuses {call}(2), without which ck-broker {without}"
            );
            assert!(tried.stderr.contains(&expected), "{call} {errno}: {}", tried.stderr);
            assert_eq!(tried.stderr.lines().count(), 1, "{}", tried.stderr);
        }
    }
}

/// The places are then used as they are, as where nothing may be mounted; the call is named instead of a capability.
#[test]
fn without_a_call_for_mounting_directories_are_plain_and_it_is_said() {
    for (call, errno) in [
        ("fsopen", "EPERM"),
        ("fsconfig", "ENOSYS"),
        ("fsmount", "EPERM"),
        ("open_tree", "EPERM"),
        ("open_tree", "ENOSYS"),
        ("move_mount", "EPERM"),
        ("mount", "EPERM"),
        ("umount2", "ENOSYS"),
    ] {
        let machine = up("auto", errno, &[call]);
        log_in_and_out(&machine, &[]);
        let said = status(&machine);
        let expected = format!("(seccomp) refuses {call}(2), without which ck-broker cannot mount: allow it");
        assert_eq!(said.matches(&expected).count(), 2, "{call}: {said}");
        assert!(!said.contains("CAP_SYS_ADMIN"), "{said}");
        starts_without_a_filter_and_all_is_well(machine);
    }
}

/// What an earlier broker has mounted cannot be taken out of its place then.
#[test]
fn a_filter_that_comes_after_the_places_were_mounted_is_named() {
    let mut machine = Machine::up();
    machine.broker.take().expect("a broker").signal(Signal::KILL);
    let tried = machine.host.run(&[&refusing("EPERM", &["open_tree"])[..], &[BROKER]].concat());
    assert!(tried.stderr.contains("refuses open_tree(2)"), "{}", tried.stderr);
    assert_eq!(tried.status.code(), Some(1), "{}", tried.stderr);
}

/// A tree that changes all the time does not lead the remover out of it.
#[test]
fn without_openat2_races_lead_nowhere() {
    const HOSTILE: &str = env!("CARGO_BIN_EXE_hostile");
    let filter = refusing("EPERM", &["openat2"]);
    let guarded = Guarded::up_by(&[&filter[..], &[BROKER]].concat(), "[runtime_dir]\nkind = \"directory\"\n");
    let program = std::fs::read(HOSTILE).expect("the driver");
    guarded.machine.host.write_file("/usr/local/bin/hostile", program, 0o755);
    let script =
        "ln -s /canary link; ln -s /canary/f1 file-link; mkdir many; (cd many; seq 5000 | xargs touch)
hostile exchange x /canary & hostile exchange y /canary & hostile recreate z & sleep 0.3";
    for _ in 0..3 {
        guarded.log_in(script).log_out();
        guarded.machine.await_nothing_left();
    }
    guarded.assert_gone_and_unharmed();
}

/// What is done otherwise as well costs nothing.
#[test]
fn without_the_rest_all_is_well() {
    for errno in ERRNOS {
        let mut calls = vec!["close_range", "waitid", "SO_PASSRIGHTS", "SO_PEERPIDFD", "PIDFD_GET_INFO"];
        calls.extend((errno == "ENOSYS").then_some("clone3"));
        let machine = up("directory", errno, &calls);
        log_in_and_out(&machine, &refusing(errno, &["close_range"]));
        assert!(status(&machine).contains("all is well"), "{}", status(&machine));
    }
}

/// Landlock is the second line of defence. That it is missing is told in the summary.
#[test]
fn without_landlock_the_remover_goes_on() {
    let machine = Machine::installed();
    for errno in ERRNOS {
        for call in ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"] {
            machine.host.run_ok(&[
                "install",
                "-d",
                "-m",
                "700",
                "-o",
                "alice",
                ALICES,
                "/run/user/2001/deep",
            ]);
            let remover = [&refusing(errno, &[call])[..], &REMOVER, &["--json"]].concat();
            let summary = machine.host.run_ok(&remover);
            assert!(summary.contains("\"confined\":false"), "{summary}");
            assert!(!machine.has_alices());
        }
    }
}

/// Started by hand, the remover names what it lacks, and removes nothing.
#[test]
fn the_remover_without_pidfd_open_says_so() {
    let machine = Machine::installed();
    machine.host.run_ok(&["install", "-d", "-m", "700", "-o", "alice", ALICES, "/run/user/2001/deep"]);
    for errno in ERRNOS {
        let tried = machine.host.run(&[&refusing(errno, &["pidfd_open"])[..], &REMOVER].concat());
        assert!(tried.stderr.contains("cannot watch the child process (pidfd_open"), "{}", tried.stderr);
        assert!(machine.has_alices());
    }
}

/// The system calls since Linux 5.1, those with a number from 424 on. What strace(1) does not know is `syscall_0x…`.
const NEWER: [&str; 42] = [
    "pidfd_send_signal",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "pidfd_open",
    "clone3",
    "close_range",
    "openat2",
    "pidfd_getfd",
    "faccessat2",
    "process_madvise",
    "epoll_pwait2",
    "mount_setattr",
    "quotactl_fd",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
    "memfd_secret",
    "process_mrelease",
    "futex_waitv",
    "set_mempolicy_home_node",
    "cachestat",
    "fchmodat2",
    "map_shadow_stack",
    "futex_wake",
    "futex_wait",
    "futex_requeue",
    "statmount",
    "listmount",
    "lsm_get_self_attr",
    "lsm_set_self_attr",
    "lsm_list_modules",
    "mseal",
    "setxattrat",
    "open_tree_attr",
    "file_getattr",
];

/// A call that creeps in, also with a newer libc, has to be thought about: with which filter is it gone?
#[test]
fn every_newer_call_that_is_made_is_in_the_table() {
    let strace = ["strace", "-f", "-qq", "-o"];
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[runtime_dir]\nkind = \"directory\"\n", 0o644);
    machine.start_broker_by(&[&strace[..], &["/tmp/broker", BROKER]].concat(), &[]);
    log_in_and_out(&machine, &[&strace[..], &["/tmp/login"]].concat());
    let login =
        machine.host.spawn(&["su", "alice", "-s", "/bin/sh", "-c", "touch $XDG_RUNTIME_DIR/x; sleep 100"]);
    machine.await_sessions(1);
    for (number, verb) in ["list", "status", "users", "history", "terminate 2"].into_iter().enumerate() {
        let trace = format!("/tmp/ckctl-{number}");
        let words = [&trace, "ckctl"].into_iter().chain(verb.split(' '));
        machine.host.run_ok(&strace.into_iter().chain(words).collect::<Vec<_>>());
    }
    machine.await_nothing_left();
    drop(login);
    machine.host.run_ok(&[&strace[..], &["/tmp/stop", BROKER, "--stop"]].concat());
    let traces = machine.host.run_ok(&["sh", "-c", "cat /tmp/broker /tmp/login /tmp/ckctl-* /tmp/stop"]);
    let names = traces.lines().filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('('));
    let made: BTreeSet<&str> = names
        .map(|(name, _)| name)
        .filter(|name| NEWER.contains(name) || name.starts_with("syscall_"))
        .collect();
    assert!(made.len() > 10, "{made:?}");
    let missing: Vec<_> = made.iter().filter(|name| !TABLE.contains(&format!("`{name}`"))).collect();
    assert!(
        missing.is_empty(),
        "docs/KERNEL.md has no {missing:?}: what happens where a filter refuses them?"
    );
}
