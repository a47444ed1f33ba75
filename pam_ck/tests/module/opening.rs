//! Logins that get a session, and logins that go on without one.

use crate::{
    SESSION_ERR,
    application::SUCCESS,
    bed::{Bed, daemon, promptly},
    broker::{Answer, opened, opened_in, refused, session},
    built,
};
use ck_protocol::{Class, Opened, Reply, SessionType, Text, Vt};
use pam_sys::PamItemType;
use rustix::{process::Uid, thread::set_thread_res_uid};
use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

#[test]
fn a_login_gets_its_session_and_the_broker_its_facts() {
    let bed = Bed::new();
    let runtime = bed.runtime_dir(daemon(), 0o700);
    let broker = bed.broker([opened_in(&runtime)]);
    let mut login = bed.login(b"daemon", "");
    login.set(PamItemType::TTY, b"/dev/pts/3");
    login.set(PamItemType::RHOST, b"client.example");
    login.set(PamItemType::RUSER, b"alice");
    assert_eq!(login.open(), SUCCESS);

    let open = broker.open_request();
    assert_eq!((open.uid.get(), open.gid.get(), open.user.as_bytes()), (daemon(), 1, &b"daemon"[..]));
    assert_eq!((open.service.as_str(), open.tty.unwrap().as_str()), ("ck-test", "/dev/pts/3"));
    assert_eq!(open.remote_host.unwrap().as_str(), "client.example");
    assert_eq!((open.remote_user.unwrap().as_bytes(), open.display), (&b"alice"[..], None));
    assert_eq!((open.class, open.session_type, open.runtime_dir), (None, None, true));

    let env = ["ID", "CLASS", "TYPE"].map(|name| login.env(&format!("XDG_SESSION_{name}")).unwrap());
    assert_eq!(env, ["7", "user", "tty"]);
    assert_eq!(login.env("XDG_RUNTIME_DIR").unwrap(), runtime.to_str().unwrap());
    assert_eq!((login.env("XDG_SEAT"), login.env("XDG_VTNR")), (None, None));
    assert!(bed.raw_log().is_empty(), "the broker logs a login that succeeds");
}

#[test]
fn a_console_login_learns_its_seat() {
    let bed = Bed::new();
    let seat = Some(Text::clipped("seat0"));
    let here = Opened { seat, vt: Some(Vt::try_from(2).unwrap()), ..session(8) };
    let _broker = bed.broker([Answer::Reply(Reply::Opened(here))]);
    let mut login = bed.login(b"root", "");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(
        (login.env("XDG_SEAT").unwrap(), login.env("XDG_VTNR").unwrap()),
        ("seat0".into(), "2".into())
    );
    assert_eq!(login.env("XDG_RUNTIME_DIR"), None);
}

#[test]
fn variables_of_another_session_manager_stay() {
    let bed = Bed::new();
    let seat = Some(Text::clipped("seat0"));
    let here = Opened { seat, vt: Some(Vt::try_from(2).unwrap()), ..session(8) };
    let _broker = bed.broker([Answer::Reply(Reply::Opened(here)), Answer::Reply(Reply::Closed)]);
    let mut login = bed.login(b"root", "");
    login.put_env("XDG_SESSION_ID=c1");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(login.env("XDG_SESSION_ID").unwrap(), "c1");
    let ours = ["XDG_SESSION_CLASS", "XDG_SESSION_TYPE", "XDG_SEAT", "XDG_VTNR"];
    assert!(ours.iter().all(|name| login.env(name).is_none()));
    assert_eq!(login.close(), SUCCESS);
    assert_eq!(login.env("XDG_SESSION_ID").unwrap(), "c1");
}

#[test]
fn another_session_on_the_same_handle_has_its_own_id() {
    let bed = Bed::new();
    let opened = |id| Answer::Reply(Reply::Opened(session(id)));
    let _broker = bed.broker([opened(8), Answer::Reply(Reply::Closed), opened(9)]);
    let mut login = bed.login(b"root", "");
    assert_eq!((login.open(), login.close(), login.open()), (SUCCESS, SUCCESS, SUCCESS));
    assert_eq!(login.env("XDG_SESSION_ID").unwrap(), "9");
}

#[test]
fn the_options_reach_the_broker() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1)]);
    let mut login = bed.login(b"root", "class=background type=web runtime_dir=no debug colour=blue");
    assert_eq!(login.open(), SUCCESS);
    let open = broker.open_request();
    assert_eq!(
        (open.class, open.session_type, open.runtime_dir),
        (Some(Class::Background), Some(SessionType::Web), false)
    );
    let log = bed.raw_log();
    assert!(
        log[0].starts_with("<84>ck-test[")
            && log[0].contains("unknown option colour=blue is ignored: there are socket= ")
    );
    assert!(log[1].starts_with("<86>ck-test[") && log[1].ends_with("session 1 opened for root"));
    assert_eq!(log.len(), 2);
}

