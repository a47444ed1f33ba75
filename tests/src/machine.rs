//! A host on which the product is installed, as an administrator would, and its broker runs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::host::{Host, Options};
use crate::process::Running;
use crate::wait::wait_until;

/// What `make stage` installs.
const STAGE: &str = concat!(env!("CK_ROOT"), "target/stage");
/// A PAM application that does what its arguments say: `make faulty` builds it.
const APPLICATION: &str = concat!(env!("CK_ROOT"), "target/fault/debug/examples/pam-application");
const START_LIMIT: Duration = Duration::from_secs(10);
/// The runtime directory of alice.
pub const ALICES: &str = "/run/user/2001";

/// A host with the product on it.
#[derive(Debug)]
pub struct Machine {
    /// The host.
    pub host: Host,
    /// Its broker, unless that was stopped or never started.
    pub broker: Option<Running>,
}

impl Machine {
    /// A plain bookworm host with a running broker.
    pub fn up() -> Self {
        Self::up_with(&[])
    }

    /// The same; the broker gets `arguments`.
    pub fn up_with(arguments: &[&str]) -> Self {
        let mut machine = Self::installed();
        machine.start_broker(arguments);
        machine
    }

    /// A host on which the product is installed, and no broker runs.
    pub fn installed() -> Self {
        Self::installed_on(Options::default())
    }

    /// The same on a host of another kind.
    pub fn installed_on(options: Options) -> Self {
        // Another installation can be tried out by hand.
        let stage = std::env::var("CK_STAGE").unwrap_or_else(|_| STAGE.to_owned());
        assert!(Path::new(&stage).exists(), "{stage} is missing: run `make stage`");
        let host = Host::up(options.bind(stage, "/opt/stage"));
        host.run_ok(&["cp", "-a", "/opt/stage/.", "/"]);
        host.run_ok(&["env", "DEBIAN_FRONTEND=noninteractive", "pam-auth-update", "--package"]);
        Self { host, broker: None }
    }

    /// Puts pam-application on the host, and a PAM service for it, whose lines are `stack`. What it does for alice:
    /// `pam-application SERVICE alice WORD...`.
    pub fn install_application(&self, service: &str, stack: &str) {
        let program = std::fs::read(APPLICATION).expect("pam-application: run `make faulty`");
        self.host.write_file("/usr/local/bin/pam-application", program, 0o755);
        self.host.write_file(&format!("/etc/pam.d/{service}"), stack, 0o644);
    }

    /// Starts the broker, and waits until it answers.
    pub fn start_broker(&mut self, arguments: &[&str]) {
        self.start_broker_by(&["/usr/sbin/ck-broker"], arguments);
    }

    /// The same by another command, such as one that takes capabilities from it first.
    pub fn start_broker_by(&mut self, command: &[&str], arguments: &[&str]) {
        let broker = self.host.spawn(&[command, arguments].concat());
        wait_until(START_LIMIT, "the broker answers", || {
            assert!(!broker.is_over(), "ck-broker ended: {}", broker.stderr());
            self.host.run(&["ckctl", "status"]).status.success()
        });
        self.broker = Some(broker);
    }

    /// The broker.
    pub fn broker(&self) -> &Running {
        self.broker.as_ref().expect("a broker that runs")
    }

    /// All sessions, as `ckctl list --json` has them, but for what their users do: that changes all the time.
    pub fn sessions(&self) -> Vec<Value> {
        let mut sessions = self.sessions_in_use();
        for session in sessions.iter_mut().filter_map(Value::as_object_mut) {
            session.retain(|member, _| !["idle_seconds", "command"].contains(&member.as_str()));
        }
        sessions
    }

    /// The same, with what their users do.
    pub fn sessions_in_use(&self) -> Vec<Value> {
        match serde_json::from_str(&self.host.run_ok(&["ckctl", "list", "--json"])) {
            Ok(Value::Array(sessions)) => sessions,
            other => panic!("ckctl list --json is no array: {other:?}"),
        }
    }

    /// The only session there is.
    pub fn session(&self) -> Value {
        let mut sessions = self.sessions();
        assert_eq!(sessions.len(), 1, "{sessions:?}");
        sessions.remove(0)
    }

    /// Waits until there are `count` sessions.
    pub fn await_sessions(&self, count: usize) {
        let limit = Duration::from_secs(20);
        wait_until(limit, &format!("{count} sessions"), || self.sessions().len() == count);
    }

    /// Whether there is anything at alice's runtime directory.
    pub fn has_alices(&self) -> bool {
        self.host.metadata(ALICES).is_some()
    }

    /// Waits until nothing is left of anybody: no session, no directory, nothing retired, no
    /// teardown, no record.
    pub fn await_nothing_left(&self) {
        self.await_sessions(0);
        // Workers stand back: whatever else this machine does goes first.
        wait_until(Duration::from_secs(60), "all teardowns are done", || {
            let status: Value =
                serde_json::from_str(&self.host.run_ok(&["ckctl", "status", "--json"])).expect("JSON");
            ["teardowns_running", "teardowns_waiting", "teardowns_failed", "teardowns_abandoned"]
                .iter()
                .all(|what| status[what] == 0)
        });
        let places = [
            "/run/user",
            "/run/user/.ck-retired",
            "/run/ck-broker/state/sessions",
            "/run/ck-broker/state/users",
        ];
        // By their names only: a file system that never answers may be mounted on one for a while.
        let find = format!("ls -1A {} | grep -v '^$' | grep -v ':$'", places.join(" "));
        let mut left = String::new();
        // With a delay after the last logout, it is some time until the teardown is even queued; and mount points are swept
        // away some time later.
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) && left != ".ck-retired" {
            left = self.host.run_ok(&["sh", "-c", &find]);
        }
        assert_eq!(left, ".ck-retired", "left behind");
        let below = "grep /run/user/ /proc/mounts | grep -v ' /run/user/.ck-retired ' || true";
        assert_eq!(self.host.run_ok(&["sh", "-c", below]), "", "still mounted");
    }

    /// The version of the kernel, by its first two numbers.
    pub fn kernel(&self) -> (u32, u32) {
        let release = self.host.read_file("/proc/sys/kernel/osrelease");
        let mut numbers =
            release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    /// The processor time that the broker has used, in clock ticks (proc_pid_stat(5)).
    pub fn broker_ticks(&self) -> u64 {
        let stat = self.host.read_file(&format!("/proc/{}/stat", self.broker().pid()));
        let fields: Vec<&str> = stat.rsplit_once(") ").expect("a stat line").1.split(' ').collect();
        fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
    }
}
