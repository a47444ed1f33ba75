//! A machine on which somebody makes trouble, and what must be as before when it is over.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::machine::Machine;
use crate::process::Running;
use crate::wait::wait_until;

/// A tree of root's, outside of all runtime directories. Nothing that a user does may change it.
pub const CANARY: &str = "/canary";
const SOON: Duration = Duration::from_secs(30);
/// How much more memory the broker may hold afterwards, in KiB: what its allocator keeps of a busy time.
const MEMORY_MARGIN: u64 = 1024;

/// A machine with a canary, whose broker is observed.
#[derive(Debug)]
pub struct Guarded {
    /// The machine.
    pub machine: Machine,
    canary: String,
    before: Vitals,
}

/// What is looked at of a process.
#[derive(Debug)]
struct Vitals {
    pid: i32,
    descriptors: usize,
    /// Resident, in KiB.
    memory: u64,
}

impl Guarded {
    /// A machine whose broker is configured by `toml`.
    pub fn up(toml: &str) -> Self {
        Self::up_by(&["/usr/sbin/ck-broker"], toml)
    }

    /// A machine whose broker makes runtime directories of `kind`: `tmpfs` or `directory`.
    pub fn up_kind(kind: &str) -> Self {
        Self::up(&format!("[runtime_dir]\nkind = \"{kind}\"\n"))
    }

    /// The same, the broker started by another command.
    pub fn up_by(command: &[&str], toml: &str) -> Self {
        let mut machine = Machine::installed();
        machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
        machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
        let plant = "mkdir -p /canary/a/b && cd /canary && for i in $(seq 200); do echo $i >f$i; echo $i >a/b/g$i; done && \
                     ln -s f1 link && chmod 600 f2";
        machine.host.run_ok(&["sh", "-c", plant]);
        machine.start_broker_by(command, &[]);
        // A first login and logout, so that what comes once in a broker's life has come.
        machine.host.run_ok(&["su", "alice", "-c", "true"]);
        machine.await_nothing_left();
        let (canary, before) = (fingerprint(&machine, CANARY), Vitals::of(&machine));
        Self { machine, canary, before }
    }

    /// Runs a shell script in a session of alice, in her runtime directory, and logs out. Returns what it
    /// printed on standard output.
    pub fn session(&self, script: &str) -> String {
        let script = format!("cd \"$XDG_RUNTIME_DIR\" || exit 1\n{script}");
        self.machine.host.run_ok(&["su", "alice", "-s", "/bin/bash", "-c", &script])
    }

    /// Logs alice in, runs a shell script in her runtime directory, and keeps the session.
    pub fn log_in(&self, script: &str) -> Login<'_> {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        let end = format!("/tmp/log-out-{}", COUNTER.fetch_add(1, Ordering::Relaxed));
        self.machine.host.run_ok(&["mkfifo", "-m", "644", &end]);
        let script =
            format!("cd \"$XDG_RUNTIME_DIR\" || exit 1\n{script}\necho logged-in\ncd /\nread <{end}");
        let su = self.machine.host.spawn(&["su", "alice", "-s", "/bin/bash", "-c", &script]);
        wait_until(SOON, "the script in the session has run", || {
            assert!(!su.is_over(), "the session ended: {}", su.stderr());
            su.stdout().ends_with("logged-in\n")
        });
        Login { machine: &self.machine, su, end }
    }

    /// Names, modes, owners, times and contents of a tree of the host.
    pub fn fingerprint(&self, path: &str) -> String {
        fingerprint(&self.machine, path)
    }

    /// Asserts that nothing was changed that does not belong to a runtime directory, and that the
    /// broker is the same, idle, and holds no more than before. Everybody has logged out.
    pub fn assert_unharmed(&self) {
        assert_eq!(fingerprint(&self.machine, CANARY), self.canary, "the canary was changed");
        wait_until(SOON, "the broker is idle", || {
            let before = self.machine.broker_ticks();
            std::thread::sleep(Duration::from_millis(500));
            self.machine.broker_ticks() == before
        });
        let after = Vitals::of(&self.machine);
        assert_eq!(after.pid, self.before.pid, "another broker");
        assert_eq!(after.descriptors, self.before.descriptors, "descriptors were left open");
        assert!(after.memory <= self.before.memory + MEMORY_MARGIN, "{after:?}, before: {:?}", self.before);
    }

    /// Waits until all is gone, then asserts what [`Guarded::assert_unharmed`] does.
    pub fn assert_gone_and_unharmed(&self) {
        self.machine.await_nothing_left();
        self.assert_unharmed();
    }
}

/// A session that stands until it is told to end.
#[derive(Debug)]
pub struct Login<'g> {
    machine: &'g Machine,
    su: Running,
    end: String,
}

impl Login<'_> {
    /// Logs out, and returns when that is done.
    pub fn log_out(mut self) {
        self.machine.host.run_ok(&["sh", "-c", &format!("echo >{}", self.end)]);
        assert!(self.su.wait(SOON).is_some(), "su does not end");
    }
}

impl Vitals {
    fn of(machine: &Machine) -> Self {
        let pid = machine.broker().pid();
        // A connection of ckctl's that has just ended may still be open.
        std::thread::sleep(Duration::from_millis(100));
        let descriptors = machine.host.run_ok(&["ls", &format!("/proc/{pid}/fd")]).lines().count();
        // Not VmRSS of status: before Linux 6.2 that is off by up to 64 pages of each kind (proc_pid_status(5)).
        let rollup = machine.host.read_file(&format!("/proc/{pid}/smaps_rollup"));
        let memory = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).expect("Rss");
        let memory = memory.trim().trim_end_matches(" kB").parse().expect("KiB");
        Self { pid, descriptors, memory }
    }
}

/// Names, modes, owners, times and contents of a tree.
fn fingerprint(machine: &Machine, path: &str) -> String {
    let script = format!(
        "cd {path} && find . -printf '%p %y %m %U %G %s %T@ %l\\n' | sort | sha256sum; \
         find . -type f -print0 | sort -z | xargs -0 cat | sha256sum"
    );
    machine.host.run_ok(&["sh", "-c", &script])
}
