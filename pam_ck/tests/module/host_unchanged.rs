//! The module leaves nothing in its host.

use crate::{
    SESSION_ERR,
    application::SUCCESS,
    bed::{Bed, alone},
    broker::{Answer, opened},
    built, signals,
};
use ck_protocol::{Reply, SessionRef, SessionRequest};
use nix::unistd::User;
use std::{
    collections::BTreeMap,
    env,
    ffi::c_int,
    fs,
    path::{Path, PathBuf},
    process::{self, Output},
    thread,
    time::{Duration, Instant},
};

/// `O_CLOEXEC` of asm-generic/fcntl.h, as /proc shows it.
const O_CLOEXEC: u32 = 0o2_000_000;

/// Everything that the module could leave in this process.
#[derive(Debug, PartialEq)]
struct Traces {
    descriptors: BTreeMap<PathBuf, PathBuf>,
    cwd: PathBuf,
    /// Threads, umask, ids, and the blocked, ignored and caught signals.
    status: Vec<String>,
    environment: BTreeMap<String, String>,
    /// The handler of each signal, and the alternate stack. `SigCgt` only tells which signals have a handler.
    handlers: Vec<(usize, c_int)>,
}

fn traces() -> Traces {
    // The descriptor of this listing is left out: its number depends on accept(2) in other threads.
    let listing = Path::new("/proc").join(process::id().to_string()).join("fd");
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().flatten().map(|entry| entry.path());
    let descriptors = descriptors.filter_map(|path| Some((path.clone(), fs::read_link(path).ok()?)));
    let descriptors = descriptors.filter(|(_, target)| *target != listing).collect();
    let kept =
        ["Umask", "Threads", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "SigPnd", "NoNewPrivs"];
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let status = status.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
    Traces {
        descriptors,
        cwd: env::current_dir().unwrap(),
        status: status.map(str::to_owned).collect(),
        environment: env::vars().collect(),
        handlers: signals::handlers(),
    }
}

fn wrote_nothing(output: &Output) -> bool {
    output.stderr.is_empty()
}

/// A bed in a process in which the name service has loaded its libraries. The module is not loaded yet, so that what
/// it does only once in a process is noticed too.
fn bed() -> Bed {
    let bed = Bed::new();
    assert!(User::from_name("nobody-at-all").unwrap().is_none());
    bed
}

#[test]
fn a_session_changes_nothing() {
    let output = alone("host_unchanged::a_session_changes_nothing", || {
        let bed = bed();
        let broker = bed.broker([opened(1), Answer::Reply(Reply::Closed)]);
        let before = traces();
        let mut login = bed.login(b"root", "debug");
        assert_eq!(login.open(), SUCCESS);
        broker.open_request();
        assert_eq!(traces(), before);
        assert_eq!(login.close(), SUCCESS);
        broker.request();
        assert_eq!(traces(), before);
    });
    assert!(output.iter().all(wrote_nothing), "{output:?}");
}

