//! The rules of the registry, one by one; `tests/registry` drives them at random.

use super::*;

/// A login of alice by the process `pid`.
fn login(serial: u8, pid: i32) -> Input {
    let mut login = login::tests::login("pts/0", None);
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
        registry.apply(Input::End(SessionRef::Id(SessionId::new(id))));
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
    registry.apply(Input::End(SessionRef::Id(SessionId::FIRST)));
    registry.apply(login(3, 12));
    assert_eq!(registry.get(SessionId::new(3)).unwrap().session.parent, None);
}

#[test]
fn a_directory_that_nobody_waits_for_any_more_is_retired() {
    let mut registry = empty();
    registry.apply(login(1, 10));
    registry.apply(Input::End(SessionRef::Token(Token::new([1; 16]))));
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
