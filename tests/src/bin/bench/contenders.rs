//! Who is compared, and a host for each: all are up at the same time, so that all are measured in the same minutes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ck_tests::{Host, Kind, Machine, Options, Running, wait_until};
use serde::de::DeserializeOwned;

use crate::inside::{Cycle, Vitals};
use crate::priority;
use crate::report::Report;

/// Where the PAM configuration of the measured logins is, in a host: nothing but the module.
const CONFDIR: &str = "/etc/bench-pam";
const LIMIT: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_secs(60);
/// Of the tmpfs that one million files are in.
const CONFIGURATION: &str = "[runtime_dir]\nsize = \"4g\"\ninodes = 3000000\n";

/// A host on which one of them runs.
pub(crate) struct Place {
    pub(crate) host: Host,
    /// What was started in it and belongs to it.
    started: Vec<Running>,
}

/// One of those that are compared: a PAM module, and what is behind it.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// The PAM service, in `CONFDIR`.
    service: &'static str,
    pub(crate) place: Place,
    /// The names of its processes.
    pub(crate) daemons: &'static [&'static str],
    /// Whether it makes a directory.
    directory: bool,
}

impl Place {
    fn of(host: Host) -> Self {
        let program = std::env::current_exe().expect("our own path");
        install(&host, &program, "/usr/local/bin/bench");
        install(&host, &built("release/examples/pam-login"), "/usr/local/bin/pam-login");
        install(&host, &built("release/examples/libpam_floor.so"), "/usr/lib/security/pam_floor.so");
        host.run_ok(&["mkdir", CONFDIR]);
        host.write_file(&format!("{CONFDIR}/other"), "", 0o644);
        Self { host, started: Vec::new() }
    }

    /// Puts a PAM service there that is one module.
    fn serve(self, service: &str, module: &str) -> Self {
        let line = format!("session required {module}\n");
        self.host.write_file(&format!("{CONFDIR}/{service}"), line, 0o644);
        self
    }

    /// A host on which ck is installed and runs.
    fn ck() -> Self {
        Self::ck_configured(CONFIGURATION)
    }

    /// The same, configured otherwise.
    pub(crate) fn ck_configured(toml: &str) -> Self {
        let mut machine = Self::installed(toml);
        machine.start_broker(&[]);
        let mut place = Self::of(machine.host).serve("ck", "pam_ck.so");
        place.started.extend(machine.broker);
        place
    }

    /// A host on which ck is installed, and no broker runs.
    pub(crate) fn ck_stopped() -> Self {
        Self::of(Self::installed(CONFIGURATION).host)
    }

    fn installed(toml: &str) -> Machine {
        let machine = Machine::installed();
        machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
        machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
        machine
    }

    fn floor() -> Self {
        let mut place = Self::of(Host::up(Options::default()))
            .serve("floor", "/usr/lib/security/pam_floor.so uid=2001")
            .serve("floor-nss", "/usr/lib/security/pam_floor.so");
        place.stay(&["floor"], "ready");
        place
    }

    fn permit() -> Self {
        Self::of(Host::up(Options::default())).serve("permit", "pam_permit.so")
    }

    fn elogind() -> Self {
        Self::of(Host::up(Options::default().kind(Kind::Elogind))).serve("elogind", "pam_elogind.so")
    }

    fn logind() -> Self {
        let place =
            Self::of(Host::up(Options::default().kind(Kind::Systemd))).serve("logind", "pam_systemd.so");
        place.host.run_ok(&["mkdir", "-p", "/etc/systemd/logind.conf.d"]);
        // Else no login within ten seconds after a logout is a first one.
        place.host.write_file(
            "/etc/systemd/logind.conf.d/bench.conf",
            "[Login]\nUserStopDelaySec=0\n",
            0o644,
        );
        place.host.run_ok(&["systemctl", "restart", "systemd-logind"]);
        place
    }

    /// What `bench inside WORD...` says in this host.
    pub(crate) fn ask<T: DeserializeOwned>(&self, words: &[&str]) -> T {
        self.ask_by(&[], words)
    }

    /// The same of what runs, with its children, ahead of everything else where that is allowed.
    pub(crate) fn ask_ahead<T: DeserializeOwned>(&self, words: &[&str]) -> T {
        self.ask_by(priority::all(), words)
    }

    /// The same; its children run as everything else does.
    pub(crate) fn ask_ahead_alone<T: DeserializeOwned>(&self, words: &[&str]) -> T {
        self.ask_by(priority::alone(), words)
    }

