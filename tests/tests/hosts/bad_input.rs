//! What people get wrong: one clear line, the right exit status, and nothing half-made.

use ck_tests::{Machine, Output};

/// Asserts that the command failed with `code`, saying `words` in one line.
fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "no {word:?} in {output:?}");
    }
}

const BROKER: &str = "/usr/sbin/ck-broker";

/// Asserts that the broker made nothing.
fn assert_nothing_made(machine: &Machine) {
    for path in ["/run/ck-broker", "/run/user"] {
        assert!(machine.host.metadata(path).is_none(), "{path} was made");
    }
}

#[test]
fn a_broker_that_is_not_started_by_root() {
    let machine = Machine::installed();
    let output = machine.host.run(&["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", BROKER]);
    assert_refused(&output, 1, &["uid 2002", "root"]);
    assert_nothing_made(&machine);
}

#[test]
fn a_command_line_or_configuration_that_makes_no_sense() {
    let machine = Machine::installed();
    machine.host.write_file("/tmp/key.toml", "[runtime_dir]\nkindd = 1\n", 0o644);
    machine.host.write_file("/tmp/syntax.toml", "[runtime_dir\n", 0o644);
    machine.host.write_file("/tmp/good.toml", "[runtime_dir]\nkind = \"auto\"\n", 0o644);
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--frob"], &["--frob"]),
        (&["--state-dir=run"], &["--state-dir", "absolute"]),
        (&["--config=/tmp/key.toml"], &["/tmp/key.toml:2", "kindd", "kind"]),
        (&["--config=/tmp/syntax.toml"], &["/tmp/syntax.toml:1"]),
        (&["--config=/tmp/syntax.toml", "--check-config"], &["/tmp/syntax.toml:1"]),
        (&["--config=/tmp/absent.toml"], &["/tmp/absent.toml", "No such file"]),
    ];
    for (arguments, words) in cases {
        assert_refused(&machine.host.run(&[&[BROKER], arguments].concat()), 2, words);
    }
    let good = machine.host.run(&[BROKER, "--check-config", "--config=/tmp/good.toml"]);
    assert_eq!((good.status.code(), good.stderr.as_str()), (Some(0), ""));
    assert_nothing_made(&machine);
}

#[test]
fn a_runtime_root_that_cannot_be_trusted() {
    let machine = Machine::installed();
    for make in
        ["ln -s /tmp /run/user", "mkdir -m 777 /run/user", "install -d -o alice /run/user", "touch /run/user"]
    {
        machine.host.run_ok(&["sh", "-c", make]);
        assert_refused(&machine.host.run(&[BROKER]), 1, &["/run/user", "symbolic link", "root owns"]);
        assert!(machine.host.metadata("/run/ck-broker").is_none(), "{make}");
        machine.host.run_ok(&["rm", "-rf", "/run/user"]);
    }
    assert_refused(&machine.host.run(&[BROKER, "--runtime-root=/nowhere/user"]), 1, &["/nowhere/user"]);
}

#[test]
fn a_second_broker() {
    let machine = Machine::up();
    let pid = machine.broker().pid().to_string();
    assert_refused(&machine.host.run(&[BROKER]), 1, &["another ck-broker", &pid, "/run/ck-broker"]);
    assert_refused(&machine.host.run(&[BROKER, "--runtime-root=/run/other"]), 1, &["another ck-broker"]);
    assert!(machine.host.metadata("/run/other").is_none());
    machine.host.run_ok(&["ssh", "alice@127.0.0.1", "test -d $XDG_RUNTIME_DIR"]);
}

#[test]
fn a_broker_whose_mounts_nobody_would_see() {
    let machine = Machine::installed();
    let output = machine.host.run(&["unshare", "--mount", BROKER]);
    assert_refused(&output, 1, &["mount namespace"]);
    assert_nothing_made(&machine);
}

