//! T31: subscribers who read nothing.

use std::time::Duration;

use ck_tests::{ALICES, Guarded, Machine, Running, wait_until};
use serde_json::Value;

use super::{SOON, await_subscribers, install_subscriber};

/// What the broker's limits let in of one uid, and of uids without a session together; root has places besides.
const EACH: usize = 8;
const OTHERS: usize = 16;
const ROOTS: usize = 56;
/// Each is four changes. More than the broker keeps, and a connection takes in unread.
const LOGINS: &str = "2500";
/// How much more memory, in KiB, the broker may hold while it keeps changes for them: twice what it keeps at most.
const BOUND: u64 = 4096;
/// How many times as long as before a login may take.
const SLOWER: u64 = 10;
const LIMIT: Duration = Duration::from_secs(60);

/// Resident, in KiB.
fn memory(machine: &Machine) -> u64 {
    let rollup = machine.host.read_file(&format!("/proc/{}/smaps_rollup", machine.broker().pid()));
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).expect("Rss");
    line.trim().trim_end_matches(" kB").parse().expect("KiB")
}

fn logins(machine: &Machine, count: &str) -> u64 {
    let done = machine.host.run_within(LIMIT, &["subscriber", "logins", "2002", count]);
    assert!(done.status.success(), "{}", done.stderr);
    done.stdout.trim().parse().expect("microseconds")
}

/// Subscribers who read nothing, and how many of them were let in.
fn stall(machine: &Machine, uid: &str, step: &str, count: &str, admitted: usize) -> Running {
    let stalled = machine.host.spawn(&["subscriber", "stall", uid, step, count]);
    wait_until(SOON, "they have subscribed", || {
        assert!(!stalled.is_over(), "{}", stalled.stderr());
        stalled.stdout().contains(" of ")
    });
    assert_eq!(stalled.stdout(), format!("{admitted} of {count}\n"));
    stalled
}

#[test]
fn stalled_subscribers_delay_no_login_take_little_and_are_told_what_they_missed() {
    let guarded = Guarded::up("");
    let machine = &guarded.machine;
    install_subscriber(machine);
    let alone = logins(machine, "300");
    let memory_before = memory(machine);

    let others = ["3001", "3002"].map(|uid| stall(machine, uid, "0", "100", EACH));
    let roots = stall(machine, "0", "0", &(ROOTS - 1).to_string(), ROOTS - 1);
    let reader = machine.host.spawn(&["ckctl", "watch", "--json"]);
    await_subscribers(machine, OTHERS + ROOTS);
    let refused = machine.host.run(&["setpriv", "--reuid=3001", "ckctl", "watch"]);
    assert_eq!((refused.status.code(), refused.stdout.as_str()), (Some(3), ""));
    assert_eq!(refused.stderr, "ckctl: too many subscribers: end some\n");

    let crowded = logins(machine, LOGINS);
    println!("login, median in microseconds: alone {alone}, with stalled subscribers {crowded}");
    assert!(crowded <= SLOWER * alone, "{crowded} microseconds for a login, {alone} without subscribers");
    for _ in 0..5 {
        assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
    }
    machine.host.run_ok(&["setpriv", "--reuid=2001", "ckctl"]);
    let memory_then = memory(machine);
    println!("broker, KiB: {memory_before} before, {memory_then} with stalled subscribers");
    assert!(memory_then <= memory_before + BOUND, "{memory_before} KiB before, {memory_then} now");

    // Whoever reads missed nothing by that.
    machine.await_nothing_left();
    let last_seen = || {
        let told = reader.stdout();
        let last: Value = serde_json::from_str(told.lines().next_back()?).ok()?;
        Some(last["event"] == "teardown_finished" && told.matches("\"uid\":2001,").count() >= 5 * 6)
    };
    wait_until(SOON, "the reader has seen everything", || last_seen() == Some(true));
    let told = reader.stdout();
    assert!(!told.contains("\"event\":\"lost\""), "the reader has lost something");
    assert!(told.matches("\"event\":\"session_added\"").count() >= 2505);

    wait_until(SOON, "the broker is idle, though the others have not been told", || {
        let before = machine.broker_ticks();
        std::thread::sleep(Duration::from_millis(500));
        machine.broker_ticks() == before
    });

    // The others are told how much they missed.
    machine.host.write_file("/tmp/read", "", 0o644);
    for mut stalled in others.into_iter().chain([roots]) {
        assert!(stalled.wait(LIMIT).is_some_and(|status| status.success()), "{}", stalled.stderr());
        let told = stalled.stdout();
        let (_, lost) = told.trim().rsplit_once("lost ").expect("how much was lost");
        assert!(lost.parse::<u64>().expect("a count") > 1000, "{told}");
    }
    await_subscribers(machine, 1);
    drop(reader);
    await_subscribers(machine, 0);
    guarded.assert_gone_and_unharmed();
}