    fn ask_by<T: DeserializeOwned>(&self, command: &[&str], words: &[&str]) -> T {
        let output = self.host.run_within(LIMIT, &[command, &["bench", "inside"], words].concat());
        assert!(output.status.success(), "bench inside {words:?}: {}", output.stderr);
        serde_json::from_str(&output.stdout).expect("JSON of our own")
    }

    /// Starts one of those that stay, and waits until it has said `word`.
    pub(crate) fn stay(&mut self, words: &[&str], word: &str) {
        let running = self.host.spawn(&[&["bench", "inside"], words].concat());
        wait_until(SOON, word, || {
            assert!(!running.is_over(), "bench inside {words:?}: {}", running.stderr());
            running.stdout().trim() == word
        });
        self.started.push(running);
    }

    /// Ends what was started last.
    pub(crate) fn end_last(&mut self) {
        self.started.pop();
    }
}

impl Contender {
    /// Logins and logouts, one after the other.
    pub(crate) fn cycles(&self, count: u32) -> Vec<Cycle> {
        let cycles: Vec<Cycle> = self.place.ask_ahead(&["cycles", CONFDIR, self.service, &count.to_string()]);
        assert!(cycles.iter().all(|cycle| cycle.directory == self.directory), "{}: directory", self.name);
        cycles
    }

    /// The words that name its service to `bench inside`.
    pub(crate) fn service(&self) -> [&'static str; 2] {
        [CONFDIR, self.service]
    }

    /// ck, on a host of its own.
    pub(crate) fn another_ck() -> Self {
        Self::ck_on(Place::ck(), true)
    }

    pub(crate) fn ck_on(place: Place, directory: bool) -> Self {
        Self { name: "ck", service: "ck", place, daemons: &["ck-broker"], directory }.ahead()
    }

    /// Its processes run ahead of everything else from now on, where that is allowed; their children do not.
    fn ahead(self) -> Self {
        if self.daemons.is_empty() || priority::alone().is_empty() {
            return self;
        }
        let daemons: Vec<Vitals> = self.place.ask(&[&["vitals"], self.daemons].concat());
        for daemon in daemons {
            let pid = daemon.pid.to_string();
            // One of systemd's that was for a user may be gone by now.
            self.place.host.run(&["chrt", "--reset-on-fork", "--fifo", "--pid", "50", &pid]);
        }
        self
    }
}

/// Name, service, host and processes of one who may not run here.
type Peer = (&'static str, &'static str, fn() -> Place, &'static [&'static str]);

/// Brings up all that can be; those that cannot are named in the report.
pub(crate) fn all(report: &mut Report) -> Vec<Contender> {
    let mut all = vec![
        Contender {
            name: "pam_permit",
            service: "permit",
            place: Place::permit(),
            daemons: &[],
            directory: false,
        },
        Contender {
            name: "floor",
            service: "floor",
            place: Place::floor(),
            daemons: &["floor-server"],
            directory: true,
        }
        .ahead(),
        Contender {
            name: "floor, user looked up",
            service: "floor-nss",
            place: Place::floor(),
            daemons: &["floor-server"],
            directory: true,
        }
        .ahead(),
        Contender::another_ck(),
    ];
    let peers: [Peer; 2] = [
        ("elogind", "elogind", Place::elogind, &["elogind", "elogind-daemon", "dbus-daemon"]),
        ("systemd-logind", "logind", Place::logind, &["systemd-logind", "dbus-daemon", "systemd"]),
    ];
    for (name, service, up, daemons) in peers {
        let tried = catch_unwind(AssertUnwindSafe(|| {
            let peer = Contender { name, service, place: up(), daemons, directory: true };
            peer.cycles(2);
            peer.ahead()
        }));
        match tried {
            Ok(peer) => all.push(peer),
            Err(_) => report.note(format!("{name} does not run here, and is left out: the reason is above")),
        }
    }
    all
}

/// Puts a program of ours into a host.
fn install(host: &Host, program: &Path, place: &str) {
    let bytes = std::fs::read(program)
        .unwrap_or_else(|error| panic!("{}: {error}: run `make bench`", program.display()));
    let directory = Path::new(place).parent().expect("a directory");
    host.run_ok(&["mkdir", "-p", directory.to_str().expect("UTF-8")]);
    host.write_file(place, bytes, 0o755);
}

/// A file of `target`.
pub(crate) fn built(name: &str) -> PathBuf {
    Path::new(env!("CK_ROOT")).join("target").join(name)
}
