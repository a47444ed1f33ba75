//! `make install` and `make uninstall`, into an empty place.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use ck_tests::{ALICES, Host, Machine, Options};

const STAGE: &str = concat!(env!("CK_ROOT"), "target/stage");
const PACKAGING: &str = concat!(env!("CK_ROOT"), "packaging");
const ROOT: &str = env!("CK_ROOT");

/// A directory of the machine's own, gone in the end.
struct Place(PathBuf);

impl Place {
    /// As machines are before anything is installed: somebody else's file in each place that is not ours alone.
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("ck-install-{name}-{}", std::process::id()));
        let shared = ["usr/share/man/man1", "usr/share/man/man5", "usr/share/man/man7", "usr/share/man/man8"];
        let own = [
            "usr/sbin",
            "usr/bin",
            "usr/libexec",
            "usr/lib/systemd/system",
            "usr/local/bin",
            "etc/init.d",
            "opt",
        ];
        for directory in shared.iter().chain(&own) {
            let directory = path.join(directory);
            fs::create_dir_all(&directory).expect("make a directory");
            fs::write(directory.join("others"), "theirs\n").expect("write a file");
        }
        Self(path)
    }

    fn listing(&self) -> String {
        let find =
            Command::new("find").arg(".").args(["-printf", "%p %m %s\n"]).current_dir(&self.0).output();
        let mut lines: Vec<String> = String::from_utf8(find.expect("find").stdout)
            .expect("UTF-8")
            .lines()
            .map(str::to_owned)
            .collect();
        // The size of a directory is its own affair.
        lines.iter_mut().filter(|line| line.contains(" 755 ")).for_each(|line| {
            line.truncate(line.rfind(' ').expect("three fields"));
        });
        lines.sort();
        lines.join("\n")
    }

    fn make(&self, target: &str, variables: &[&str]) -> String {
        let output = Command::new("make")
            .args(["--no-print-directory", "-C", ROOT, target, &format!("DESTDIR={}", self.0.display())])
            .args(variables)
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .output()
            .expect("make");
        let told =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "make {target}: {told}");
        told
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_installed_is_what_is_uninstalled() {
    for (init, prefix) in [
        ("systemd", "/usr"),
        ("openrc runit", "/opt/elsewhere"),
        ("sysvinit systemd", "/opt/ck"),
        ("", "/usr"),
    ] {
        let place = Place::new("both");
        let before = place.listing();
        let (init, prefix) = (format!("INIT={init}"), format!("PREFIX={prefix}"));
        let variables = [init.as_str(), prefix.as_str()];
        place.make("install-files", &variables);
        let installed = place.listing();
        assert!(installed.lines().count() > before.lines().count() + 30, "{installed}");
        place.make("install-files", &variables); // again is as once
        assert_eq!(place.listing(), installed);
        place.make("uninstall", &variables);
        assert_eq!(place.listing(), before, "{init} {prefix}");
    }
}

#[test]
fn variables_say_where() {
    let place = Place::new("where");
    place.make(
        "install-files",
        &["PREFIX=/opt/ck", "PAMDIR=/lib/pam", "SYSCONFDIR=/opt/etc", "SYSTEMDUNITDIR=/opt/units"],
    );
    for file in [
        "opt/ck/sbin/ck-broker",
        "opt/ck/libexec/ck/ck-remove-directory",
        "lib/pam/pam_ck.so",
        "opt/etc/ck/broker.toml",
    ] {
        assert!(place.path(file).exists(), "{file}:\n{}", place.listing());
    }
    let unit = fs::read_to_string(place.path("opt/units/ck-broker.service")).expect("the unit");
    assert!(unit.contains("ExecStart=/opt/ck/sbin/ck-broker "), "{unit}");
    assert!(!place.path("etc/ck").exists() && !place.path("usr/lib/ck").exists(), "{}", place.listing());
}

