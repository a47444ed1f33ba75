//! A host on which the package is installed as a user would, and how its init system is asked for things.

use std::path::Path;
use std::time::Duration;

use ck_tests::{ALICES, Host, Kind, Options, Output, Running, Suite, wait_until};
use serde_json::Value;

/// Where `make deb` leaves the package.
const PACKAGES: &str = concat!(env!("CK_ROOT"), "target/debian");
pub(crate) const SOON: Duration = Duration::from_secs(15);
/// apt under load.
const INSTALL_LIMIT: Duration = Duration::from_secs(60);

/// Who makes the runtime directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directories {
    Ours,
    Logind,
}

/// A host that the package can be installed on.
pub(crate) struct Site {
    pub(crate) host: Host,
    kind: Kind,
    pub(crate) directories: Directories,
}

impl Site {
    /// A host without logind.
    pub(crate) fn up(kind: Kind, suite: Suite) -> Self {
        let site = Self::start(kind, suite, Directories::Ours);
        if kind == Kind::Systemd {
            site.host.run_ok(&["systemctl", "mask", "--now", "--quiet", "systemd-logind.service"]);
            site.apt(&["purge", "libpam-systemd"]);
            // What the boot has left of it.
            let left = ["/run/user", "/run/systemd/sessions", "/run/systemd/users", "/run/systemd/seats"];
            site.host.run_ok(&[&["rm", "-rf"], &left[..]].concat());
        }
        site
    }

    /// A host on which systemd-logind runs.
    pub(crate) fn with_logind() -> Self {
        Self::start(Kind::Systemd, Suite::Bookworm, Directories::Logind)
    }

    fn start(kind: Kind, suite: Suite, directories: Directories) -> Self {
        assert!(Path::new(PACKAGES).exists(), "{PACKAGES} is missing: run `make deb`");
        let host = Host::up(Options::default().kind(kind).suite(suite).bind(PACKAGES, "/opt/deb"));
        Self { host, kind, directories }
    }

    /// The same, with the package on it.
    pub(crate) fn installed(kind: Kind, suite: Suite) -> Self {
        let site = Self::up(kind, suite);
        site.install();
        site
    }

    /// Installs the package, without a network; returns what apt has printed.
    pub(crate) fn install(&self) -> String {
        let package = self.host.run_ok(&["sh", "-c", "ls /opt/deb/*.deb"]);
        self.apt(&["install", &package])
    }

    /// Installs the same programs as a package with a higher version.
    pub(crate) fn upgrade(&self) -> String {
        let script = "rm -rf /tmp/up && dpkg-deb -R /opt/deb/*.deb /tmp/up && \
                      sed -i 's/^Version: .*/Version: 99.0-1/' /tmp/up/DEBIAN/control && \
                      dpkg-deb -Zgzip -z1 -b /tmp/up /tmp/up.deb";
        self.host.run_ok(&["sh", "-c", script]);
        let told = self.apt(&["install", "/tmp/up.deb"]);
        self.host.run_ok(&["rm", "-rf", "/tmp/up", "/tmp/up.deb"]);
        told
    }

    /// Runs apt-get and returns what it has printed.
    pub(crate) fn apt(&self, arguments: &[&str]) -> String {
        let command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy"];
        let output = self.host.run_within(INSTALL_LIMIT, &[&command, arguments].concat());
        let told = format!("{}{}", output.stdout, output.stderr);
        assert!(output.status.success(), "apt-get {arguments:?}: {told}");
        told
    }

    /// Asks the init system to do something to the broker's service.
    pub(crate) fn service(&self, action: &str) -> Output {
        match self.kind {
            Kind::Systemd => self.host.run(&["systemctl", action, "ck-broker.service"]),
            Kind::OpenRc => self.host.run(&["rc-service", "ck-broker", action]),
            _ => self.host.run(&["service", "ck-broker", action]),
        }
    }

