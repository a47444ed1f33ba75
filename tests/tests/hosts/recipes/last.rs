//! last(1) of Debian 13, which is of wtmpdb.

use std::time::{Duration, Instant};

use ck_tests::{Host, Kind, Machine, Options, Suite, wait_until};

use serde_json::Value;

use super::documents::recipe;
use super::typed::type_in;

const SOON: Duration = Duration::from_secs(20);

fn machine() -> Machine {
    let mut machine = Machine::installed_on(Options::default().suite(Suite::Trixie).kind(Kind::Wtmpdb));
    machine.start_broker(&[]);
    machine
}

/// The recipe. The packages are on the host already.
fn follow(host: &Host) -> String {
    host.write_file("/etc/apt/apt.conf.d/99yes", "APT::Get::Assume-Yes \"true\";\n", 0o644);
    type_in(host, &recipe("INSTALL.md", "apt install wtmpdb"))
}

/// Each login, the newest first: user, terminal, host and service, as far as there are any.
fn last(host: &Host) -> Vec<String> {
    let told: Value =
        serde_json::from_str(&host.run_ok(&["last", "--json", "--service"])).expect("JSON of last");
    let entries = told["entries"].as_array().expect("entries");
    let words = |entry: &Value| {
        let words =
            ["user", "tty", "hostname", "service"].map(|key| entry[key].as_str().expect("a text").trim());
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    };
    entries.iter().map(words).collect()
}

/// A program on a terminal of its own; returns when it has ended.
fn on_terminal(host: &Host, command: &[&str]) {
    let mut terminal = host.on_terminal(command);
    assert!(terminal.wait(SOON).is_some(), "{command:?} ends");
}

#[test]
fn last_of_debian_13() {
    let machine = machine();
    let host = &machine.host;
    let told = follow(host);
    assert!(told.ends_with("wtmpdb has no entries\n"), "{told}");
    assert_eq!(host.run_ok(&["stat", "-c", "%a %U %G", "/var/log/wtmp.db"]), "640 root adm");
    assert!(!host.run(&["su", "bob", "-c", "head -c 1 /var/log/wtmp.db"]).status.success());
    host.run_ok(&[
        "sh",
        "-c",
        "ls /etc/init.d/wtmpdb-update-boot /usr/lib/systemd/system/wtmpdb-update-boot.service",
    ]);
    let line = host.run_ok(&["grep", "pam_wtmpdb", "/etc/pam.d/common-session"]);
    assert!(line.ends_with("pam_wtmpdb.so skip_if=sshd"), "{line}");
    let begin = last(host);
    assert_eq!(begin, ["bob su"], "the one above");

    host.run_ok(&["ssh", "alice@127.0.0.1", "true"]);
    assert_eq!(last(host), begin, "ssh without a terminal");
    host.run_ok(&["ssh", "-tt", "alice@127.0.0.1", "true"]);
    host.run_ok(&["su", "-", "alice", "-c", "true"]);
    on_terminal(host, &["su", "alice", "-c", "true"]);
    let [with_terminal, su_l, ssh] = &last(host)[..3] else { panic!("{:?}", last(host)) };
    assert!(with_terminal.starts_with("alice pts/") && with_terminal.ends_with(" su"), "{with_terminal}");
    assert_eq!(su_l, "alice su-l");
    assert!(ssh.starts_with("alice pts/") && ssh.ends_with(" 127.0.0.1"), "{ssh}");
    let mut login = host.on_terminal(&["login", "-f", "alice"]);
    login.expect("$ ", SOON);
    assert!(last(host)[0].starts_with("alice pts/") && last(host)[0].ends_with(" login"), "{:?}", last(host));
    login.send("exit");
    assert!(login.wait(SOON).is_some(), "login ends");
    machine.await_nothing_left();
}