#[test]
fn a_stack_that_names_the_module_twice_opens_one_session() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1), opened(2)]);
    let line = bed.line(built::module(), "");
    let mut login = bed.login_by(&line.repeat(2), "su-l", b"root");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(login.env("XDG_SESSION_ID").unwrap(), "1");
    broker.open_request();
    assert!(broker.had_no_more());
}

#[test]
fn no_broker_no_session_but_a_login() {
    let bed = Bed::new();
    let mut login = bed.login(b"root", "");
    assert_eq!((login.open(), login.close()), (SUCCESS, SUCCESS));
    let line = format!(
        "cannot reach the session broker at {}: No such file or directory (os error 2) (is ck-broker running?); \
         logging in without a session",
        bed.socket().display()
    );
    assert_eq!(bed.log(), [line]);
    assert_eq!(login.env("XDG_SESSION_ID"), None);
}

#[test]
fn no_broker_costs_a_login_no_time() {
    let bed = Bed::new();
    let took = || {
        let mut login = bed.login(b"root", "");
        let start = Instant::now();
        assert_eq!(login.open(), SUCCESS);
        start.elapsed()
    };
    // The fastest of ten counts, because the machine may be busy with other tests.
    let best = (0..10).map(|_| took()).min().unwrap();
    assert!(best < Duration::from_millis(10), "took {best:?}");
}

#[test]
fn a_socket_that_a_dead_broker_left_behind_is_no_broker() {
    let bed = Bed::new();
    drop(bed.broker([]));
    let mut login = bed.login(b"root", "");
    assert_eq!(login.open(), SUCCESS);
    assert!(bed.log()[0].contains("Connection refused (os error 111) (is ck-broker running?)"));
}

#[test]
fn strict_refuses_the_login_instead() {
    let bed = Bed::new();
    let mut login = bed.login(b"root", "strict");
    assert_eq!(login.open(), SESSION_ERR);
    let log = bed.log();
    assert!(log.len() == 1 && log[0].ends_with("; no login, by the option strict"), "{log:?}");
}

#[test]
fn a_refusal_is_logged_escaped_and_the_login_goes_on() {
    let bed = Bed::new();
    let _broker = bed.broker([refused("too many\nsessions"), refused("still"), opened(3)]);
    let mut login = bed.login(b"root", "");
    assert_eq!(login.open(), SUCCESS);
    let line = r"the session broker refused: too many\u{a}sessions; logging in without a session";
    assert_eq!(bed.log(), [line]);
    assert_eq!(bed.login(b"root", "strict").open(), SESSION_ERR);
    // Nothing was opened, so the same login may ask again.
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(login.env("XDG_SESSION_ID").unwrap(), "3");
}

#[test]
fn a_runtime_directory_that_is_not_the_users_is_not_named() {
    for (owner, mode, reason) in
        [(0, 0o700, "belongs to uid 0, not to 1"), (1, 0o750, "has mode 0750, not 0700")]
    {
        let bed = Bed::new();
        let runtime = bed.runtime_dir(owner, mode);
        let _broker = bed.broker([opened_in(&runtime)]);
        let mut login = bed.login(b"daemon", "");
        assert_eq!(login.open(), SUCCESS);
        assert_eq!(login.env("XDG_RUNTIME_DIR"), None);
        assert_eq!(login.env("XDG_SESSION_ID").unwrap(), "7");
        let log = bed.raw_log();
        assert!(log.len() == 1 && log[0].starts_with("<84>") && log[0].ends_with(reason), "{log:?}");
    }
}

#[test]
fn a_symlink_is_no_runtime_directory() {
    let bed = Bed::new();
    let link = bed.path("link");
    symlink(bed.runtime_dir(daemon(), 0o700), &link).unwrap();
    let _broker = bed.broker([opened_in(&link), opened_in(&bed.path("absent"))]);
    for reason in ["/link is not a directory", "/absent: No such file or directory (os error 2)"] {
        let mut login = bed.login(b"daemon", "");
        assert_eq!(login.open(), SUCCESS);
        assert_eq!(login.env("XDG_RUNTIME_DIR"), None);
        assert!(bed.raw_log()[0].ends_with(reason));
    }
}

#[test]
fn a_host_that_is_not_root_goes_without() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1)]);
    fs::set_permissions(bed.socket(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::set_permissions(bed.path("dev/log"), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let mut login = bed.login(b"root", "");
    set_thread_res_uid(None, Uid::from_raw(daemon()), None).unwrap();
    let code = login.open();
    set_thread_res_uid(None, Uid::ROOT, None).unwrap();
    assert_eq!(code, SUCCESS);
    assert!(bed.log()[0].contains("Permission denied (os error 13) (only root can ask for a session)"));
    assert!(broker.had_no_more());
}

#[test]
fn a_log_daemon_that_has_stopped_holds_nobody_up() {
    let bed = Bed::new();
    bed.fill_log();
    let mut login = bed.login(b"root", "");
    promptly(|| assert_eq!(login.open(), SUCCESS), || assert!(!bed.log().concat().contains("broker")));
}
