//! Hundreds of one user's hooks keep nobody else's login waiting.

use std::time::Duration;

use ck_tests::{ALICES, Machine, Running, wait_until};

use super::{ETC, SOON, await_hooks, hook, machine, status};

const CHURN: &str = "/usr/local/bin/churn";
/// As many logins at the same time as there are lines in a crontab of alice's.
const LINES: u32 = 300;
/// How long a hook takes with each of them: as many as there are would take a minute.
const SLOW: &str = "[ $CK_SESSION_USER_UID != 2001 ] || sleep 3";
/// So many wait at least all the time, also where there is not room for all.
const MANY: u64 = 20;
const LOGINS: usize = 15;
/// Who has sessions now, and which directory.
const WHERE: &str = "echo ${XDG_SESSION_ID:+in} $XDG_RUNTIME_DIR";

/// Alice's logins, all at once. They open sessions as the module does, and stay.
fn crontab(machine: &Machine) -> Running {
    let churn = std::fs::read(env!("CARGO_BIN_EXE_churn")).expect("a program of ours");
    machine.host.write_file(CHURN, churn, 0o755);
    let start = format!(
        "mkfifo /tmp/never; exec 3<>/tmp/never; for i in $(seq {LINES}); do {CHURN} leader 2001 waits <&3 & done; wait"
    );
    let logins = machine.host.spawn(&["sh", "-c", &start]);
    wait_until(SOON, "they have come", || status(machine)["hooks_waiting"].as_u64() > Some(MANY));
    logins
}

/// Bob and root log in, again and again, and each login has a session within its module's time.
fn others_log_in(machine: &Machine) {
    for _ in 0..LOGINS {
        assert_eq!(machine.host.run_ok(&["su", "bob", "-c", WHERE]), "in /run/user/2002");
        assert_eq!(machine.host.run_ok(&["ssh", "bob@127.0.0.1", WHERE]), "in /run/user/2002");
        assert_eq!(machine.host.run_ok(&["su", "root", "-c", WHERE]), "in");
    }
    assert!(status(machine)["hooks_waiting"].as_u64() > Some(MANY), "it was over before");
}

fn ends(machine: &Machine, logins: Running) {
    drop(logins);
    machine.host.run(&["pkill", "-9", "-x", "churn"]);
    machine.host.write_file(&format!("{ETC}/x.ck"), "#!/bin/sh\n", 0o755);
    await_hooks(machine, Duration::from_secs(60));
    machine.await_nothing_left();
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
}

#[test]
fn hundreds_of_one_users_hooks_cost_nobody_elses_login_its_session() {
    let machine = machine("[hooks]\nwait_added = true\n");
    hook(&machine, &format!("{ETC}/x.ck"), SLOW);
    let logins = crontab(&machine);
    others_log_in(&machine);
    ends(&machine, logins);
}

/// With few descriptors there are few connections as well, and each login that waits takes one.
#[test]
fn hundreds_of_logins_that_wait_take_nobody_elses_connection() {
    let mut machine = machine("[hooks]\nwait_added = true\n");
    drop(machine.broker.take());
    machine.start_broker_by(&["prlimit", "--nofile=1024:1024", "/usr/sbin/ck-broker"], &[]);
    hook(&machine, &format!("{ETC}/x.ck"), SLOW);
    let logins = crontab(&machine);
    assert!(machine.broker().stderr().contains("does not wait: too many logins do"));
    others_log_in(&machine);
    ends(&machine, logins);
}
