//! The queue of teardowns: retries, quarantine, bounds, and what the administrator sees of it.

use std::time::Duration;

use ck_tests::{ALICES, Guarded, Machine, wait_until};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(10);
/// All tries of a teardown, with the pauses between them: 1, 4 and 16 s.
const ALL_TRIES: Duration = Duration::from_secs(60);
const REMOVER: &str = "/usr/libexec/ck/ck-remove-directory";
/// A broker whose clocks run twenty times as fast, those of its children not: libfaketime(1).
const HASTY: [&str; 4] = [
    "env",
    "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "FAKETIME=+0 x20",
    "/usr/sbin/ck-broker",
];

fn teardowns(machine: &Machine) -> Vec<Value> {
    serde_json::from_str(&machine.host.run_ok(&["ckctl", "teardown", "list", "--json"])).expect("JSON")
}

const RETIRED: &str = "/run/user/.ck-retired";
const SWEEPS: &str = "case $* in *--sweep=*) exec $0.real \"$@\" ;; esac";

/// Puts a shell script in the remover's place, but for sweeping mount points away; the real one is then `$0.real`.
fn replace_remover(machine: &Machine, script: &str) {
    machine.host.run_ok(&["mv", REMOVER, &format!("{REMOVER}.real")]);
    machine.host.write_file(REMOVER, format!("#!/bin/sh\n{SWEEPS}\n{script}\n"), 0o755);
}

#[test]
fn what_cannot_be_removed_is_quarantined_shown_and_tried_again_on_demand() {
    let guarded = Guarded::up_kind("directory");
    let machine = &guarded.machine;
    let login = machine.host.spawn(&[
        "su",
        "alice",
        "-c",
        "cd $XDG_RUNTIME_DIR; mkdir -p a/b; touch a/b/x a/b/y log; sleep 60",
    ]);
    wait_until(SOON, "the login", || machine.host.metadata("/run/user/2001/log").is_some());
    machine.host.run_ok(&["chattr", "+i", "/run/user/2001/a/b/x"]);
    machine.host.run_ok(&["chattr", "+a", "/run/user/2001/log"]);
    drop(login);
    wait_until(SOON, "the directory is out of its place", || !machine.has_alices());
    // The next login is well, while the old directory is still tried.
    assert_eq!(guarded.session("ls -A; pwd"), ALICES);

    wait_until(SOON, "the first failure is shown", || {
        teardowns(machine).iter().any(|job| job["failures"] != 0)
    });
    let waiting = teardowns(machine).remove(0);
    assert_eq!((&waiting["state"], &waiting["uid"]), (&"waiting".into(), &2001.into()));
    assert!(waiting["next_try"].is_string(), "{waiting}");
    wait_until(ALL_TRIES, "it is given up", || teardowns(machine)[0]["state"] == "quarantined");
    let given_up = teardowns(machine).remove(0);
    assert_eq!((&given_up["failures"], &given_up["next_try"]), (&4.into(), &Value::Null));
    let reason = given_up["reason"].as_str().expect("a reason");
    assert!(reason.contains("EPERM") && reason.contains("/run/user/.ck-retired/2001-"), "{reason}");
    let path = given_up["path"].as_str().expect("a path");
    let left = machine.host.run_ok(&["sh", "-c", &format!("cd {path} && find . | sort")]);
    assert_eq!(left, ".\n./a\n./a/b\n./a/b/x\n./log", "everything else is gone");
    let log = machine.broker().stderr();
    assert!(
        log.contains("/a/b/x: ") && log.contains("/log: ") && log.contains("given up after 4 tries"),
        "{log}"
    );
    let table = machine.host.run_ok(&["ckctl", "teardown", "list"]);
    assert!(table.contains("quarantined") && table.ends_with("1 teardown listed."), "{table}");
    assert!(machine.host.run_ok(&["ckctl", "status"]).contains("1 teardown failed: see ckctl teardown list"));

    let bob = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", "ckctl", "teardown", "retry"];
    let refused = machine.host.run(&bob);
    assert_eq!((refused.status.code(), refused.stderr.lines().count()), (Some(1), 1), "{refused:?}");
    assert_eq!(machine.host.run(&["ckctl", "teardown", "retry", "99"]).status.code(), Some(1));

    machine.host.run_ok(&["chattr", "-i", &format!("{path}/a/b/x")]);
    machine.host.run_ok(&["chattr", "-a", &format!("{path}/log")]);
    let id = given_up["id"].as_str().expect("an id");
    assert_eq!(machine.host.run_ok(&["ckctl", "teardown", "retry", id]), "1 tried again.");
    guarded.assert_gone_and_unharmed();
    assert_eq!(machine.host.run_ok(&["ckctl", "teardown", "retry"]), "0 tried again.");
    assert_eq!(machine.host.run_ok(&["ckctl", "teardown", "list"]), "No teardowns.");
}

