//! A host on which the broker is installed as a service.

use std::time::{Duration, Instant};

use ck_tests::{ALICES, Kind, Machine, Options, Output, Running, wait_until};

pub(crate) const SOON: Duration = Duration::from_secs(20);
const PACKAGING: &str = concat!(env!("CK_ROOT"), "packaging");
const CONFIGURATION: &str = "/etc/ck/broker.toml";

/// Who runs the broker, and by which of our files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supervisor {
    /// OpenRC with its own script, as on Alpine and Gentoo.
    OpenRc,
    /// OpenRC with the script with an LSB header, as the Debian package has it.
    DebianOpenRc,
    /// sysvinit.
    SysVInit,
    /// runsvdir, in a host without an init system.
    Runit,
}

/// The broker as a service of [`Supervisor`]'s.
pub(crate) struct Service {
    pub(crate) init: Supervisor,
    pub(crate) machine: Machine,
    _runsvdir: Option<Running>,
}

/// Copies a file of ours to where a package puts it.
fn install(machine: &Machine, file: &str, to: &str) {
    machine.host.run_ok(&["install", "-D", "-m", "755", &format!("/opt/packaging/{file}"), to]);
}

impl Service {
    /// Installed, not started yet.
    pub(crate) fn installed(init: Supervisor) -> Self {
        let kind = match init {
            Supervisor::OpenRc | Supervisor::DebianOpenRc => Kind::OpenRc,
            Supervisor::SysVInit => Kind::SysVInit,
            Supervisor::Runit => Kind::Plain,
        };
        let options = Options::default().kind(kind).bind(PACKAGING, "/opt/packaging");
        let machine = Machine::installed_on(options);
        match init {
            Supervisor::OpenRc => {
                install(&machine, "openrc/ck-broker.initd", "/etc/init.d/ck-broker");
                install(&machine, "openrc/ck-broker.confd", "/etc/conf.d/ck-broker");
            }
            Supervisor::DebianOpenRc => {
                install(&machine, "openrc/ck-broker.initd", "/usr/share/ck/openrc/ck-broker");
                install(&machine, "sysvinit/ck-broker", "/etc/init.d/ck-broker");
            }
            Supervisor::SysVInit => install(&machine, "sysvinit/ck-broker", "/etc/init.d/ck-broker"),
            Supervisor::Runit => {
                machine.host.run_ok(&["cp", "-a", "/opt/packaging/runit/ck-broker", "/etc/sv/"]);
                // What runit's own package has there, this host runs without.
                machine.host.run_ok(&["mkdir", "/tmp/services"]);
            }
        }
        if kind == Kind::OpenRc {
            // It sees by itself that a script is new, but not within the second in which the host came up.
            machine.host.run_ok(&["rc-update", "-u"]);
        }
        let runsvdir =
            (init == Supervisor::Runit).then(|| machine.host.spawn(&["runsvdir", "-P", "/tmp/services"]));
        Self { init, machine, _runsvdir: runsvdir }
    }

    /// Installed, and started as an administrator does.
    pub(crate) fn started(self) -> Self {
        self.control_ok("start");
        self
    }

    /// Has the supervisor do something with the service.
    pub(crate) fn control(&self, action: &str) -> Output {
        match self.init {
            Supervisor::OpenRc | Supervisor::DebianOpenRc => {
                self.machine.host.run(&["rc-service", "ck-broker", action])
            }
            Supervisor::SysVInit => self.machine.host.run(&["service", "ck-broker", action]),
            Supervisor::Runit => {
                if action == "start" {
                    self.enable();
                }
                self.machine.host.run(&["sv", action, "/etc/sv/ck-broker"])
            }
        }
    }

    /// The same; it is to succeed.
    pub(crate) fn control_ok(&self, action: &str) -> String {
        let output = self.control(action);
        if !output.status.success() {
            self.machine.host.fail(&format!("{action}: {output:?}"));
        }
        output.stdout
    }

    /// runit: a service is known to runsvdir by a link, and to sv once its runsv is there.
    fn enable(&self) {
        self.machine.host.run_ok(&["ln", "-sfn", "/etc/sv/ck-broker", "/tmp/services/ck-broker"]);
        wait_until(SOON, "runsv is there", || {
            self.machine.host.run(&["pgrep", "-x", "runsv"]).status.success()
        });
    }

    /// The exit status of `status`.
    pub(crate) fn status(&self) -> i32 {
        self.control("status").status.code().expect("an exit status")
    }

    /// Whether the broker answers.
    pub(crate) fn answers(&self) -> bool {
        self.machine.host.run(&["ckctl", "status"]).status.success()
    }

    /// Waits until it does; how long that took.
    pub(crate) fn await_answer(&self) -> Duration {
        let start = Instant::now();
        wait_until(SOON, "a broker answers", || self.answers());
        start.elapsed()
    }

    /// All brokers that run.
    pub(crate) fn brokers(&self) -> Vec<String> {
        let listed = self.machine.host.run(&["pgrep", "-x", "ck-broker"]).stdout;
        listed.lines().map(str::to_owned).collect()
    }

    /// The one broker that runs.
    pub(crate) fn broker(&self) -> String {
        let mut brokers = self.brokers();
        assert_eq!(brokers.len(), 1, "{brokers:?}");
        brokers.remove(0)
    }

    /// `kill -9`
    pub(crate) fn kill(&self, pid: &str) {
        self.machine.host.run_ok(&["kill", "-KILL", pid]);
        wait_until(SOON, "it is gone", || !self.machine.host.run(&["kill", "-0", pid]).status.success());
    }

    /// What the broker has said.
    pub(crate) fn log(&self) -> String {
        match self.init {
            Supervisor::Runit => self.machine.host.read_file("/var/log/ck/broker/current"),
            _ => self.machine.host.syslog(),
        }
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, text: &str) {
        self.machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
        self.machine.host.write_file(CONFIGURATION, text, 0o644);
    }

    /// The directory that a login of bob's gets.
    pub(crate) fn bobs(&self) -> String {
        self.machine.host.run_ok(&["su", "bob", "-c", "echo $XDG_RUNTIME_DIR"])
    }

    /// A session of alice's with a file in her directory.
    pub(crate) fn held(&self) -> Running {
        let held =
            self.machine.host.spawn(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/mine; exec sleep 120"]);
        wait_until(SOON, "the login", || self.has_mine());
        held
    }

    /// Whether that file is there.
    pub(crate) fn has_mine(&self) -> bool {
        self.machine.host.metadata(&format!("{ALICES}/mine")).is_some()
    }
}