#[test]
fn failures_change_nothing() {
    let output = alone("host_unchanged::failures_change_nothing", || {
        let bed = bed();
        let before = traces();
        // An open and a close without an answer, an open with two hang-ups, and a malformed answer.
        let answers =
            [Answer::Silence, Answer::Silence, Answer::HangUp, Answer::Slam, Answer::Bytes(vec![0])];
        let broker = bed.broker(answers);
        for _ in 0..3 {
            let mut login = bed.login(b"root", "timeout=100");
            assert_eq!((login.open(), login.close()), (SUCCESS, SUCCESS));
        }
        drop(broker);
        let mut login = bed.login(b"root", "no-such-option");
        assert_eq!((login.open(), login.close()), (SUCCESS, SUCCESS));
        // The thread of the broker was joined, but /proc may show it a moment longer.
        let over = Instant::now() + Duration::from_secs(1);
        while traces() != before && Instant::now() < over {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(traces(), before);
    });
    assert!(output.iter().all(wrote_nothing), "{output:?}");
}

/// libpam itself changes errno, so the module is called without it.
#[test]
fn errno_is_as_it_was() {
    alone("host_unchanged::errno_is_as_it_was", || {
        let bed = bed();
        let socket = format!("socket={}", bed.socket().display());
        let mut login = bed.login(b"root", "");
        for function in ["pam_sm_open_session", "pam_sm_close_session"] {
            let after = login.errno_after(built::module(), function, &[&socket, "no-such-option"], 4242);
            assert_eq!(after, 4242, "{function}");
        }
        assert!(!bed.raw_log().is_empty(), "the module has done something");
    });
}

#[test]
fn a_program_started_meanwhile_inherits_nothing() {
    alone("host_unchanged::a_program_started_meanwhile_inherits_nothing", || {
        let bed = bed();
        let broker = bed.broker([Answer::Silence]);
        let before = inherited();
        thread::scope(|scope| {
            let mut login = bed.login(b"root", "timeout=1000");
            scope.spawn(move || {
                broker.open_request();
                assert_eq!(inherited(), before);
            });
            assert_eq!(login.open(), SUCCESS);
        });
    });
}

/// The descriptors of this process that are not close-on-exec.
fn inherited() -> Vec<PathBuf> {
    let descriptors = fs::read_dir("/proc/self/fdinfo").unwrap().flatten().map(|entry| entry.path());
    let stays = |path: &PathBuf| {
        let info = fs::read_to_string(path).ok();
        let flags =
            info.as_deref().and_then(|info| info.lines().find_map(|line| line.strip_prefix("flags:\t")));
        flags.is_some_and(|flags| u32::from_str_radix(flags, 8).unwrap() & O_CLOEXEC == 0)
    };
    descriptors.filter(stays).collect()
}

#[test]
fn the_module_can_be_unloaded() {
    alone("host_unchanged::the_module_can_be_unloaded", || {
        let mapped = || fs::read_to_string("/proc/self/maps").unwrap().contains("libpam_ck.so");
        let bed = Bed::new();
        let _broker = bed.broker([opened(1), Answer::Reply(Reply::Closed)]);
        let mut login = bed.login(b"root", "debug");
        assert_eq!((login.open(), login.close()), (SUCCESS, SUCCESS));
        assert!(mapped());
        drop(login);
        assert!(!mapped(), "something in the module pins it, such as a thread-local with a destructor");
    });
}

#[test]
fn a_panic_is_a_line_in_the_log_and_nothing_else() {
    built::faulty_module();
    let output = alone("host_unchanged::a_panic_is_a_line_in_the_log_and_nothing_else", || {
        let bed = Bed::new();
        let broker = bed.broker([opened(1), opened(2), Answer::Reply(Reply::Closed)]);
        let login = |options| bed.login_by(&bed.line(built::faulty_module(), options), "ck-test", b"root");
        let line = r"internal error: asked for\u{a}by the option; please report it";
        for (options, code) in [("fault=start", SUCCESS), ("fault=start strict", SESSION_ERR)] {
            let mut login = login(options);
            assert_eq!((login.open(), login.close()), (code, code));
            assert_eq!(bed.log(), [line, line]);
        }
        // Without the option, this build works like the other one.
        assert_eq!(login("").open(), SUCCESS);
        broker.open_request();
        // A session whose id the module could not store is closed at the logout.
        let mut login = login("fault=opened");
        assert_eq!((login.open(), login.close()), (SUCCESS, SUCCESS));
        let token = broker.open_request().token;
        assert_eq!(broker.request(), SessionRequest::Close(SessionRef::Token(token)));
        assert_eq!(bed.log(), [line]);
    });
    assert!(output.iter().all(wrote_nothing), "{output:?}");
}

#[test]
fn a_build_without_the_fault_feature_cannot_be_made_to_panic() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1)]);
    assert_eq!(bed.login(b"root", "fault=start").open(), SUCCESS);
    broker.open_request();
    let log = bed.raw_log();
    assert!(log.len() == 1 && log[0].contains("unknown option fault=start is ignored"), "{log:?}");
}