#[test]
fn what_cannot_be_removed_from_a_tmpfs_goes_with_it() {
    let guarded = Guarded::up_kind("tmpfs");
    let machine = &guarded.machine;
    let login = machine.host.spawn(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/x; sleep 60"]);
    wait_until(SOON, "the login", || machine.host.metadata("/run/user/2001/x").is_some());
    machine.host.run_ok(&["chattr", "+i", "/run/user/2001/x"]);
    drop(login);
    guarded.assert_gone_and_unharmed();
}

#[test]
fn a_worker_that_is_killed_is_followed_by_another() {
    let guarded = Guarded::up_kind("directory");
    // Kills itself the first two times, at different moments.
    replace_remover(
        &guarded.machine,
        "n=$(cat /tmp/tries 2>/dev/null || echo 0); echo $((n + 1)) >/tmp/tries\n\
         [ $n = 0 ] && kill -9 $$\n\
         [ $n = 1 ] && { $0.real \"$@\" & sleep 0.002; kill -9 $! $$; }\n\
         exec $0.real \"$@\"",
    );
    guarded.session("for i in $(seq 3000); do echo >f$i; done; mkdir -p a/b/c");
    guarded.assert_gone_and_unharmed();
    assert_eq!(guarded.machine.host.read_file("/tmp/tries").trim(), "3");
}

/// Nobody has to log in, or to start the broker again, for that.
#[test]
fn a_directory_that_cannot_be_retired_is_tried_again() {
    let guarded = Guarded::up_kind("directory");
    let machine = &guarded.machine;
    let login = guarded.log_in("touch file");
    machine.host.run_ok(&["chattr", "+i", RETIRED]);
    login.log_out();
    wait_until(SOON, "a word about it", || {
        machine.broker().stderr().contains("cannot move /run/user/2001 to /run/user/.ck-retired")
    });
    assert!(machine.has_alices());
    let status = machine.host.run_ok(&["ckctl", "status"]);
    assert!(
        status.contains("cannot retire the runtime directory of uid 2001, who has left: cannot move"),
        "{status}"
    );
    machine.host.run_ok(&["chattr", "-i", RETIRED]);
    guarded.assert_gone_and_unharmed();
}

/// In the middle of its work the directory is root's, so that nobody makes names in it.
#[test]
fn what_a_killed_worker_had_taken_from_its_owner_goes_too() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["install", "-d", "-m", "3700", "/run/user/.ck-retired/2001-0/sub"]);
    machine.host.run_ok(&["touch", "/run/user/.ck-retired/2001-0/sub/file"]);
    machine.host.run_ok(&["chmod", "3700", "/run/user/.ck-retired/2001-0"]);
    machine.start_broker(&[]);
    machine.await_nothing_left();
}

#[test]
fn workers_stand_back_behind_logins() {
    let guarded = Guarded::up_kind("directory");
    let machine = &guarded.machine;
    // Held up, until its priority and that of its child have been seen.
    let login = guarded.log_in("touch file");
    replace_remover(
        machine,
        "exec strace -f -qq -e trace=unlinkat -e inject=unlinkat:delay_enter=1s -o /dev/null $0.real \"$@\"",
    );
    login.log_out();
    let nice = || machine.host.run(&["ps", "-C", "ck-remove-direc", "-o", "ni="]).stdout;
    wait_until(SOON, "both stand back", || {
        let nice = nice();
        nice.lines().count() >= 2 && nice.lines().all(|nice| nice.trim() == "5")
    });
    guarded.assert_gone_and_unharmed();
}

#[test]
fn a_worker_that_has_no_memory_is_followed_by_another() {
    let guarded = Guarded::up_kind("directory");
    replace_remover(
        &guarded.machine,
        // The first one has as little memory as lets it begin, and no more.
        "n=$(cat /tmp/tries 2>/dev/null || echo 0); echo $((n + 1)) >/tmp/tries\n\
         [ $n = 0 ] || exec $0.real \"$@\"\n\
         for bytes in $(seq 1000000 25000 9000000); do\n\
             prlimit --as=$bytes $0.real --version 2>&1 | grep -q 'memory allocation' && break\n\
         done\n\
         exec prlimit --as=$bytes $0.real \"$@\"",
    );
    guarded.session("for i in $(seq 3000); do echo >f$i; done; mkdir -p a/b/c");
    guarded.assert_gone_and_unharmed();
    assert_eq!(guarded.machine.host.read_file("/tmp/tries").trim(), "2");
    let log = guarded.machine.broker().stderr();
    assert!(log.contains("memory allocation"), "it did not run out of memory: {log}");
}

