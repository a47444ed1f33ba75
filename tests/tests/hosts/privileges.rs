//! What the broker and its workers may do: as docs/THREATS.md and `ck-broker/src/privileges.rs` have it.

use std::time::Duration;

use ck_tests::{ALICES, Guarded, Machine, wait_until};

// The numbers of linux/capability.h.
const CHOWN: u32 = 0;
const DAC_OVERRIDE: u32 = 1;
const KILL: u32 = 5;
const SETGID: u32 = 6;
const SETUID: u32 = 7;
const SETPCAP: u32 = 8;
const SYS_PTRACE: u32 = 19;
const SYS_ADMIN: u32 = 21;
const SYS_TTY_CONFIG: u32 = 26;
const AUDIT_WRITE: u32 = 29;
const BROKERS: [u32; 4] = [CHOWN, DAC_OVERRIDE, KILL, SYS_ADMIN];
const WORKERS: [u32; 8] = [CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID, SETPCAP, SYS_ADMIN, AUDIT_WRITE];

/// The sets in a text as proc_pid_status(5) has it: effective, permitted, inheritable, ambient, bounding.
fn sets(status: &str) -> [u64; 5] {
    ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a set");
        u64::from_str_radix(line.trim_start_matches(':').trim(), 16).expect("a number")
    })
}

fn mask(capabilities: &[u32]) -> u64 {
    capabilities.iter().map(|number| 1 << number).sum()
}

/// What workers can have on this machine: one more where there are virtual terminals.
fn workers() -> u64 {
    mask(&WORKERS) | if has_vts() { mask(&[SYS_TTY_CONFIG]) } else { 0 }
}

fn has_vts() -> bool {
    std::path::Path::new("/sys/class/tty/tty0/active").exists()
}

/// A machine without a broker. It has virtual terminals where the kernel has any.
fn installed() -> Machine {
    let machine = Machine::installed();
    if has_vts() {
        machine.host.run_ok(&["mknod", "/dev/tty0", "c", "4", "0"]);
    }
    machine
}

fn of_broker(machine: &Machine) -> [u64; 5] {
    sets(&machine.host.read_file(&format!("/proc/{}/status", machine.broker().pid())))
}

#[test]
fn the_broker_keeps_four_capabilities_and_its_workers_get_eight() {
    let guarded = Guarded::up_kind("directory");
    let machine = &guarded.machine;
    // There is no /dev/tty0, so there are no virtual terminals.
    let (own, workers) = (mask(&BROKERS), mask(&WORKERS));
    assert_eq!(of_broker(machine), [own, own, 0, 0, workers]);
    let remover = "/usr/libexec/ck/ck-remove-directory";
    machine.host.run_ok(&["mv", remover, &format!("{remover}.real")]);
    let script = "#!/bin/sh\ncat /proc/self/status >/tmp/status\nexec $0.real \"$@\"\n";
    machine.host.write_file(remover, script, 0o755);
    guarded.session("touch file");
    guarded.assert_gone_and_unharmed();
    assert_eq!(sets(&machine.host.read_file("/tmp/status")), [workers, workers, 0, 0, workers]);
}

#[test]
fn hooks_get_what_workers_get() {
    let mut machine = installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck/run-session.d"]);
    let hook = "#!/bin/sh\ncat /proc/self/status >/tmp/status\n";
    machine.host.write_file("/etc/ck/run-session.d/x.ck", hook, 0o755);
    machine.start_broker(&[]);
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    let found = || machine.host.run_ok(&["sh", "-c", "cat /tmp/status 2>/dev/null || true"]);
    wait_until(Duration::from_secs(10), "the hook has run", || found().contains("CapAmb"));
    let workers = workers();
    assert_eq!(sets(&found()), [workers, workers, 0, 0, workers]);
}

/// Without `CAP_SYS_PTRACE` it could not tell when a leader started, and would refuse every login. With a /proc of its own it can.
#[test]
fn where_proc_hides_processes_and_it_has_none_of_its_own_it_keeps_another() {
    let hidden = || {
        let machine = Machine::installed();
        machine.host.run_ok(&["mount", "-o", "remount,hidepid=2,gid=4711", "/proc"]);
        machine
    };
    let mut machine = hidden();
    machine.start_broker(&[]);
    assert_eq!(of_broker(&machine)[..2], [mask(&BROKERS); 2]);
    let mut machine = hidden();
    machine.start_broker_by(&["setpriv", "--bounding-set=-sys_admin", "/usr/sbin/ck-broker"], &[]);
    let others = BROKERS.into_iter().filter(|capability| *capability != SYS_ADMIN);
    let own = mask(&others.chain([SYS_PTRACE]).collect::<Vec<_>>());
    assert_eq!(of_broker(&machine)[..2], [own, own]);
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
    machine.await_nothing_left();
}

/// Each of those that runtime directories need, taken from it: what then cannot be done, and that logins go on.
#[test]
fn each_is_needed() {
    for (without, kind, told) in [
        ("sys_admin", "tmpfs", "in"),
        ("chown", "directory", "in"),
        ("dac_override", "directory", "in /run/user/2001"),
    ] {
        let mut machine = Machine::installed();
        machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
        let toml = format!("[runtime_dir]\nkind = \"{kind}\"\n");
        machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
        // Where nothing can be mounted, it is moved; otherwise nobody but the broker would have to.
        let bound = if without == "dac_override" { "sys_admin,-dac_override" } else { without };
        let bound = format!("--bounding-set=-{bound}");
        machine.start_broker_by(&["setpriv", &bound, "/usr/sbin/ck-broker"], &[]);
        let script = "echo in $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/file 2>/dev/null; true";
        assert_eq!(machine.host.run_ok(&["su", "alice", "-c", script]), told, "without {without}");
        let log = machine.broker().stderr();
        let complaint = match without {
            "dac_override" => "cannot move",
            "chown" => "cannot give",
            _ => "cannot mount a tmpfs on /run/user/2001",
        };
        assert!(log.contains(complaint), "without {without}: {log}");
    }
}
