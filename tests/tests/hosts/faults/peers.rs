//! Who is at the other end of `session.sock`: the kernel says so, and nobody else.

use std::process::Command;

use ck_protocol::{PROTOCOL, RefusalCode, Reply, SessionId, SessionRef, SessionRequest, limits};
use ck_tests::{ALICES, Machine};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

use super::{BOB, SOON, asked, await_lines};

const CLOSE: SessionRequest = SessionRequest::Close(SessionRef::Id(SessionId::FIRST));

/// That somebody asked for the end of session 1, and was not heard.
fn assert_turned_away(machine: &Machine, by: &[&str]) {
    let output = asked(machine, by, &CLOSE);
    assert!(output.stderr.contains("Permission denied"), "{output:?}");
    machine.host.run_ok(&["chmod", "666", "/run/ck-broker/session.sock"]);
    let output = asked(machine, by, &CLOSE);
    machine.host.run_ok(&["chmod", "600", "/run/ck-broker/session.sock"]);
    let words: String = "uid 2002 may not open sessions".bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(output.stdout.contains(&words), "{output:?}");
    assert_eq!(machine.session()["id"], "1");
}

/// The permissions of the socket keep others out, and where they were changed by hand, the broker does.
#[test]
fn a_user_is_not_root_nor_in_a_namespace_of_their_own() {
    let machine = Machine::up();
    let _held = machine.host.spawn(&["su", "alice", "-c", "sleep 60"]);
    machine.await_sessions(1);
    assert_turned_away(&machine, &BOB);
    let as_root_of_nothing = [&BOB[..], &["unshare", "--user", "--map-root-user"]].concat();
    let inside = machine.host.run_ok(&[&as_root_of_nothing[..], &["id", "-u"]].concat());
    assert_eq!(inside, "0", "a user namespace of bob's");
    assert_turned_away(&machine, &as_root_of_nothing);
    // All capabilities of such a namespace included, and what it calls its own mounts.
    let with_mounts = [&as_root_of_nothing[..], &["--mount", "--pid", "--fork"]].concat();
    assert_turned_away(&machine, &with_mounts);
}

/// We are in the pid namespace above: the broker has no number for us, and could not follow our life.
#[test]
fn a_process_of_a_foreign_pid_namespace_is_refused_and_logs_in_without_a_session() {
    let machine = Machine::up();
    let path = machine.host.root().join("run/ck-broker/session.sock");
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .expect("a socket");
    connect(&socket, &SocketAddrUnix::new(path).expect("a short path")).expect("connect");
    let mut room = [0; limits::REQUEST];
    // It may have hung up already.
    let _ =
        send(&socket, PROTOCOL.newest().encode(&CLOSE, &mut room).expect("a request"), SendFlags::NOSIGNAL);
    let mut room = [0; limits::REPLY];
    // The kernel may report that our request was not read first.
    let mut answer = || recv(&socket, &mut room[..], RecvFlags::empty());
    let (length, _) = answer().or_else(|_| answer()).expect("an answer");
    let (_, reply) = PROTOCOL.decode(&room[..length], limits::REPLY).expect("a reply");
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    assert_eq!(refusal.code, RefusalCode::NotAllowed);
    assert!(refusal.message.as_str().contains("pid namespace"), "{refusal:?}");

    // All of the host but its pids.
    let target = format!("--target={}", machine.host.first_process());
    let login = Command::new("nsenter")
        .args([&target, "--mount", "--net", "--uts", "--ipc", "--root", "--wdns=/", "env", "-i"])
        .args(["PATH=/usr/bin:/bin:/usr/sbin:/sbin", "su", "alice", "-c", "echo in [$XDG_SESSION_ID]"])
        .output()
        .expect("nsenter");
    assert_eq!(String::from_utf8_lossy(&login.stdout), "in []\n", "{login:?}");
    let lines = await_lines(&machine, 1);
    assert!(lines[0].contains("pid namespace that is not below ours"), "{lines:?}");
    assert!(machine.sessions().is_empty());
}

/// A container on the host: the broker sees its processes, by numbers of its own.
#[test]
fn a_process_of_a_pid_namespace_below_has_a_session() {
    let machine = Machine::up();
    let look = "echo $$ $XDG_RUNTIME_DIR; ckctl list --json";
    let told = machine.host.run_ok(&["unshare", "--pid", "--fork", "su", "alice", "-c", look]);
    let (first, json) = told.split_once('\n').expect("two parts");
    assert_eq!(first, format!("2 {ALICES}"), "the shell is the second process there");
    let listed: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert!(listed[0]["leader_pid"].as_i64().expect("a number") > 2, "{listed}");
    machine.await_nothing_left();

    let mut killed =
        machine.host.spawn(&["unshare", "--pid", "--fork", "--kill-child", "su", "alice", "-c", "sleep 60"]);
    machine.await_sessions(1);
    machine.host.run_ok(&["kill", "-9", &machine.session()["leader_pid"].to_string()]);
    machine.await_nothing_left();
    assert!(killed.wait(SOON).is_some());
}
