//! Real logins get their runtime directory and lose it.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use ck_tests::{ALICES, Machine, wait_until};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(10);
/// How soon after the last logout the directory is gone: the promise to users.
const GONE: Duration = Duration::from_millis(100);

/// What a shell of a session says of itself.
const TELL: &str = "echo id=$XDG_SESSION_ID class=$XDG_SESSION_CLASS type=$XDG_SESSION_TYPE dir=$XDG_RUNTIME_DIR; \
                    stat -c 'mode=%a owner=%U:%G' $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/file && echo writable";
const TOLD: &str = "class=user type=tty dir=/run/user/2001\nmode=700 owner=alice:alice\nwritable";

#[test]
fn ssh_by_key_and_by_password_with_and_without_a_terminal() {
    let machine = Machine::up();
    let by_password = ["sshpass", "-p", "pw-alice", "ssh", "-o", "PubkeyAuthentication=no"];
    let ways: [&[&str]; 4] = [&["ssh"], &["ssh", "-T"], &["ssh", "-tt"], &by_password];
    for (number, way) in (1..).zip(ways) {
        let told = machine.host.run_ok(&[way, &["alice@127.0.0.1", TELL]].concat()).replace('\r', "");
        assert_eq!(told, format!("id={number} {TOLD}"), "{way:?}");
        wait_until(SOON, "the directory is gone", || !machine.has_alices());
        machine.await_nothing_left();
    }
}

#[test]
fn the_directory_is_gone_within_100_ms_of_the_last_logout() {
    let machine = Machine::up();
    let mut taken: Vec<Duration> = (0..5)
        .map(|_| {
            machine.host.run_ok(&[
                "ssh",
                "alice@127.0.0.1",
                "mkdir $XDG_RUNTIME_DIR/a && touch $XDG_RUNTIME_DIR/a/b",
            ]);
            wait_until(SOON, "the directory is gone", || !machine.has_alices())
        })
        .collect();
    taken.sort();
    // The median: on a shared machine one run may be held up by somebody else.
    assert!(taken[2] < GONE, "{taken:?}");
}

#[test]
fn sftp_and_scp_work_in_the_directory() {
    let machine = Machine::up();
    machine.host.write_file("/tmp/batch", "cd /run/user/2001\npwd\n", 0o644);
    assert!(machine.host.run_ok(&["sftp", "-b", "/tmp/batch", "alice@127.0.0.1"]).contains("/run/user/2001"));
    machine.await_nothing_left();

    machine.host.run_ok(&["scp", "/tmp/batch", "alice@127.0.0.1:/run/user/2001/copy"]);
    machine.await_nothing_left();
}

#[test]
fn a_connection_without_a_command_is_a_session() {
    let machine = Machine::up();
    let client = machine.host.spawn(&["ssh", "-N", "alice@127.0.0.1"]);
    machine.await_sessions(1);
    let made = machine.host.metadata(ALICES).expect("the directory");
    assert_eq!((made.mode() & 0o7777, made.uid(), made.gid()), (0o700, 2001, 2001));
    drop(client);
    machine.await_nothing_left();
}

#[test]
fn three_channels_of_one_connection_are_one_session() {
    let machine = Machine::up();
    let ssh = ["ssh", "-o", "ControlPath=/tmp/channels", "alice@127.0.0.1"];
    let _master =
        machine.host.spawn(&["ssh", "-o", "ControlPath=/tmp/channels", "-M", "-N", "alice@127.0.0.1"]);
    wait_until(SOON, "the connection", || machine.host.metadata("/tmp/channels").is_some());
    for _ in 0..3 {
        let told = machine.host.run_ok(&[&ssh[..], &[TELL]].concat());
        assert_eq!(told, format!("id=1 {TOLD}"));
    }
    let _held: Vec<_> = (0..3).map(|_| machine.host.spawn(&[&ssh[..], &["sleep 60"]].concat())).collect();
    wait_until(SOON, "three channels", || {
        machine.host.run_ok(&["sh", "-c", "pgrep -c sleep || :"]) >= "3".into()
    });
    assert_eq!(machine.session()["id"], "1");
    machine.host.run_ok(&["ssh", "-o", "ControlPath=/tmp/channels", "-O", "exit", "alice@127.0.0.1"]);
    machine.await_nothing_left();
}

