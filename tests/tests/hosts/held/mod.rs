//! Nothing that a user can hold: the attacks of `tests/src/bin/attack`, on whole hosts. Meanwhile everybody else logs in as
//! if nothing was, the broker never waits, and when the attack is over nothing is left of it, without any help.

mod absent;
mod children;
mod dear;
mod given_back;
mod guard;
mod kept;
mod locks;
mod namespaces;
mod pids;
mod stacked;
mod stop;

use std::time::{Duration, Instant};

use ck_tests::{Guarded, Machine, Running};
use serde_json::Value;

pub(crate) const ATTACK: &str = env!("CARGO_BIN_EXE_attack");
/// What is asked for meanwhile is done at once.
const PROMPT: Duration = Duration::from_secs(1);
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What the broker can do, and where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Tmpfs,
    Directory,
    /// Without CAP_SYS_ADMIN: plain directories, and no mount of its own.
    Unprivileged,
    /// `/` is shared, as systemd has it.
    SharedTmpfs,
    SharedDirectory,
}

impl Mode {
    /// A machine of that mode. Who lingers is written down on a tmpfs, whose names can be held best.
    pub(crate) fn up(self) -> Guarded {
        Guarded::up_by(&["sh", "-c", &self.start()], self.toml())
    }

    /// Starts the broker once more, on such a machine.
    pub(crate) fn start_again(self, machine: &mut Machine) {
        machine.start_broker_by(&["sh", "-c", &self.start()], &[]);
    }

    fn toml(self) -> &'static str {
        match self {
            Self::Tmpfs | Self::SharedTmpfs => "[runtime_dir]\nkind = \"tmpfs\"\n",
            Self::Directory | Self::SharedDirectory => "[runtime_dir]\nkind = \"directory\"\n",
            Self::Unprivileged => "",
        }
    }

    fn start(self) -> String {
        let propagation =
            if matches!(self, Self::SharedTmpfs | Self::SharedDirectory) { "rshared" } else { "rprivate" };
        let drop = if self == Self::Unprivileged { "setpriv --bounding-set=-sys_admin " } else { "" };
        format!(
            "findmnt /var/lib/ck >/dev/null || {{ mkdir -p /var/lib/ck && mount -t tmpfs -o mode=755 none /var/lib/ck; \
             mount --make-{propagation} /; }}; exec {drop}/usr/sbin/ck-broker"
        )
    }
}

/// A test for each mode in which something is tried.
macro_rules! in_each_mode {
    ($($name:ident: $attack:ident $mode:ident),* $(,)?) => { $(
        #[test]
        fn $name() {
            $attack($crate::held::Mode::$mode);
        }
    )* };
}
pub(crate) use in_each_mode;

/// Runs a command that nothing may hold up.
pub(crate) fn promptly(machine: &Machine, command: &[&str]) -> String {
    let start = Instant::now();
    let told = machine.host.run_ok(command);
    assert!(start.elapsed() < PROMPT, "{command:?} took {:?}", start.elapsed());
    told
}

pub(crate) fn teardowns(machine: &Machine) -> Vec<Value> {
    serde_json::from_str(&machine.host.run_ok(&["ckctl", "teardown", "list", "--json"])).expect("JSON")
}

pub(crate) fn is_well(machine: &Machine) -> bool {
    machine.host.run_ok(&["ckctl", "status"]).contains("all is well")
}

/// Waits until a program has ended in order.
pub(crate) fn await_end(mut running: Running) {
    assert!(running.wait(SOON).is_some(), "it does not end: {}", running.stderr());
}