#[test]
fn few_workers_run_at_once_and_one_for_each_user() {
    let mut machine = Machine::installed();
    replace_remover(
        &machine,
        "echo \"start $*\" >>/tmp/log; sleep 0.3; $0.real \"$@\"; s=$?; echo \"end $*\" >>/tmp/log; exit $s",
    );
    machine.host.run_ok(&["install", "-d", "-m", "700", "/run/user/.ck-retired"]);
    for number in 0..14 {
        let uid = (3001 + number / 2).to_string();
        let path = format!("/run/user/.ck-retired/{uid}-{number}");
        machine.host.run_ok(&["install", "-d", "-m", "700", "-o", &uid, &path]);
    }
    machine.start_broker(&[]);
    machine.await_nothing_left();
    let log = machine.host.read_file("/tmp/log");
    let mut running: Vec<&str> = Vec::new();
    let (mut most, mut last) = (0, std::collections::HashMap::new());
    for line in log.lines() {
        let (event, arguments) = line.split_once(' ').expect("a line");
        let (uid, number) = arguments
            .split_once("--dest=")
            .expect("a path")
            .1
            .split_once(' ')
            .expect("an end")
            .0
            .rsplit_once('/')
            .expect("a name")
            .1
            .split_once('-')
            .expect("uid and number");
        if event == "end" {
            running.retain(|other| *other != uid);
            continue;
        }
        assert!(!running.contains(&uid), "two workers for uid {uid}\n{log}");
        running.push(uid);
        most = most.max(running.len());
        let number: u32 = number.parse().expect("a number");
        assert!(last.insert(uid, number).is_none_or(|before| before < number), "out of order\n{log}");
    }
    assert_eq!((most, log.lines().count()), (4, 28));
}

#[test]
fn the_directory_stays_as_long_as_configured_for_who_comes_back() {
    let guarded = Guarded::up("[runtime_dir]\nstop_delay = \"3s\"\n");
    guarded.session("touch kept");
    assert_eq!(guarded.session("ls"), "kept");
    std::thread::sleep(Duration::from_millis(1600));
    assert_eq!(guarded.session("ls"), "kept", "the delay begins anew with each logout");
    std::thread::sleep(Duration::from_millis(1600));
    assert!(guarded.machine.has_alices());
    guarded.assert_gone_and_unharmed();
    assert_eq!(guarded.session("ls"), "");
    guarded.assert_gone_and_unharmed();
}

#[test]
fn a_tmpfs_is_limited_as_configured() {
    let guarded = Guarded::up("[runtime_dir]\nsize = \"4m\"\ninodes = 50\nnoexec = true\n");
    let told = guarded.session(
        "grep -o 'noexec' <(grep \" $PWD \" /proc/mounts); stat -f -c '%b %S %c' .; \
         for i in $(seq 100); do : >f$i; done 2>/dev/null; ls | wc -l; cp /bin/true f1; chmod +x f1; ./f1 || echo $?",
    );
    assert_eq!(told, "noexec\n1024 4096 50\n49\n126");
    guarded.assert_gone_and_unharmed();

    let guarded = Guarded::up("[runtime_dir]\nsize = \"4m\"\n");
    assert_eq!(guarded.session("stat -f -c %c ."), "1024", "one inode per 4 KiB");
    guarded.assert_gone_and_unharmed();
}

/// A worker that waits for a FUSE server in the kernel cannot be killed. Ours never does; here it is made to.
#[test]
fn a_worker_that_not_even_sigkill_ends_is_abandoned_and_never_waited_for() {
    let guarded = Guarded::up_by(&HASTY, "[runtime_dir]\nkind = \"directory\"\n");
    let machine = &guarded.machine;
    machine.host.write_file(
        "/tmp/fuse-server",
        std::fs::read(env!("CARGO_BIN_EXE_fuse-server")).expect("a program"),
        0o755,
    );
    let serve = "mkdir /mnt/hung; exec 0<>/dev/fuse; \
                 mount -i -t fuse -o fd=0,rootmode=40000,user_id=0,group_id=0 hung /mnt/hung; exec /tmp/fuse-server hung";
    let server = machine.host.spawn(&["bash", "-c", serve]);
    wait_until(SOON, "the mount", || machine.host.read_file("/proc/1/mounts").contains("/mnt/hung"));
    replace_remover(machine, "exec cat /mnt/hung/file");
    guarded.session("touch file");
    // It is killed after 65 s of the broker's, and given up 5 s later.
    wait_until(SOON * 3, "it is abandoned", || teardowns(machine)[0]["state"] == "abandoned");
    assert!(
        teardowns(machine)[0]["reason"].as_str().is_some_and(|reason| reason.contains("hangs in the kernel"))
    );
    assert!(
        machine
            .host
            .run_ok(&["ckctl", "status"])
            .contains("1 teardown hanging in the kernel: see ckctl teardown list")
    );
    assert_eq!(machine.host.run_ok(&["su", "bob", "-c", "echo $XDG_RUNTIME_DIR"]), "/run/user/2002");

    machine.host.run_ok(&["mv", &format!("{REMOVER}.real"), REMOVER]);
    server.signal(rustix::process::Signal::KILL);
    guarded.assert_gone_and_unharmed();
}
