//! What the program says: errors on one line that say what to do, help, forms of lists.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic, also outside functions marked #[test]"
)]

use ck_protocol::*;
use fake_broker::{Broker, list, packet};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    process::{Command, Output},
};

mod errors;
#[path = "../fake_broker/mod.rs"]
mod fake_broker;
mod lists;
mod locks;
mod surroundings;

/// A broker with these sessions, which are also its users.
fn broker(sessions: Vec<Session>) -> Broker {
    Broker::answering(move |request| {
        let find = |id: &SessionId| sessions.iter().find(|session| session.id == *id).cloned();
        Some(match request {
            AdminRequest::List => list(sessions.iter().cloned().map(|s| Reply::Session(Box::new(s)))),
            AdminRequest::Users => list(sessions.iter().map(|s| Reply::User(Box::new(user(s))))),
            AdminRequest::Show(id) => {
                let refusal =
                    Refusal { code: RefusalCode::NoSuchSession, message: Text::clipped("no session") };
                let found = find(id).map(|session| Reply::Session(Box::new(session)));
                vec![packet(&found.unwrap_or(Reply::Refused(refusal)))]
            }
            AdminRequest::Terminate(_) => vec![packet(&Reply::Done(1))],
            other => panic!("{other:?}"),
        })
    })
}

/// Sessions of alice, bob and root. They began in this order.
fn three() -> Vec<Session> {
    let alice = session(10, 4_000_002_001, "alice");
    let bob = Session {
        remote_host: Some(Text::clipped("2001:db8:85a3:8d3:1319:8a2e:370:7348")),
        ..session(9, 4_000_002_002, "bob,\u{1b}")
    };
    vec![alice, bob, session(11, 0, "root")]
}

fn session(id: u64, uid: u32, user: &str) -> Session {
    Session {
        id: SessionId::new(id),
        parent: None,
        uid: Uid::try_from(uid).unwrap(),
        user: UserName::clipped(user),
        leader_pid: Pid::try_from(9).unwrap(),
        service: Text::clipped("sshd"),
        class: Class::User,
        session_type: SessionType::Tty,
        tty: None,
        remote: true,
        remote_host: Some(Text::clipped("127.0.0.1")),
        remote_user: None,
        display: None,
        seat: None,
        vt: None,
        state: State::Active,
        opened_at: Timestamp::from_micros(i64::from(uid)),
        runtime_dir: None,
        audit_id: None,
        login_uid: None,
    }
}

fn user(session: &Session) -> User {
    User {
        uid: session.uid,
        name: session.user.clone(),
        sessions: 1,
        linger: false,
        state: UserState::Active,
        runtime_dir: None,
    }
}

// Cargo builds this anew, with the path of the program, when the checkout has been moved: .cargo/config.toml.
const _: &str = env!("CK_ROOT");

/// `ckctl` without a broker.
fn ckctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ckctl"));
    command.args(["--socket", "/nonexistent/admin.sock"]).env("TZ", "UTC").env_remove("XDG_SESSION_ID");
    command
}

/// What the command prints, if it succeeds without a message.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The only line that the command says, if it fails with `status`.
fn error(command: &mut Command, status: i32) -> String {
    let Output { status: ended, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!((ended.code(), stdout.as_slice()), (Some(status), &b""[..]), "{command:?}: {said}");
    let line = said.strip_suffix('\n').and_then(|line| line.strip_prefix("ckctl: "));
    let line = line.unwrap_or_else(|| panic!("{command:?}: {said:?}")).to_owned();
    assert!(!line.contains('\n'), "{command:?}: {said}");
    line
}

/// A name that is not UTF-8, and of nobody.
fn latin_1() -> &'static OsStr {
    OsStr::from_bytes(b"J\xf6rg-of-nobody")
}