#[test]
fn login_on_a_terminal() {
    let machine = Machine::up();
    let mut login = machine.host.on_terminal(&["login", "-f", "alice"]);
    login.expect("$ ", SOON);
    login.send("stty -echo");
    login.expect("$ ", SOON);
    login.send(&format!("{{ {TELL}; }} >/tmp/told; echo do''ne"));
    login.expect("done", SOON);
    assert_eq!(machine.host.read_file("/tmp/told").trim(), format!("id=1 {TOLD}"));
    let session = machine.session();
    assert_eq!((&session["service"], &session["tty"]), (&"login".into(), &"pts/0".into()));
    assert_eq!(session["leader_pid"], login.pid());
    login.send("exit");
    assert!(login.wait(SOON).expect("login ends").success());
    wait_until(GONE * 3, "the directory is gone", || !machine.has_alices());
    machine.await_nothing_left();
}

#[test]
fn su_within_an_ssh_login_is_a_session_within_it() {
    let machine = Machine::up();
    let script = "su -l alice -c 'echo $XDG_SESSION_ID $XDG_RUNTIME_DIR; ckctl list --json'";
    let told = machine.host.run_ok(&["ssh", "root@127.0.0.1", script]);
    let (first, json) = told.split_once('\n').expect("two parts");
    assert_eq!(first, "2 /run/user/2001");
    let Ok(Value::Array(sessions)) = serde_json::from_str::<Value>(json) else { panic!("{json}") };
    assert_eq!((&sessions[0]["user"], &sessions[0]["parent"]), (&"root".into(), &Value::Null));
    assert_eq!((&sessions[1]["user"], &sessions[1]["parent"]), (&"alice".into(), &"1".into()));
    machine.await_nothing_left();
}

#[test]
fn su_by_root_opens_one_session_though_its_service_includes_another() {
    let machine = Machine::up();
    let told = machine.host.run_ok(&["su", "-l", "alice", "-c", TELL]);
    assert_eq!(told, format!("id=1 {TOLD}").replace("type=tty", "type=unspecified"), "there is no terminal");
    machine.await_nothing_left();
}

#[test]
fn sudo_and_other_work_without_a_person_opens_none() {
    let machine = Machine::up();
    assert_eq!(machine.host.run_ok(&["sudo", "-u", "alice", "sh", "-c", "echo $XDG_SESSION_ID"]), "");
    assert_eq!(
        machine.host.run_ok(&["runuser", "-u", "alice", "--", "sh", "-c", "echo $XDG_SESSION_ID"]),
        ""
    );
    machine.await_nothing_left();
}

#[test]
fn two_logins_of_one_user_share_the_directory() {
    let machine = Machine::up();
    let first = machine.host.spawn(&["ssh", "alice@127.0.0.1", "touch $XDG_RUNTIME_DIR/shared; sleep 60"]);
    wait_until(SOON, "the first is in", || machine.host.metadata("/run/user/2001/shared").is_some());
    assert_eq!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", "ls $XDG_RUNTIME_DIR"]), "shared");
    machine.await_sessions(1);
    assert!(machine.host.metadata("/run/user/2001/shared").is_some(), "the other's logout took it away");
    drop(first);
    machine.await_nothing_left();
}

#[test]
fn a_new_login_finds_nothing_of_the_last() {
    let machine = Machine::up();
    for _ in 0..5 {
        let told = machine.host.run_ok(&[
            "ssh",
            "alice@127.0.0.1",
            "ls -A $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/old",
        ]);
        assert_eq!(told, "");
    }
    machine.await_nothing_left();
}

