//! The wire format, frozen. A test that fails here means that modules and brokers of two
//! releases no longer understand each other: add a variant at the end, or raise the version.
//!
//! The frames are also the seeds of the fuzz targets, a file each. `CK_WRITE_SEEDS=1 cargo test --test golden`
//! writes those that are missing.

#![allow(clippy::unwrap_used, reason = "tests may panic, also outside functions marked #[test]")]

use ck_protocol::*;
use std::{env, fs, path::Path, time::Duration};

/// A frame of `value` in that version, in hexadecimal.
fn hex<T: Framed>(version: Version, value: &T) -> String {
    let mut buffer = [0; limits::REPLY];
    let packet = version.encode(value, &mut buffer).unwrap();
    packet.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that `golden` has in hexadecimal.
fn bytes(golden: &str) -> Vec<u8> {
    (0..golden.len()).step_by(2).map(|i| u8::from_str_radix(&golden[i..i + 2], 16).unwrap()).collect()
}

/// Asserts that `value` is `golden` on the wire, both ways, in the version that is its first byte.
fn frozen_in_its_version<T>(value: &T, golden: &str)
where
    T: Framed + PartialEq + std::fmt::Debug,
{
    both_ways(value, golden);
    seed(value, &bytes(golden));
}

/// The same for a value that is no seed.
fn both_ways<T>(value: &T, golden: &str)
where
    T: Framed + PartialEq + std::fmt::Debug,
{
    let (version, read) = PROTOCOL.decode::<T>(&bytes(golden), limits::REPLY).unwrap();
    assert_eq!((hex(version, value).as_str(), &read), (golden, value));
}

/// Asserts that `value` is `golden` on the wire in version 1, and has the same bytes in version 2 but for the number.
fn frozen<T>(value: &T, golden: &str)
where
    T: Framed + PartialEq + std::fmt::Debug,
{
    frozen_in_its_version(value, golden);
    assert_eq!(hex(PROTOCOL.newest(), value), format!("02{}", &golden[2..]));
}

/// Asserts that `value` is `golden` in version 2, and that version 1 says `before` instead, which is then read as `known`.
fn frozen_anew<T>(value: &T, golden: &str, before: &str, known: &T)
where
    T: Framed + PartialEq + std::fmt::Debug,
{
    frozen_in_its_version(value, golden);
    assert_eq!(hex(PROTOCOL.oldest(), value), before);
    frozen_in_its_version(known, before);
}

/// Asserts that the fuzz target that reads such values starts from this one.
fn seed<T: std::fmt::Debug>(value: &T, packet: &[u8]) {
    let kind = std::any::type_name::<T>().rsplit("::").next().unwrap();
    let target = if kind.ends_with("Request") { "requests" } else { "replies" };
    let variant: String = format!("{value:?}").chars().take_while(|c| c.is_alphanumeric()).collect();
    let start: String = packet.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("tests/fuzz/seeds/{target}/{kind}-{variant}-{}-{start}", packet.len());
    let path = Path::new(env!("CK_ROOT")).join(name);
    if env::var_os("CK_WRITE_SEEDS").is_some() {
        fs::write(&path, packet).unwrap();
    }
    assert_eq!(
        fs::read(&path).ok().as_deref(),
        Some(packet),
        "{}: see the head of this file",
        path.display()
    );
}

/// The change number 4.
fn change(event: Event) -> Reply {
    Reply::Change(Box::new(Change { sequence: 4, event }))
}

/// The bytes of the frame of a change, of those of its version and its event.
fn framed(golden: &str) -> String {
    let (version, bytes) = golden.split_at(2);
    format!("{version}0c04{bytes}")
}

/// Asserts that `event` is `golden` on the wire in both versions, but for what is before it in its frame.
fn frozen_event(event: Event, golden: &str) {
    frozen(&change(event), &framed(golden));
}

/// Asserts that `event` is `golden` in version 2, and that version 1 says `before` instead, which is then read as `known`.
fn frozen_event_anew(event: Event, golden: &str, before: &str, known: Event) {
    frozen_anew(&change(event), &framed(golden), &framed(before), &change(known));
}

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

/// Asserts that `keys` are the names of the members of `status`, as the compiler knows them.
fn assert_names(keys: &[&str], status: &Status) {
    let shown = format!("{status:#?}");
    let members = shown.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    let members: Vec<_> = members.map(|(name, _)| name).filter(|name| !name.starts_with(' ')).collect();
    assert_eq!(members, keys);
}

fn alice() -> Open {
    Open {
        token: Token::new(*b"0123456789abcdef"),
        uid: Uid::try_from(2001).unwrap(),
        gid: Gid::try_from(2002).unwrap(),
        user: UserName::clipped("alice"),
        service: text("sshd"),
        class: None,
        session_type: Some(SessionType::Tty),
        tty: Some(text("ssh")),
        remote_host: Some(text("::1")),
        remote_user: None,
        display: None,
        runtime_dir: true,
    }
}

fn session() -> Session {
    Session {
        id: SessionId::new(300),
        parent: Some(SessionId::new(7)),
        uid: Uid::try_from(2001).unwrap(),
        user: UserName::clipped("alice"),
        leader_pid: Pid::try_from(4711).unwrap(),
        service: text("login"),
        class: Class::User,
        session_type: SessionType::Tty,
        tty: Some(text("tty2")),
        remote: false,
        remote_host: None,
        remote_user: None,
        display: None,
        seat: Some(text("seat0")),
        vt: Some(Vt::try_from(2).unwrap()),
        state: State::Active,
        opened_at: Timestamp::from_micros(1_000_000),
        runtime_dir: Some(text("/run/user/2001")),
        audit_id: std::num::NonZeroU32::new(300),
        login_uid: Some(Uid::ROOT),
    }
}

#[test]
fn session_requests() {
    frozen(
        &SessionRequest::Open(Box::new(alice())),
        concat!(
            "010030313233343536373839616263646566d10fd20f05616c6963650473736864",
            "000101010373736801033a3a31000001"
        ),
    );
    frozen(&SessionRequest::Close(SessionRef::Id(SessionId::new(300))), "010100ac02");
    frozen(
        &SessionRequest::Close(SessionRef::Token(Token::new([0xff; 16]))),
        "010101ffffffffffffffffffffffffffffffff",
    );
}

#[test]
fn admin_requests() {
    frozen(&AdminRequest::List, "0100");
    frozen(&AdminRequest::Show(SessionId::FIRST), "010101");
    frozen(&AdminRequest::Status, "0102");
    frozen(&AdminRequest::Teardowns, "0103");
    frozen(&AdminRequest::RetryTeardowns(None), "010400");
    frozen(&AdminRequest::RetryTeardowns(Some(TeardownId::new(300))), "010401ac02");
    frozen(&AdminRequest::Subscribe, "0105");
    frozen(&AdminRequest::Users, "0106");
    frozen(&AdminRequest::Seats, "0107");
    frozen(&AdminRequest::Terminate(Target::Session(SessionId::FIRST)), "01080001");
    frozen(&AdminRequest::Terminate(Target::User(alice().uid)), "010801d10f");
    frozen(&AdminRequest::Lock(SessionId::FIRST), "010901");
    frozen(&AdminRequest::Unlock(SessionId::FIRST), "010a01");
    frozen(&AdminRequest::Activate(SessionId::FIRST), "010b01");
    frozen(&AdminRequest::Linger(Linger::List), "010c00");
    let Open { uid, gid, user, .. } = alice();
    frozen(&AdminRequest::Linger(Linger::On { uid, gid, user }), "010c01d10fd20f05616c696365");
    frozen(&AdminRequest::Linger(Linger::Off(uid)), "010c02d10f");
    frozen(&AdminRequest::TeardownDetails, "010d");
    frozen(&AdminRequest::Problems, "010e");
    frozen(&AdminRequest::Facts, "010f");
}

#[test]
fn replies() {
    let opened = Opened {
        id: SessionId::FIRST,
        class: Class::User,
        session_type: SessionType::Tty,
        seat: None,
        vt: None,
        runtime_dir: Some(text("/run/user/2001")),
    };
    frozen(
        &Reply::Opened(opened),
        "010001000100000 10e2f72756e2f757365722f32303031".replace(' ', "").as_str(),
    );
    frozen(&Reply::Closed, "0101");
    const SESSION: &str = concat!(
        "02ac020107d10f05616c696365ce49056c6f67696e00010104747479320000000001",
        "05736561743001020280897a010e2f72756e2f757365722f32303031"
    );
    frozen_anew(
        &Reply::Session(Box::new(session())),
        &format!("02{SESSION}01ac020100"),
        &format!("01{SESSION}"),
        &Reply::Session(Box::new(Session { audit_id: None, login_uid: None, ..session() })),
    );
    let status = Status {
        version: text("0.1.0"),
        pid: Pid::try_from(1).unwrap(),
        started_at: Timestamp::from_micros(-1),
        sessions: 1,
        users: 2,
        teardowns_running: 3,
        teardowns_waiting: 4,
        teardowns_failed: 5,
        teardowns_abandoned: 6,
        sessions_limit: 7,
        subscribers: 8,
        hooks_running: 9,
        hooks_waiting: 10,
        hooks_failed: 11,
        configured_at: Timestamp::from_micros(1),
        configuration_problem: Some(text("no")),
    };
    assert_names(&Status::KEYS, &status);
    let facts = status.facts();
    assert_eq!(facts.iter().map(|fact| fact.key.as_str()).collect::<Vec<_>>(), Status::KEYS);
    assert_eq!(
        (&facts[0].value, &facts[13].value),
        (&FactValue::Text(text("0.1.0")), &FactValue::Number(11))
    );
    assert_eq!(Status { configuration_problem: None, ..status.clone() }.facts(), facts[..15]);
    frozen(&Reply::Status(status), "010305302e312e3002010102030405060708090a0b0201026e6f");
    frozen(&Reply::End, "0104");
    let refusal = Refusal { code: RefusalCode::Failed, message: text("no") };
    frozen(&Reply::Refused(refusal), "010506026e6f");
    let teardown = Teardown {
        id: TeardownId::new(3),
        uid: Uid::try_from(2001).unwrap(),
        path: text("/x"),
        state: TeardownState::Quarantined,
        failures: 4,
        next_try: Some(Timestamp::from_micros(1)),
        reason: Some(text("no")),
    };
    frozen(&Reply::Teardown(Box::new(teardown.clone())), "010603d10f022f780204010201026e6f");
    let detail = TeardownDetail { teardown, bytes: Some(300), since: Timestamp::from_micros(1) };
    frozen(&Reply::TeardownDetail(Box::new(detail)), "010e03d10f022f780204010201026e6f01ac0202");
    frozen(&Reply::Problem(text("no")), "010f026e6f");
    frozen(&Reply::Fact(Fact::new("users", FactValue::Number(300))), "011005757365727300ac02");
    let time = FactValue::Time(Timestamp::from_micros(1));
    frozen(&Reply::Fact(Fact::new("at", time)), "01100261740102");
    frozen(&Reply::Fact(Fact::new("why", FactValue::Text(text("no")))), "01100377687902026e6f");
    let millis = |millis| Micros::from(Duration::from_millis(millis));
    frozen(&Reply::Fact(Fact::new("took", FactValue::Duration(millis(1)))), "011004746f6f6b03e807");
    let buckets = vec![DurationBucket { up_to: millis(1), count: 2 }];
    let histogram = FactValue::Histogram(Buckets { buckets, above: 3, sum: millis(4) });
    frozen(&Reply::Fact(Fact::new("took", histogram)), "011004746f6f6b0401e8070203a01f");
    let counts = FactValue::Counts(vec![Count { what: text("busy"), count: 5 }]);
    frozen(&Reply::Fact(Fact::new("refused", counts)), "011007726566757365640501046275737905");
    frozen(&Reply::Retrying(2), "010702");
    let user = User {
        uid: alice().uid,
        name: UserName::clipped("alice"),
        sessions: 2,
        linger: true,
        state: UserState::Online,
        runtime_dir: Some(text("/x")),
    };
    frozen(&Reply::User(Box::new(user)), "0108d10f05616c69636502010101022f78");
    let seat = Seat { id: text("seat0"), active: Some(SessionId::FIRST), sessions: 3, has_vts: true };
    frozen(&Reply::Seat(Box::new(seat)), "01090573656174300101 0301".replace(' ', "").as_str());
    frozen(&Reply::Done(2), "010a02");
    frozen(&Reply::Synced(300), "010bac02");
    frozen(&Reply::Lost(5), "010d05");
    let told = Told { uid: alice().uid, user: UserName::clipped("alice"), subscribers: 2 };
    frozen_anew(&Reply::Told(Box::new(told)), "0211d10f05616c69636502", "010a01", &Reply::Done(1));
}

#[test]
fn events() {
    let (id, uid) = (SessionId::FIRST, Uid::try_from(2001).unwrap());
    let (user, unknown) = (Some(UserName::clipped("alice")), None::<UserName>);
    frozen_event_anew(
        Event::UserAdded { uid, user: user.clone() },
        "0200d10f0105616c696365",
        "0100d10f",
        Event::UserAdded { uid, user: unknown.clone() },
    );
    for version in PROTOCOL.versions() {
        let added = hex(version, &change(Event::SessionAdded(Box::new(session()))));
        assert!(added[2..].starts_with("0c0401ac02"), "{added}");
        let changed = hex(version, &change(Event::SessionChanged(Box::new(session()))));
        assert!(changed[2..].starts_with("0c0406ac02"), "{changed}");
    }
    frozen_event_anew(
        Event::UserRemoved { uid, user: user.clone() },
        "0203d10f0105616c696365",
        "0103d10f",
        Event::UserRemoved { uid, user: unknown.clone() },
    );
    frozen_event(Event::TeardownFinished(uid), "0104d10f");
    frozen_event(Event::TeardownFailed(uid), "0105d10f");
    let (seat, active, before) = (text("seat0"), Some(id), None);
    frozen_event(
        Event::SeatChanged { seat, active, before },
        "010705736561743001 0100".replace(' ', "").as_str(),
    );
    frozen_event_anew(
        Event::LockRequested { id, uid, user: user.clone() },
        "020801d10f0105616c696365",
        "010801d10f",
        Event::LockRequested { id, uid, user: unknown.clone() },
    );
    frozen_event_anew(
        Event::UnlockRequested { id, uid, user },
        "020901d10f0105616c696365",
        "010901d10f",
        Event::UnlockRequested { id, uid, user: unknown },
    );
}

/// The end of a session, for this reason.
fn end(cause: EndCause) -> Event {
    let session = Session { id: SessionId::FIRST, parent: None, state: State::Closing, ..session() };
    SessionEnd { session, cause, ended_at: Timestamp::from_micros(2_000_000) }.into()
}

#[test]
fn ends() {
    // As in `replies`, but for its id, its parent and its state.
    const SESSION: &str = concat!(
        "0100d10f05616c696365ce49056c6f67696e000101047474793200000000010573",
        "6561743001020380897a010e2f72756e2f757365722f3230303101ac020100"
    );
    let (id, uid) = (SessionId::FIRST, session().uid);
    let bytes = |cause: &str| format!("020201d10f01{SESSION}{cause}8092f401");
    for (cause, golden) in [
        (EndCause::Logout, "00"),
        (EndCause::LeaderDied, "01"),
        (EndCause::NoReply, "03"),
        (EndCause::HooksNotAwaited, "04"),
        (EndCause::LeaderUnwatched, "05"),
        (EndCause::Unseen, "06"),
    ] {
        both_ways(&change(end(cause)), &framed(&bytes(golden)));
    }
    frozen_event_anew(
        end(EndCause::Terminated { by: 300 }),
        &bytes("02ac02"),
        "010201d10f",
        Event::SessionRemoved { id, uid, end: None },
    );
}