/// libpam looks into one directory. Whoever installs elsewhere is told what to write, and that is what works.
#[test]
fn below_usr_local_the_line_that_is_printed_makes_sessions() {
    let mut machine = Machine {
        host: Host::up(Options::default().bind(STAGE, "/opt/stage").bind(PACKAGING, "/opt/ck/packaging")),
        broker: None,
    };
    let host = &machine.host;
    host.run_ok(&["sh", "-c", "mkdir /tmp/built && cd /opt/stage/usr && cp sbin/ck-broker bin/ckctl libexec/ck/ck-remove-directory /tmp/built/ && \
           cp lib/*/security/pam_ck.so /tmp/built/libpam_ck.so"]);
    let script = "export DESTDIR= PREFIX=/usr/local SYSCONFDIR=/etc INSTALL=install INIT= RUNITDIR=/etc/sv ZSHDIR=/usr/local/share/zsh/site-functions \
                  SYSTEMDUNITDIR=/none PROGRAMS=/tmp/built RELEASE=/tmp/built; \
                  export SBINDIR=$PREFIX/sbin BINDIR=$PREFIX/bin LIBEXECDIR=$PREFIX/libexec DATADIR=$PREFIX/share; \
                  export MANDIR=$DATADIR/man PAMDIR=${PAMDIR:-$PREFIX/lib/security}; \
                  exec /opt/ck/packaging/install-files install 2>&1 >/dev/null";
    let told = host.run_ok(&["sh", "-c", script]);
    let line = told.lines().find(|line| line.contains("session optional")).expect("a line for PAM");
    let found = told.split_once("PAMDIR=").expect("a directory").1;
    assert_eq!(host.run_ok(&["env", &format!("PAMDIR={found}"), "sh", "-c", script]), "");
    host.run_ok(&["rm", &format!("{found}/pam_ck.so")]);
    let add = "echo \"$0\" >>/etc/pam.d/common-session";
    host.run_ok(&["sh", "-c", add, line]);
    machine.start_broker_by(&["/usr/local/sbin/ck-broker"], &[]);
    assert_eq!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", "echo $XDG_RUNTIME_DIR"]), ALICES);
    machine.await_nothing_left();
}

#[test]
fn what_the_administrator_has_changed_stays() {
    let place = Place::new("changed");
    place.make("install-files", &[]);
    let file = place.path("etc/ck/broker.toml");
    fs::write(&file, "# mine\n").expect("write a file");
    for target in ["install-files", "uninstall"] {
        let told = place.make(target, &[]);
        assert!(told.contains("broker.toml has been changed: left"), "{told}");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "# mine\n");
    }
    assert!(!place.path("usr/sbin/ck-broker").exists());
}

#[test]
fn what_is_ours_is_replaced_and_what_it_has_made_goes_too() {
    let place = Place::new("ours");
    let before = place.listing();
    let script = place.path("etc/init.d/ck-broker");
    fs::write(&script, "# of the version before\n").expect("write a file");
    place.make("install-files", &["INIT=sysvinit runit"]);
    assert!(fs::read_to_string(&script).expect("the script").contains("LSB"));
    for supervise in ["etc/sv/ck-broker/supervise", "etc/sv/ck-broker/log/supervise"] {
        fs::create_dir(place.path(supervise)).expect("make a directory");
        fs::write(place.path(supervise).join("lock"), "").expect("write a file");
    }
    place.make("uninstall", &["INIT=sysvinit runit"]);
    assert_eq!(place.listing(), before);
}

#[test]
fn init_systems_that_there_are_not_are_refused() {
    for (init, why) in [("upstart", "INIT has 'upstart'"), ("openrc sysvinit", "name one of them")] {
        let output = Command::new(Path::new(ROOT).join("packaging/install-files"))
            .arg("install")
            .envs(["DESTDIR", "PREFIX", "SBINDIR"].map(|name| (name, "/nowhere")))
            .env("INIT", init)
            .output()
            .expect("install-files");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(why) && told.lines().count() == 1, "{told}");
    }
}
