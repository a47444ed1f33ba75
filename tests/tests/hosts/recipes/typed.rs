//! Types them.

use std::time::Duration;

use ck_tests::{ALICES, Host, Kind, Machine, Suite, wait_until};

use super::documents::recipe;
use crate::package::site::{Directories, Seen, Site};

const SOON: Duration = Duration::from_secs(20);
/// All tries of a teardown.
const ALL_TRIES: Duration = Duration::from_secs(60);
const ALL: Seen = Seen { session: true, directory: true };

/// Types lines as root does, in the home directory, and returns what is printed. The first that fails is the last.
pub(super) fn type_in(host: &Host, lines: &str) -> String {
    let output = host.run_within(3 * SOON, &["env", "-C", "/root", "sh", "-ec", lines]);
    assert!(output.status.success(), "{lines}\n{output:?}");
    output.stdout
}

/// What `make` does has been done on the machine that tests: the package is where it leaves it.
fn without_make(recipe: &str) -> String {
    recipe.lines().filter(|line| !line.starts_with("make ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_package() {
    let site = Site::up(Kind::Systemd, Suite::Bookworm);
    let host = &site.host;
    // Somebody who answers yes.
    host.write_file("/etc/apt/apt.conf.d/99yes", "APT::Get::Assume-Yes \"true\";\n", 0o644);
    host.run_ok(&["sh", "-c", "mkdir /root/target && ln -s /opt/deb /root/target/debian"]);
    let readme = without_make(&recipe("README.md", "make deb"));
    let told = type_in(host, &format!("export DEBIAN_FRONTEND=noninteractive\n{readme}"));
    assert!(told.contains("/run/user/2001\n") && told.contains("1 session listed"), "{told}");
    assert!(told.contains("No problems, no warnings"), "{told}");
    assert!(host.metadata("/usr/sbin/ck-broker").is_none(), "it is not purged");

    let install = without_make(&recipe("INSTALL.md", "make deb"));
    type_in(host, &format!("export DEBIAN_FRONTEND=noninteractive\n{install}"));
    let told = type_in(host, &recipe("INSTALL.md", "ckctl doctor"));
    assert!(told.contains("No problems, no warnings") && told.contains("/run/user/2001\n"), "{told}");
    assert_eq!(site.bob(), ALL);
    documents_that_are_named_are_there(host);
}

/// The README of the package leads to them.
fn documents_that_are_named_are_there(host: &Host) {
    let named = "cd /usr/share/doc/ck-broker && grep -o '(docs/[A-Z]*[.]md' README.md | tr -d '(' | sort -u";
    let missing = format!("({named}) | while read -r file; do [ -f \"$file\" ] || echo \"$file\"; done");
    assert!(type_in(host, named).lines().count() > 10);
    assert_eq!(type_in(host, &format!("cd /usr/share/doc/ck-broker; {missing}")), "");
}

#[test]
fn pam() {
    let machine = Machine::up();
    let host = &machine.host;
    let directory = || host.run_ok(&["ssh", "alice@127.0.0.1", "echo $XDG_RUNTIME_DIR"]);
    host.run_ok(&["env", "DEBIAN_FRONTEND=noninteractive", "pam-auth-update", "--disable", "ck"]);
    assert_eq!(directory(), "");
    let line = recipe("INSTALL.md", "session optional");
    host.run_ok(&["sh", "-c", "cp /etc/pam.d/sshd /root/ && echo \"$0\" >>/etc/pam.d/sshd", &line]);
    assert_eq!(directory(), ALICES);
    host.run_ok(&["cp", "/root/sshd", "/etc/pam.d/"]);
    assert_eq!(directory(), "");
    type_in(host, &recipe("INSTALL.md", "pam-auth-update --enable"));
    assert_eq!(directory(), ALICES);
    machine.await_nothing_left();
}

/// By a root shell in root's own directory. This podman tells what the real one looks at first.
#[test]
fn a_service_that_runs_containers() {
    let machine = Machine::up();
    let host = &machine.host;
    host.run_ok(&["useradd", "--create-home", "builder"]);
    let podman = "#!/bin/sh\necho $(id -un) $HOME && cd . && ls -A . >/dev/null && touch $HOME/mine $XDG_RUNTIME_DIR/mine && echo $1\n";
    host.write_file("/usr/local/bin/podman", podman, 0o755);
    type_in(host, &recipe("INSTALL.md", "ckctl linger on builder"));
    let service = recipe("INSTALL.md", "cd /home/builder").replace('…', "");
    assert_eq!(type_in(host, &service), "builder /home/builder\nrun\n");
}

#[test]
fn from_logind() {
    let site = Site::with_logind();
    site.install();
    assert_eq!(site.directories, Directories::Logind);
    let whose = || site.host.run_ok(&["ckctl", "status"]).contains(") manages /run/user");
    assert!(whose());
    type_in(&site.host, &recipe("MOVING.md", "systemctl mask"));
    assert!(!whose());
    let told = site.host.run_ok(&["ssh", "alice@127.0.0.1", "echo $XDG_RUNTIME_DIR; ckctl show --json"]);
    assert!(told.starts_with(ALICES) && told.contains("\"runtime_dir\": \"/run/user/2001\""), "{told}");
    // As the document says of the module that stays in the stack.
    let told = || site.host.syslog().contains("pam_systemd(sshd:session): Failed to");
    wait_until(SOON, "pam_systemd complains", told);
    type_in(&site.host, "DEBIAN_FRONTEND=noninteractive pam-auth-update --disable systemd");
    assert_eq!(site.host.run(&["grep", "pam_systemd", "/etc/pam.d/common-session"]).stdout, "");
    assert_eq!(site.bob(), ALL);
}

#[test]
fn lingering() {
    let machine = Machine::up();
    let host = &machine.host;
    let sessions = recipe("SESSIONS.md", "ckctl linger on");
    let told = type_in(host, &sessions.replace("[USER]", "bob"));
    assert!(told.contains("Nobody lingers."), "{told}");
    // A user, for themself, in a session.
    let told = host.run_ok(&["ssh", "alice@127.0.0.1", &sessions.replace("[USER]", "")]);
    assert!(told.contains("Nobody lingers."), "{told}");
    type_in(host, &recipe("MOVING.md", "ckctl linger on alice"));
    assert!(machine.has_alices());
}

#[test]
fn where_to_look() {
    let machine = Machine::installed();
    let host = &machine.host;
    // This host has one file for all facilities.
    host.run_ok(&["sh", "-c", "for file in auth.log syslog; do ln -sf /run/messages /var/log/$file; done"]);
    host.run_ok(&["ssh", "alice@127.0.0.1", "true"]);
    let cannot = "is ck-broker running?); logging in without a session";
    wait_until(SOON, "the module's line", || host.read_file("/run/messages").contains(cannot));
    let _broker = host.spawn(&["/usr/sbin/ck-broker", "--syslog"]);
    wait_until(SOON, "the broker answers", || host.run(&["ckctl", "status"]).status.success());
    let told = type_in(host, &recipe("TROUBLESHOOTING.md", "grep 'pam_ck('"));
    assert!(told.contains(cannot) && told.contains("ck-broker["), "{told}");
    let told = type_in(host, &recipe("TROUBLESHOOTING.md", "ckctl doctor"));
    assert_eq!(told.matches("No problems, no warnings").count(), 2, "{told}");
    assert!(told.contains("XDG_RUNTIME_DIR=/run/user/2001"), "{told}");
    wait_until(SOON, "alice has left", || !machine.has_alices());
    let told = type_in(host, &recipe("TROUBLESHOOTING.md", "ckctl users"));
    assert!(told.contains("No users.") && told.contains("No teardowns."), "{told}");
}

/// The commands of transcripts of root's are typed; what they print is there in the same words.
#[test]
fn a_teardown_that_cannot_be_done() {
    let mut machine = Machine::installed();
    let host = &machine.host;
    host.write_file("/etc/ck/broker.toml", "[runtime_dir]\nkind = \"directory\"\n", 0o644);
    machine.start_broker(&[]);
    let host = &machine.host;
    let held = host.spawn(&["ssh", "alice@127.0.0.1", "touch $XDG_RUNTIME_DIR/x && sleep 1000"]);
    wait_until(SOON, "a file", || host.metadata("/run/user/2001/x").is_some());
    host.run_ok(&["chattr", "+i", "/run/user/2001/x"]);
    drop(held);
    let listed = recipe("TROUBLESHOOTING.md", "# ckctl teardown list");
    let (command, shown) = listed.split_once('\n').expect("a command, and what it prints");
    let words = |text: &str| -> Vec<String> {
        let is_word = |word: &&str| !word.chars().all(|c| c.is_ascii_digit() || "-:".contains(c));
        text.split_whitespace().filter(is_word).map(str::to_owned).collect()
    };
    let list = || type_in(host, command.trim_start_matches("# "));
    wait_until(ALL_TRIES, "it is given up", || list().contains("quarantined"));
    // Retired directories are numbered.
    let path = "/run/user/.ck-retired/2001-";
    let told = list();
    let number = told.split_once(path).expect("a path").1.split('/').next().expect("a number");
    let here = |text: &str| text.replace(&format!("{path}0/"), &format!("{path}{number}/"));
    let table: Vec<&str> = told.lines().take(2).collect();
    assert_eq!(words(&table.join("\n")), words(&here(shown)));

    let retried = recipe("TROUBLESHOOTING.md", "# chattr -i");
    let (typed, shown): (Vec<_>, Vec<_>) = retried.lines().partition(|line| line.starts_with("# "));
    let typed: Vec<&str> = typed.iter().map(|line| line.trim_start_matches("# ")).collect();
    assert_eq!(type_in(host, &here(&typed.join("\n"))).trim(), shown.join("\n"));
    machine.await_nothing_left();
}

#[test]
fn a_hook() {
    let machine = Machine::up();
    let host = &machine.host;
    host.write_file("/root/50-greet.ck", recipe("HOOKS.md", "#!/bin/sh") + "\n", 0o644);
    assert_eq!(type_in(host, &recipe("HOOKS.md", "env -i")), "alice logged in by sshd\n");
    type_in(host, &recipe("HOOKS.md", "install -m"));
    host.run_ok(&["ssh", "alice@127.0.0.1", "true"]);
    let is_greeting = |line: &str| line.contains("50-greet.ck") && line.contains("alice logged in by sshd");
    wait_until(SOON, "the log", || machine.broker().stderr().lines().any(is_greeting));
}