/// Without a session, as those who have taken all that there is for them.
#[test]
fn who_does_not_listen_yet_gets_the_place_of_somebody_who_listens_by_many_connections() {
    let machine = Machine::up();
    install_subscriber(&machine);
    let _others = ["3001", "3002"].map(|uid| stall(&machine, uid, "0", "100", EACH));
    await_subscribers(&machine, OTHERS);
    let watches: Vec<Running> = ["2004", "2005", "2006"]
        .map(|uid| machine.host.spawn(&["setpriv", &format!("--reuid={uid}"), "ckctl", "watch"]))
        .into();
    for watch in &watches {
        wait_until(SOON, "the snapshot is shown", || watch.stdout().contains("changes follow\n"));
    }
    await_subscribers(&machine, OTHERS);
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    for watch in &watches {
        wait_until(SOON, "the change", || watch.stdout().contains("user alice (2001) has left\n"));
        assert!(!watch.is_over(), "{}", watch.stderr());
    }
}

#[test]
fn a_subscriber_that_asks_for_something_is_refused_and_hung_up_on() {
    let machine = Machine::up();
    install_subscriber(&machine);
    let told = machine.host.run_ok(&["subscriber", "chat"]);
    assert_eq!(told, "Invalid: a subscriber can only listen: ask by another connection");
    await_subscribers(&machine, 0);
}

/// `SO_PASSRIGHTS` fails with ENOPROTOOPT, as before Linux 6.16: a seccomp(2) filter, made as in `older_kernel`.
const CANNOT_REFUSE: &str = r#"
    my ($prctl, $setsockopt) = `uname -m` =~ /x86_64/ ? (157, 54) : (167, 208);
    my $code = join "", map { pack "SCCL", @$_ }
        [0x20, 0, 0, 0],
        [0x15, 0, 3, $setsockopt],
        [0x20, 0, 0, 32],
        [0x15, 0, 1, 83],
        [0x06, 0, 0, 0x50000 | 92],
        [0x06, 0, 0, 0x7fff0000];
    my $program = pack "Sx6P", length($code) / 8, $code;
    syscall($prctl, 22, 2, $program) == 0 or die "PR_SET_SECCOMP: $!";
    exec @ARGV or die "$ARGV[0]: $!";
"#;

/// What the kernel lets through is neither taken nor closed by the broker: see `net/deferred_close.rs`.
#[test]
fn a_subscriber_that_pushes_a_descriptor_is_hung_up_on_where_the_kernel_lets_it_through() {
    let guarded = Guarded::up_by(&["perl", "-e", CANNOT_REFUSE, "/usr/sbin/ck-broker"], "");
    let machine = &guarded.machine;
    install_subscriber(machine);
    assert_eq!(machine.host.run_ok(&["subscriber", "push"]), "taken");
    await_subscribers(machine, 0);
    guarded.assert_gone_and_unharmed();
}
