//! Tests of the module.

use super::{environment::tests::session, *};
use std::time::Duration;

fn hooks() -> Hooks {
    let none = || vec![PathBuf::from("/etc/ck-broker-test/none")];
    let deadline = Duration::from_secs(1);
    Hooks::new(
        Poller::new().unwrap(),
        HookRules { deadline, parallel: 2, wait_added: true, session_dirs: none(), seat_dirs: none() },
    )
}

#[test]
fn without_hooks_everything_is_told_at_once() {
    let mut hooks = hooks();
    for _ in 0..3 {
        hooks.push(HookEvent::SessionAdded(Box::new(session())));
    }
    let now = Instant::now();
    assert_eq!((hooks.waiting(), hooks.next_deadline(now)), (3, Some(now)));
    let told = hooks.expire(now);
    assert!(hooks.running.is_empty());
    assert_eq!((hooks.waiting(), told.len()), (0, 3));
    assert_eq!(hooks.next_deadline(now), None, "nothing to wake up for");
}

#[test]
fn a_seat_remembers_which_session_it_showed() {
    let mut hooks = hooks();
    let seat = ShortName::clipped("seat0");
    assert_eq!(hooks.set_foreground(&seat, Some(&session())), None);
    assert_eq!(hooks.set_foreground(&seat, None), Some(Box::new(session())));
    assert_eq!(hooks.set_foreground(&seat, None), None);
}
