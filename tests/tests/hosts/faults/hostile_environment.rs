//! su and sudo run with what their caller calls the environment. Nothing is read from it.

use ck_tests::{ALICES, Machine, wait_until};
use serde_json::Value;

use super::{SOON, module_lines};

/// Runs its arguments in an environment of more than a megabyte that says what a liar would.
const LIAR: &str = r#"#!/bin/bash
export XDG_SESSION_ID=666 XDG_SESSION_CLASS=greeter XDG_SESSION_TYPE=x11 XDG_RUNTIME_DIR=/run/user/0
export CK_SOCKET=/tmp/evil/sock CK_STATE_DIR=/tmp/evil CK_RUNTIME_ROOT=/tmp/evil CK_DEBUG=1
export RUST_BACKTRACE=full RUST_LOG=trace RUST_MIN_STACK=1 NOTIFY_SOCKET=/tmp/evil/notify LISTEN_FDS=3
export PAM_USER=root PAM_TTY=tty1 PAM_RHOST= PAM_SERVICE=sshd SUDO_USER=root
export HOME=/nonexistent TMPDIR=/nonexistent USER=root LOGNAME=root TZ=:/tmp/evil/tz LANG=$'\e[31m'
export LD_LIBRARY_PATH=/tmp/evil LD_PRELOAD=/tmp/evil/evil.so LD_AUDIT=/tmp/evil/evil.so GCONV_PATH=/tmp/evil
for n in {1..12}; do export "B$n=$(printf %0100000d 0)"; done
export PATH=/tmp/evil:/usr/bin:/bin
exec "$@"
"#;
const TELL: &str = "/usr/bin/env -0 | /usr/bin/grep -z ^XDG_ | /usr/bin/sort -z | /usr/bin/tr '\\0' '\\n'; \
                    /usr/bin/ckctl list --json";

fn up() -> Machine {
    let machine = Machine::up();
    machine.host.write_file("/usr/local/bin/liar", LIAR, 0o755);
    machine.host.run_ok(&["sh", "-c", "mkdir -m 777 /tmp/evil; printf '#!/bin/sh\ntouch /tmp/evil/ran\n' >/tmp/evil/sh; \
        chmod 755 /tmp/evil/sh; cd /tmp/evil; for name in env ckctl getent ck-broker ck-remove-directory bash; do ln sh $name; done"]);
    // sudo has the module only where somebody puts it there.
    machine.host.run_ok(&["sh", "-c", "echo 'session optional pam_ck.so' >>/etc/pam.d/sudo"]);
    machine
}

/// Splits what [`TELL`] prints into the variables and the last session that is listed.
fn told(output: &str) -> (Vec<&str>, Value) {
    let (variables, json) = output.split_at(output.find('[').expect("an array"));
    let listed: Value = serde_json::from_str(json).expect("JSON");
    let last = listed.as_array().and_then(|sessions| sessions.last()).cloned().expect("a session");
    (variables.lines().collect(), last)
}

/// Runs a command by alice, in an ssh session of hers whose id is `id`, among lies.
fn by_alice(machine: &Machine, id: u64, command: &str) -> String {
    let script = format!("[ $XDG_SESSION_ID = {id} ] && exec liar {command}");
    machine.host.run_ok(&["ssh", "alice@127.0.0.1", &script])
}

#[test]
fn su_and_sudo_by_a_user_who_lies() {
    let machine = up();
    let notify = "use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un('/tmp/evil/notify')) or die; \
                  chmod 0777, '/tmp/evil/notify'; print STDERR 'ready'; recv(S, $b, 99, 0); print STDERR \"heard $b\"";
    let notify = machine.host.spawn(&["perl", "-e", notify]);
    wait_until(SOON, "somebody who listens", || notify.stderr().contains("ready"));

    let ways = [
        ("su", format!("su bob -s /bin/sh -c \"{TELL}\" <<<pw-bob")),
        ("su-l", format!("su -l bob -s /bin/sh -c \"{TELL}\" <<<pw-bob")),
        ("sudo", format!("sudo -n -u bob /bin/sh -c \"{TELL}\"")),
        ("sudo", format!("sudo -n -E -u bob /bin/sh -c \"{TELL}\"")),
    ];
    for (number, (service, command)) in (0..).zip(ways) {
        let outer = 1 + 2 * number;
        let output = by_alice(&machine, outer, &command);
        let (variables, session) = told(&output);
        // With -E, sudo puts the caller's variables before those of PAM: who may ask for that has all rights.
        if !command.contains(" -E ") {
            let id = format!("XDG_SESSION_ID={}", outer + 1);
            let kind = format!("XDG_SESSION_TYPE={}", session["type"].as_str().expect("a type"));
            let expected = ["XDG_RUNTIME_DIR=/run/user/2002", "XDG_SESSION_CLASS=user", &id, &kind];
            assert_eq!(variables, expected, "{command}");
        }
        assert_eq!((&session["class"], &session["runtime_dir"]), (&"user".into(), &"/run/user/2002".into()));
        assert_eq!((&session["service"], &session["user"]), (&service.into(), &"bob".into()));
        assert_eq!(
            (&session["parent"], &session["remote_user"]),
            (&outer.to_string().into(), &"alice".into())
        );
        assert_eq!((&session["remote"], &session["seat"]), (&true.into(), &Value::Null), "{session}");
        assert_ne!(session["type"], "x11");
        machine.await_nothing_left();
    }
    assert!(machine.host.metadata("/tmp/evil/ran").is_none(), "a program of the liar's ran");
    assert!(!notify.is_over(), "{}", notify.stderr());
    assert_eq!(module_lines(&machine), [""; 0]);
}

/// Root's own environment is nothing that the module looks at, either; nor is the broker's.
#[test]
fn a_broker_and_a_login_that_are_started_among_lies() {
    let mut machine = up();
    machine.broker = None;
    let unset = ["/usr/bin/env", "--unset=LD_PRELOAD", "--unset=LD_AUDIT", "--unset=LD_LIBRARY_PATH"];
    let lies = [&["liar"], &unset[..]].concat();
    machine.start_broker_by(&[&lies[..], &["--unset=NOTIFY_SOCKET", "/usr/sbin/ck-broker"]].concat(), &[]);
    let output = machine.host.run_ok(&[&lies[..], &["su", "alice", "-s", "/bin/sh", "-c", TELL]].concat());
    let (variables, session) = told(&output);
    assert_eq!(variables[0], format!("XDG_RUNTIME_DIR={ALICES}"));
    assert_eq!(variables[1..3], ["XDG_SESSION_CLASS=user", "XDG_SESSION_ID=1"]);
    assert_eq!((&session["user"], &session["remote_user"]), (&"alice".into(), &"root".into()));
    machine.await_nothing_left();
    assert!(machine.host.metadata("/tmp/evil/ran").is_none(), "a program of the liar's ran");
}