#[test]
fn last_learns_of_a_killed_login_with_the_next_boot() {
    let machine = machine();
    let host = &machine.host;
    follow(host);
    // This boot, and further down another one, as the document says to record them.
    host.run_ok(&["wtmpdb", "boot"]);
    let login = host.spawn(&["ssh", "-tt", "alice@127.0.0.1", "sleep 1000"]);
    machine.await_sessions(1);
    let alice = |arguments: &[&str]| {
        let told = host.run_ok(&[&["last"], arguments].concat());
        told.lines().find(|line| line.starts_with("alice")).expect("a line").trim_end().to_owned()
    };
    wait_until(SOON, "last has it", || alice(&[]).ends_with("still logged in"));
    host.run_ok(&["kill", "-9", &machine.session()["leader_pid"].to_string()]);
    machine.await_sessions(0);
    drop(login);
    assert!(host.run_ok(&["ckctl", "history", "alice"]).contains("leader died"));
    assert!(alice(&[]).ends_with("still logged in"), "{}", alice(&[]));
    host.run_ok(&["wtmpdb", "shutdown"]);
    host.run_ok(&["wtmpdb", "boot"]);
    assert!(alice(&[]).ends_with("crash"), "{}", alice(&[]));
    // With a name, it looks at no boots.
    assert!(alice(&["alice"]).ends_with("still logged in"), "{}", alice(&["alice"]));
    let boots = host.run_ok(&["last"]);
    assert!(
        boots.lines().any(|line| line.contains("system boot") && line.ends_with("still running")),
        "{boots}"
    );
    host.run_ok(&["wtmpdb", "shutdown"]);
    assert!(!host.run_ok(&["last"]).contains("still running"));
}

#[test]
fn last_does_not_mind_which_module_comes_first() {
    let machine = machine();
    let host = &machine.host;
    follow(host);
    let stack = || host.run_ok(&["grep", "-noE", "pam_(ck|wtmpdb)", "/etc/pam.d/common-session"]);
    let in_session = || {
        let told = host.run_ok(&["su", "alice", "-c", "echo $XDG_SESSION_ID $XDG_RUNTIME_DIR"]);
        assert!(told.ends_with(" /run/user/2001"), "{told}");
        assert_eq!(last(host)[0], "alice su");
        last(host).len()
    };
    let (before, count) = (stack(), in_session());
    // The last line becomes the first of the two.
    let turn = "cd /etc/pam.d && line=$(grep pam_wtmpdb common-session) && sed -i /pam_wtmpdb/d common-session && \
                ck=$(grep pam_ck common-session) && sed -i /pam_ck/d common-session && \
                printf '%s\\n%s\\n' \"$ck\" \"$line\" >>common-session";
    host.run_ok(&["sh", "-c", turn]);
    let order = |stack: &str| stack.find("pam_ck") < stack.find("pam_wtmpdb");
    assert_ne!(order(&before), order(&stack()));
    assert_eq!(in_session(), count + 1);
    machine.await_nothing_left();
}

/// Why the recipe has a mode: here nobody has followed it.
#[test]
fn last_is_held_up_by_whoever_can_read_its_database() {
    let machine = machine();
    let host = &machine.host;
    host.run_ok(&["su", "alice", "-c", "true"]);
    let hold = "use Fcntl; open(F, '<', '/var/log/wtmp.db') or exit 3; \
                my $lock = pack('s s l! l! i', F_RDLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $lock) or exit 4; \
                $| = 1; print qq(held\\n); sleep 1000";
    let user = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", "perl", "-e", hold];
    let held = host.spawn(&user);
    wait_until(SOON, "bob holds the lock", || held.stdout() == "held\n");
    let (start, before) = (Instant::now(), last(host));
    host.run_ok(&["su", "alice", "-c", "true"]);
    assert!(start.elapsed() > Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(last(host), before, "not recorded");
    drop(held);
    follow(host);
    let mut refused = host.spawn(&user);
    let status = refused.wait(SOON).expect("it ends");
    assert_eq!(status.code(), Some(3), "the database can still be read");
}