#[test]
fn root_has_a_session_and_no_directory() {
    let machine = Machine::up();
    let told = machine.host.run_ok(&[
        "ssh",
        "root@127.0.0.1",
        "echo $XDG_SESSION_ID [$XDG_RUNTIME_DIR]; ckctl list --json",
    ]);
    let (first, json) = told.split_once('\n').expect("two parts");
    assert_eq!(first, "1 []");
    let listed: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!((&listed[0]["user"], &listed[0]["runtime_dir"]), (&"root".into(), &Value::Null));
    machine.await_nothing_left();
}

#[test]
fn neither_the_shell_nor_its_leader_holds_a_descriptor_of_ours() {
    let descriptors = |machine: &Machine| {
        let held = machine.host.spawn(&["ssh", "alice@127.0.0.1", "exec sleep 60"]);
        wait_until(SOON, "the login", || {
            machine.host.run(&["pgrep", "-x", "sleep", "-u", "alice"]).status.success()
        });
        let of = |pattern: &[&str]| {
            let pid = machine.host.run_ok(&[&["pgrep"], pattern].concat());
            // What they lead to, without the numbers of pipes and sockets.
            let script =
                format!("cd /proc/{pid}/fd; for n in *; do echo $n $(readlink $n | tr -d 0-9); done");
            machine.host.run_ok(&["sh", "-c", &script])
        };
        let found = (of(&["-x", "sleep", "-u", "alice"]), of(&["-f", "sshd: alice .priv"]));
        drop(held);
        found
    };
    let without = Machine::installed();
    without.host.run_ok(&["sed", "-i", "/pam_ck.so/d", "/etc/pam.d/common-session"]);
    let machine = Machine::up();
    assert_eq!(descriptors(&machine), descriptors(&without));
}

#[test]
fn a_session_is_shown_with_all_its_facts() {
    let machine = Machine::up();
    let _held = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 60"]);
    let works = |session: &Value| session["command"] == "sleep 60";
    wait_until(SOON, "she is at work", || machine.sessions_in_use().iter().any(works));
    let session = machine.sessions_in_use().remove(0);
    let fields: Vec<&str> = session.as_object().expect("an object").keys().map(String::as_str).collect();
    let contract = "id parent uid user leader_pid service class type tty remote remote_host remote_user display seat vt \
                    state opened_at runtime_dir audit_id login_uid idle_seconds command";
    let mut contract: Vec<&str> = contract.split(' ').filter(|word| !word.is_empty()).collect();
    contract.sort_unstable();
    assert_eq!(fields, contract);
    for (field, value) in [
        ("id", Value::from("1")),
        ("parent", Value::Null),
        ("uid", 2001.into()),
        ("user", "alice".into()),
        ("service", "sshd".into()),
        ("class", "user".into()),
        ("type", "tty".into()),
        ("tty", Value::Null),
        ("remote", true.into()),
        ("remote_host", "127.0.0.1".into()),
        ("seat", Value::Null),
        ("vt", Value::Null),
        ("state", "active".into()),
        ("runtime_dir", "/run/user/2001".into()),
        ("idle_seconds", Value::Null),
    ] {
        assert_eq!(session[field], value, "{field}");
    }
    let leader = session["leader_pid"].to_string();
    assert_eq!(machine.host.run_ok(&["ps", "-o", "comm=", "-p", &leader]), "sshd");
    let shown: Value =
        serde_json::from_str(&machine.host.run_ok(&["ckctl", "show", "1", "--json"])).expect("JSON");
    assert_eq!(shown, session);
    // Everybody may look.
    let table = machine.host.run_ok(&["su", "bob", "-s", "/bin/sh", "-c", "ckctl"]);
    assert!(table.contains("alice") && table.contains("2 sessions listed."), "{table}");
}