    /// Kills the broker. Under sysvinit nobody starts it again but the administrator.
    pub(crate) fn kill_broker(&self) {
        self.host.run_ok(&["kill", "-9", &self.broker()]);
        if self.kind == Kind::SysVInit {
            assert!(self.service("start").status.success());
        }
    }

    /// Whether a login waits for a broker that restarts.
    pub(crate) fn has_socket_activation(&self) -> bool {
        self.kind == Kind::Systemd
    }

    /// The pid of the broker itself: not of those that write its history.
    pub(crate) fn broker(&self) -> String {
        let oldest = ["pgrep", "-o", "-x", "-f", "/usr/sbin/ck-broker .*beside-logind.*"];
        self.host.run(&oldest).stdout.trim().to_owned()
    }

    /// Waits until another broker than `old` answers.
    pub(crate) fn await_other(&self, old: &str) {
        wait_until(SOON, "another broker answers", || {
            self.host.run(&["ckctl", "status"]).status.success() && ![old, ""].contains(&&*self.broker())
        });
    }

    /// alice, who stays, with a file in her directory.
    pub(crate) fn alice_stays(&self) -> Running {
        let script =
            "echo $XDG_SESSION_ID >$XDG_RUNTIME_DIR/mine; until [ -e /tmp/leave ]; do sleep 0.1; done";
        let held = self.host.spawn(&["ssh", "alice@127.0.0.1", script]);
        wait_until(SOON, "the login", || self.has_alices_file());
        held
    }

    /// alice, of [`Self::alice_stays`], goes, as people do.
    pub(crate) fn alice_leaves(&self, mut held: Running) {
        self.host.write_file("/tmp/leave", "", 0o644);
        let status = held.wait(SOON).expect("alice leaves");
        assert!(status.success(), "{status}: {}", held.stderr());
    }

    pub(crate) fn has_alices_file(&self) -> bool {
        self.host.metadata(&format!("{ALICES}/mine")).is_some_and(|file| file.len() > 0)
    }

    /// The sessions of a user.
    pub(crate) fn sessions_of(&self, user: &str) -> Vec<Value> {
        let listed: Value =
            serde_json::from_str(&self.host.run_ok(&["ckctl", "list", "--json"])).expect("JSON");
        listed
            .as_array()
            .expect("an array")
            .iter()
            .filter(|session| session["user"] == user)
            .cloned()
            .collect()
    }

    /// bob logs in by ssh: what he sees of a session of ours, and of his directory.
    pub(crate) fn bob(&self) -> Seen {
        let output = self.host.run(&["ssh", "bob@127.0.0.1", SEEN]);
        assert!(output.status.success(), "a login fails: {}{}", output.stdout, output.stderr);
        Seen::of(&output.stdout)
    }

    /// The same with login(1) on a terminal.
    pub(crate) fn bob_on_a_terminal(&self) -> Seen {
        let mut terminal = self.host.on_terminal(&["login", "-f", "bob"]);
        terminal.expect("$ ", SOON);
        terminal.send(SEEN);
        terminal.send("exit");
        let told = terminal.expect("has:", SOON) + &terminal.expect("\n", SOON);
        assert!(terminal.wait(SOON).is_some(), "login ends");
        Seen::of(told.rsplit("id").next().map(|rest| format!("id{rest}")).as_deref().unwrap_or(""))
    }
}

/// Whether the broker has a session of theirs: where logind runs, the id in the environment is logind's. `has` must not
/// be on the terminal as it is typed.
const SEEN: &str = "echo id known=$(ckctl list --no-legend 2>/dev/null | grep -q ' bob ' && echo yes) \
                    ha''s:$(ls -ld /run/user/2002 2>/dev/null | cut -c 1-10)";

/// What somebody who has logged in sees.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Whether the broker knows of it.
    pub(crate) session: bool,
    /// Whether their directory is there, for them only.
    pub(crate) directory: bool,
}

impl Seen {
    fn of(told: &str) -> Self {
        Self { session: told.contains("known=yes"), directory: told.contains("has:drwx------") }
    }
}
