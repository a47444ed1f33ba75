//! Directories that a process holds, so that the look-up of a name that is not cached never ends.

use crate::{
    application::{Application, SUCCESS},
    bed::{Bed, daemon, promptly},
    broker::{Broker, opened, opened_in},
    holder::Holder,
};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// Logs in while a process holds `directory`.
fn log_in_while_held(directory: &Path, login: &mut Application) {
    let holder = Holder::of(directory);
    promptly(|| assert_eq!(login.open(), SUCCESS), || drop(holder));
}

#[test]
fn without_a_broker_nobody_waits_for_who_holds_its_directory() {
    let bed = Bed::new();
    log_in_while_held(&bed.path(""), &mut bed.login(b"root", ""));
    let log = bed.log();
    let reason = "session.sock: No such file or directory (os error 2) (is ck-broker running?); \
                  logging in without a session";
    assert!(log.len() == 1 && log[0].ends_with(reason), "{log:?}");
}

#[test]
fn a_broker_is_found_whoever_holds_its_directory() {
    let bed = Bed::new();
    let _broker = bed.broker([opened(7)]);
    let mut login = bed.login(b"root", "");
    log_in_while_held(&bed.path(""), &mut login);
    assert_eq!(login.env("XDG_SESSION_ID").as_deref(), Some("7"));
}

#[test]
fn a_runtime_directory_is_examined_without_waiting() {
    for (name, named) in [("runtime", true), ("missing", false)] {
        let bed = Bed::new();
        let parent = bed.path("parent");
        fs::create_dir(&parent).unwrap();
        fs::rename(bed.runtime_dir(daemon(), 0o700), parent.join("runtime")).unwrap();
        let path = parent.join(name);
        let _broker = bed.broker([opened_in(&path)]);
        let mut login = bed.login(b"daemon", "");
        log_in_while_held(&parent, &mut login);
        assert_eq!(login.env("XDG_SESSION_ID").as_deref(), Some("7"));
        assert_eq!(login.env("XDG_RUNTIME_DIR").map(PathBuf::from), named.then_some(path));
        assert_eq!(bed.raw_log().len(), usize::from(!named));
    }
}

#[test]
fn a_log_that_is_not_there_is_not_waited_for() {
    let bed = Bed::new();
    fs::remove_file(bed.path("dev/log")).unwrap();
    log_in_while_held(&bed.path("dev"), &mut bed.login(b"root", ""));
    assert!(bed.raw_log().is_empty());
}

#[test]
fn symlinks_to_the_broker_and_to_the_log_are_followed() {
    let bed = Bed::new();
    let broker = Broker::start(&bed.path("by-link"), 0, [opened(7)]);
    symlink(bed.path(""), bed.path("link")).unwrap();
    fs::rename(bed.path("dev/log"), bed.path("elsewhere")).unwrap();
    symlink(bed.path("elsewhere"), bed.path("dev/log")).unwrap();
    let mut login = bed.login(b"root", &format!("debug socket={}", bed.path("link/by-link").display()));
    assert_eq!(login.open(), SUCCESS);
    broker.open_request();
    assert_eq!(login.env("XDG_SESSION_ID").as_deref(), Some("7"));
    let log = bed.raw_log();
    assert!(log.len() == 1 && log[0].ends_with("session 7 opened for root"), "{log:?}");
}
