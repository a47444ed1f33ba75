//! The rules of the registry, one by one; `tests/registry` drives them at random.

use super::*;
use crate::model::{self, Leader};
use ck_protocol::{EndCause, Gid, Reply, SessionRef, Text};

/// A login of alice by the process `pid`.
fn login(serial: u8, pid: i32) -> Input {
    let mut login = model::login("pts/0", None);
    login.open.token = Token::new([serial; 16]);
    login.leader = Leader { pid: Pid::try_from(pid).unwrap(), started: 1, inode: None };
    login.ancestors = vec![Pid::try_from(99).unwrap(), Pid::try_from(10).unwrap()];
    Input::Open(Box::new(login))
}

fn made() -> Input {
    let dir = RuntimeDir { path: Text::clipped("/run/user/2001"), ours: true };
    Input::RuntimeDir { uid: Uid::try_from(2001).unwrap(), dir: Some(dir) }
}

fn empty() -> Registry {
    Registry::restore(Vec::new(), |_| false, SessionId::FIRST)
}

#[test]
fn nothing_is_kept_of_those_who_have_gone() {
    let mut registry = empty();
    for serial in 1..=200 {
        registry.apply(login(serial, i32::from(serial)));
        registry.apply(made());
    }
    for id in 1..=200 {
        registry.apply(Input::End(SessionRef::Id(SessionId::new(id)), EndCause::Logout));
    }
    let kept = (registry.tokens.len(), registry.leaders.len(), registry.users.len(), registry.making.len());
    assert_eq!((kept, registry.sessions()), ((0, 0, 0, 0), 0));
}

#[test]
fn a_session_within_another_knows_its_parent() {
    let mut registry = empty();
    registry.apply(login(1, 10));
    registry.apply(made());
    registry.apply(login(2, 11));
    let inner = registry.get(SessionId::new(2)).unwrap();
    assert_eq!(inner.session.parent, Some(SessionId::FIRST));
    registry.apply(Input::End(SessionRef::Id(SessionId::FIRST), EndCause::Logout));
    registry.apply(login(3, 12));
    assert_eq!(registry.get(SessionId::new(3)).unwrap().session.parent, None);
}

#[test]
fn a_directory_that_nobody_waits_for_any_more_is_retired() {
    let mut registry = empty();
    registry.apply(login(1, 10));
    registry.apply(Input::End(SessionRef::Token(Token::new([1; 16])), EndCause::Logout));
    assert_eq!(registry.apply(made()), [Effect::RetireRuntimeDir(Uid::try_from(2001).unwrap())]);
}

#[test]
fn a_token_serves_one_user_only() {
    let mut registry = empty();
    registry.apply(login(1, 10));
    registry.apply(made());
    let Input::Open(mut other) = login(1, 11) else { panic!() };
    other.open.uid = Uid::ROOT;
    let effects = registry.apply(Input::Open(other));
    assert!(matches!(effects[..], [Effect::Reply(Reply::Refused(_))]), "{effects:?}");
}

/// The replies among the effects, and whether a peer has to wait.
fn answers(effects: &[Effect]) -> (Vec<&Reply>, bool) {
    let replies = effects.iter().filter_map(|effect| match effect {
        Effect::Reply(reply) => Some(reply),
        _ => None,
    });
    (replies.collect(), effects.iter().any(|effect| matches!(effect, Effect::Await(_))))
}

#[test]
fn a_login_that_waits_for_hooks_is_answered_once_and_not_before() {
    let mut registry = empty();
    registry.wait_for_hooks(true);
    registry.apply(login(1, 10));
    assert!(matches!(answers(&registry.apply(made())), (replies, true) if replies.is_empty()));
    // Its module asks again meanwhile.
    assert!(matches!(answers(&registry.apply(login(1, 10))), (replies, true) if replies.is_empty()));
    let done = registry.apply(Input::HooksDone(SessionId::FIRST));
    assert!(matches!(done[..], [Effect::Reply(Reply::Opened(_))]), "{done:?}");
    assert_eq!(registry.apply(Input::HooksDone(SessionId::FIRST)), []);
    assert!(matches!(answers(&registry.apply(login(1, 10))), (replies, false) if replies.len() == 1));
}

#[test]
fn a_session_that_ends_while_its_login_waits_is_not_opened() {
    let mut registry = empty();
    registry.wait_for_hooks(true);
    registry.apply(login(1, 10));
    registry.apply(made());
    registry.apply(Input::End(SessionRef::Id(SessionId::FIRST), EndCause::Logout));
    assert_eq!(registry.apply(Input::HooksDone(SessionId::FIRST)), []);
    assert_eq!((registry.waiting.len(), registry.sessions()), (0, 0));
}

/// As [`login`], of another account with the same uid.
fn login_of(name: &str, serial: u8) -> Input {
    let Input::Open(mut login) = login(serial, i32::from(serial)) else { unreachable!("a login") };
    login.open.user = UserName::clipped(name);
    Input::Open(login)
}

fn retires_and_makes(effects: &[Effect]) -> (bool, bool) {
    let retires = effects.iter().position(|effect| matches!(effect, Effect::RetireRuntimeDir(_)));
    let makes = effects.iter().position(|effect| matches!(effect, Effect::MakeRuntimeDir { .. }));
    assert!(retires.is_none() || retires < makes, "{effects:?}");
    (retires.is_some(), makes.is_some())
}

#[test]
fn another_account_with_the_same_uid_gets_a_fresh_directory() {
    let leaves = |registry: &mut Registry, id| {
        registry.apply(Input::End(SessionRef::Id(SessionId::new(id)), EndCause::Logout));
    };
    let mut registry = empty();
    registry.park(true);
    registry.apply(login(1, 1));
    registry.apply(made());
    leaves(&mut registry, 1);
    assert_eq!(retires_and_makes(&registry.apply(login(2, 2))), (false, false), "it is hers");
    leaves(&mut registry, 2);
    let effects = registry.apply(login_of("carol", 3));
    assert_eq!(retires_and_makes(&effects), (true, true));
    assert!(matches!(&effects[0], Effect::AccountChanged { shares: false, .. }), "{effects:?}");
    registry.apply(made());
    // While both are here they share it, and the one who came last is shown.
    let effects = registry.apply(login_of("dave", 4));
    assert_eq!(retires_and_makes(&effects), (false, false));
    assert!(matches!(&effects[0], Effect::AccountChanged { shares: true, .. }), "{effects:?}");
    let shown = registry.users_from(Uid::try_from(2001).unwrap()).next().unwrap();
    assert_eq!((shown.name.to_text().as_ref(), shown.sessions), ("dave", 2));
}

#[test]
fn nobody_lingers_for_an_account_that_has_the_uid_no_more() {
    let (mut registry, uid) = (empty(), Uid::try_from(2001).unwrap());
    let lingerer = Lingerer { gid: Gid::try_from(100).unwrap(), name: UserName::clipped("alice") };
    registry.apply(Input::Linger { uid, lingerer, kept: None });
    registry.apply(made());
    assert_eq!(retires_and_makes(&registry.apply(login(1, 1))), (false, false), "it is hers");
    registry.apply(Input::End(SessionRef::Id(SessionId::FIRST), EndCause::Logout));
    let effects = registry.apply(login_of("carol", 2));
    assert_eq!(retires_and_makes(&effects), (true, true));
    assert!(effects.contains(&Effect::ForgetLinger(uid)) && !registry.lingers(uid), "{effects:?}");
}