/// Another daemon that makes and removes directories in /run/user, by what it is called and whose it is.
#[test]
fn a_runtime_root_that_logind_manages() {
    let mut machine = Machine::installed();
    let daemon = |name: &str, by: &[&str]| {
        let path = format!("/tmp/{name}");
        machine.host.run_ok(&["cp", "/bin/sleep", &path]);
        let daemon = machine.host.spawn(&[by, &[&path, "60"]].concat());
        let comm = format!("/proc/{}/comm", daemon.pid());
        ck_tests::wait_until(std::time::Duration::from_secs(10), "it runs", || {
            machine.host.read_file(&comm).trim() == name
        });
        daemon
    };
    for name in ["systemd-logind", "elogind-daemon", "elogind"] {
        let daemon = daemon(name, &[]);
        let words = [name, &format!("process {}", daemon.pid()), "manages /run/user", "kind = \"none\""];
        assert_refused(&machine.host.run(&[BROKER]), 1, &words);
        assert_nothing_made(&machine);
        let process = format!("/proc/{}/comm", daemon.pid());
        drop(daemon);
        ck_tests::wait_until(std::time::Duration::from_secs(10), "it is gone", || {
            machine.host.metadata(&process).is_none()
        });
    }
    // A user can call a process anything, and what is in a container manages the container's.
    let _users = daemon("systemd-logind", &["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups"]);
    let contained = machine.host.spawn(&["unshare", "--pid", "--fork", "/tmp/systemd-logind", "60"]);
    ck_tests::wait_until(std::time::Duration::from_secs(10), "it runs", || {
        machine.host.run(&["pgrep", "-P", &contained.pid().to_string()]).status.success()
    });
    machine.start_broker(&[]);
    machine.host.run_ok(&["su", "alice", "-c", "test -d $XDG_RUNTIME_DIR"]);
    machine.await_nothing_left();
}

#[test]
fn sessions_without_directories_where_somebody_else_makes_those() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["cp", "/bin/sleep", "/tmp/systemd-logind"]);
    let _daemon = machine.host.spawn(&["/tmp/systemd-logind", "60"]);
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[runtime_dir]\nkind = \"none\"\n", 0o644);
    machine.start_broker(&[]);
    let told =
        machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_SESSION_ID:$XDG_RUNTIME_DIR:; ls /run/user"]);
    assert_eq!(told, "1::");
    machine.await_nothing_left();
}

#[test]
fn ckctl_without_a_broker_or_with_a_false_one() {
    let machine = Machine::installed();
    assert_refused(&machine.host.run(&["ckctl"]), 3, &["/run/ck-broker/admin.sock", "is ck-broker running?"]);
    let impostor = "use Socket; socket(S, AF_UNIX, SOCK_SEQPACKET, 0); bind(S, pack_sockaddr_un('/tmp/false')); \
                    listen(S, 9); print STDERR 'ready'; sleep 60";
    let user = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups"];
    let impostor = machine.host.spawn(&[&user[..], &["perl", "-e", impostor]].concat());
    ck_tests::wait_until(std::time::Duration::from_secs(10), "the false broker", || {
        impostor.stderr().contains("ready")
    });
    assert_refused(
        &machine.host.run(&["ckctl", "--socket=/tmp/false"]),
        3,
        &["/tmp/false", "uid 2002", "not trusted"],
    );
    machine.host.run_ok(&[
        "sed",
        "-i",
        "s,pam_ck.so,pam_ck.so socket=/tmp/false,",
        "/etc/pam.d/common-session",
    ]);
    assert_eq!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", "echo in [$XDG_SESSION_ID]"]), "in []");
    assert!(machine.host.syslog().contains("/tmp/false"));
}

#[test]
fn ckctl_asked_for_what_there_is_not() {
    let machine = Machine::up();
    assert_refused(&machine.host.run(&["ckctl", "show", "77"]), 1, &["77", "ckctl list"]);
    // What is no id is the name of a user.
    assert_refused(
        &machine.host.run(&["ckctl", "show", "x"]),
        1,
        &["`x` is neither a session id nor a user"],
    );
    for wrong in [&["ckctl", "frob"][..], &["ckctl", "list", "--frob"]] {
        assert_eq!(machine.host.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn an_ordinary_user_cannot_open_sessions() {
    let machine = Machine::up();
    let user = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups"];
    let connect = "use Socket; socket(S, AF_UNIX, SOCK_SEQPACKET, 0); \
                   connect(S, pack_sockaddr_un('/run/ck-broker/session.sock')) or die $!";
    let output = machine.host.run(&[&user[..], &["perl", "-e", connect]].concat());
    assert!(output.stderr.contains("Permission denied"), "{output:?}");
    // Nor when the permissions of the socket were changed by hand.
    machine.host.run_ok(&["chmod", "666", "/run/ck-broker/session.sock"]);
    let ask =
        format!("{connect}; sysread(S, $b, 999); print substr($b, 4); print ' end' if !sysread(S, $b, 999)");
    let answer = machine.host.run_ok(&[&user[..], &["perl", "-e", &ask]].concat());
    assert_eq!(answer, "uid 2002 may not open sessions, only root may end");
}
