//! What `ckctl status` prints, whichever release the broker is of. The files beside this one are what the first release printed,
//! with times in UTC.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic, also outside functions marked #[test]"
)]

use ck_protocol::*;
use rustix::{
    fd::OwnedFd,
    net::{self, AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// A broker, and the socket where it listens.
struct Broker(PathBuf);

impl Broker {
    /// One that answers requests as `answer` says; no answer is what an older broker says to a request that it does not know.
    fn answering(answer: impl Fn(&AdminRequest) -> Option<Vec<Vec<u8>>> + Send + 'static) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("ckctl-status-{}-{number}", process::id()));
        let listener = seqpacket();
        net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        net::listen(&listener, 8).unwrap();
        thread::spawn(move || {
            while let Ok(peer) = net::accept_with(&listener, SocketFlags::CLOEXEC) {
                serve(&peer, &answer);
            }
        });
        Self(path)
    }

    /// One of this release, that says this of itself.
    fn telling(facts: Vec<Fact>, problems: Vec<Message>) -> Self {
        Self::answering(move |request| match request {
            AdminRequest::Facts => Some(list(facts.iter().cloned().map(Reply::Fact))),
            AdminRequest::Problems => Some(list(problems.iter().cloned().map(Reply::Problem))),
            other => panic!("{other:?}"),
        })
    }

    /// What `ckctl status` prints of it; with the option, if there is one.
    fn status(&self, option: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ckctl"));
        command.args(["--socket".as_ref(), self.0.as_os_str(), "status".as_ref()]).env("TZ", "UTC");
        let output = command.args(Some(option).filter(|option| !option.is_empty())).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.status("--json")).unwrap()
    }

    /// Asserts that it is shown as the first release showed it.
    fn assert_shown_as(&self, name: &str) {
        for (option, kind) in [("", "txt"), ("--json", "json"), ("--metrics", "metrics")] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/status/{name}.{kind}"));
            assert_eq!(self.status(option), fs::read_to_string(&path).unwrap(), "{}", path.display());
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn seqpacket() -> OwnedFd {
    net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

fn serve(peer: &OwnedFd, answer: &impl Fn(&AdminRequest) -> Option<Vec<Vec<u8>>>) {
    let mut room = [0; limits::REQUEST];
    loop {
        let (length, _) = net::recv(peer, &mut room[..], RecvFlags::empty()).unwrap();
        if length == 0 {
            return;
        }
        let (_, request) = PROTOCOL.decode(&room[..length], limits::REQUEST).unwrap();
        let answers = answer(&request);
        let closes = answers.is_none();
        for packet in answers.unwrap_or_else(|| vec![refused(RefusalCode::Malformed)]) {
            net::send(peer, &packet, SendFlags::NOSIGNAL).unwrap();
        }
        if closes {
            return;
        }
    }
}

fn packet(reply: &Reply) -> Vec<u8> {
    PROTOCOL.newest().encode(reply, &mut [0; limits::REPLY]).unwrap().to_vec()
}

fn list(replies: impl Iterator<Item = Reply>) -> Vec<Vec<u8>> {
    replies.chain([Reply::End]).map(|reply| packet(&reply)).collect()
}

fn refused(code: RefusalCode) -> Vec<u8> {
    packet(&Reply::Refused(Refusal { code, message: Text::clipped("malformed frame") }))
}

fn well() -> Status {
    Status {
        version: Text::clipped("0.1.0"),
        pid: Pid::try_from(60).unwrap(),
        started_at: Timestamp::from_micros(1_500_000),
        sessions: 3,
        users: 2,
        teardowns_running: 1,
        teardowns_waiting: 0,
        teardowns_failed: 0,
        teardowns_abandoned: 0,
        sessions_limit: 100,
        subscribers: 4,
        hooks_running: 5,
        hooks_waiting: 6,
        hooks_failed: 0,
        configured_at: Timestamp::from_micros(2_500_000),
        configuration_problem: None,
    }
}

fn troubled() -> Status {
    let (teardowns_failed, teardowns_abandoned, hooks_failed) = (1, 2, 3);
    let configuration_problem = Some(Text::clipped("the configuration stays as it was: f:3: no\u{1b}"));
    Status { teardowns_failed, teardowns_abandoned, hooks_failed, configuration_problem, ..well() }
}

fn problems() -> Vec<Message> {
    vec![Text::clipped("uid 2001 has no runtime directory: \u{1b}")]
}

#[test]
fn facts_are_shown_as_the_status_was() {
    Broker::telling(well().facts(), Vec::new()).assert_shown_as("well");
    Broker::telling(troubled().facts(), problems()).assert_shown_as("troubled");
}

#[test]
fn a_broker_that_has_no_facts_is_asked_for_its_status() {
    for (status, problems, name) in [(well(), Vec::new(), "well"), (troubled(), problems(), "troubled")] {
        let broker = Broker::answering(move |request| match request {
            AdminRequest::Facts => None,
            AdminRequest::Status => Some(vec![packet(&Reply::Status(status.clone()))]),
            AdminRequest::Problems => Some(list(problems.iter().cloned().map(Reply::Problem))),
            other => panic!("{other:?}"),
        });
        broker.assert_shown_as(name);
    }
}

#[test]
fn what_only_a_newer_broker_says_is_shown_by_its_key() {
    let mut facts = well().facts();
    let newer = [
        ("logins_total", FactValue::Number(77)),
        ("backed_up_at", FactValue::Time(Timestamp::from_micros(0))),
        ("kernel", FactValue::Text(Text::clipped("Linux \u{1b}[2J"))),
    ];
    facts.extend(newer.map(|(key, value)| Fact::new(key, value)));
    let broker = Broker::telling(facts, Vec::new());
    let json = broker.json();
    assert_eq!((&json["logins_total"], &json["sessions"]), (&77.into(), &3.into()));
    assert_eq!(json["backed_up_at"], "1970-01-01T00:00:00.000000Z");
    assert_eq!(json["kernel"], "Linux \u{1b}[2J");
    assert!(!broker.status("--json").contains('\u{1b}'));
    let (metrics, known) = (broker.status("--metrics"), include_str!("well.metrics"));
    let more =
        "# TYPE ck_logins_total gauge\n# HELP ck_logins_total Told by a newer broker.\nck_logins_total 77\n";
    assert_eq!(metrics, known.replace("# EOF\n", &format!("{more}# EOF\n")));
    assert_eq!(broker.status(""), include_str!("well.txt"));
}

#[test]
fn a_key_that_is_taken_or_is_no_name_does_no_harm() {
    let keys = [
        "problems",
        "up",
        "hooks",
        "hooks_failed_total",
        "start_time_seconds",
        "a b",
        "x\n# EOF",
        "é",
        "sessions",
    ];
    let facts = well().facts().into_iter().chain(keys.map(|key| Fact::new(key, FactValue::Number(9))));
    let broker = Broker::telling(facts.collect(), Vec::new());
    assert_eq!(broker.status("--metrics"), include_str!("well.metrics"));
    let text = broker.status("--json");
    assert_eq!((text.matches("\"problems\":").count(), text.matches("\"sessions\":").count()), (1, 1));
    assert_eq!((&broker.json()["sessions"], &broker.json()["up"]), (&3.into(), &9.into()));
}

#[test]
fn a_value_of_an_unknown_kind_is_passed_over() {
    let mut packets = list(well().facts().into_iter().map(Reply::Fact));
    let mut unknown = packet(&Reply::Fact(Fact::new("load", FactValue::Number(1))));
    assert_eq!(unknown[7], 0, "the kind: a number");
    unknown[7] = 99;
    packets.insert(3, unknown);
    let broker = Broker::answering(move |request| match request {
        AdminRequest::Facts => Some(packets.clone()),
        _ => Some(list(std::iter::empty())),
    });
    broker.assert_shown_as("well");
}

#[test]
fn what_is_missing_is_null_and_not_well() {
    let facts = well().facts().into_iter().filter(|fact| !fact.key.as_str().starts_with("teardowns"));
    let broker = Broker::telling(facts.collect(), Vec::new());
    let json = broker.json();
    assert_eq!((&json["teardowns_failed"], &json["users"]), (&serde_json::Value::Null, &2.into()));
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(2));
    let shown = broker.status("");
    assert!(!shown.contains("all is well") && shown.contains("- running, - waiting, - failed"), "{shown}");
    assert!(!broker.status("--metrics").contains("ck_teardowns{"));
}
