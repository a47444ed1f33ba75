//! Hostile input.

use crate::{
    application::SUCCESS,
    bed::{Bed, daemon, promptly},
    broker::{Answer, Broker, opened, opened_in, session},
};
use ck_protocol::{PROTOCOL, Reply, limits};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use pam_sys::PamItemType;
use std::{fs::File, os::fd::AsRawFd, path::Path};

/// Logs in at a broker that gives `answer`. Returns the only line in the log.
fn line_after(answer: Answer) -> String {
    let bed = Bed::new();
    let _broker = bed.broker([answer]);
    let mut login = bed.login(b"root", "");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(login.env("XDG_SESSION_ID"), None);
    let log = bed.log();
    assert_eq!(log.len(), 1, "{log:?}");
    log.into_iter().next().unwrap()
}

fn packet(reply: &Reply) -> Vec<u8> {
    PROTOCOL.newest().encode(reply, &mut [0; limits::REPLY]).unwrap().to_vec()
}

#[test]
fn malformed_replies() {
    let good = packet(&Reply::Opened(session(7)));
    let trailing = [&good[..], b"x"].concat();
    assert!(
        line_after(Answer::Bytes(trailing)).contains("invalid reply: malformed frame: 1 bytes are left over")
    );
    assert!(line_after(Answer::Bytes(good[..good.len() - 1].to_vec())).contains("malformed frame"));
    assert!(line_after(Answer::Bytes(vec![PROTOCOL.newest().number(), 99])).contains("malformed frame"));
    // The class of the session has a value that this version does not know.
    let mut unknown = good.clone();
    assert_eq!(std::mem::replace(&mut unknown[3], 99), 0);
    assert!(line_after(Answer::Bytes(unknown)).contains("malformed frame"));
    assert!(
        line_after(Answer::Bytes(vec![PROTOCOL.newest().number() + 1, 0])).contains("is not spoken here")
    );
    assert!(line_after(Answer::Bytes(vec![0; limits::REPLY + 1])).contains("4097 bytes is too long"));
    assert!(line_after(Answer::Bytes(vec![0; 100_000])).contains("4097 bytes is too long"));
}

#[test]
fn replies_to_another_question() {
    for reply in [Reply::Closed, Reply::End] {
        let line = line_after(Answer::Reply(reply));
        assert!(line.starts_with("the reply of the session broker does not match the request"), "{line}");
    }
}

#[test]
fn a_nul_in_a_path_sets_no_variable() {
    let bed = Bed::new();
    let _broker = bed.broker([opened_in(Path::new("/run/user/0\0/x"))]);
    let mut login = bed.login(b"root", "");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(login.env("XDG_RUNTIME_DIR"), None);
    let log = bed.raw_log();
    assert!(
        log.len() == 1 && log[0].contains(r"XDG_RUNTIME_DIR is not set: cannot examine /run/user/0\u{0}/x"),
        "{log:?}"
    );
}

#[test]
fn a_socket_of_somebody_else_gets_no_request() {
    let bed = Bed::new();
    let broker = Broker::start(&bed.socket(), daemon(), [opened(1)]);
    let mut login = bed.login(b"root", "");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(login.env("XDG_SESSION_ID"), None);
    let log = bed.log();
    assert!(log.len() == 1 && log[0].contains("the socket belongs to uid 1, not to root"), "{log:?}");
    assert!(broker.had_no_more());
}

#[test]
fn invalid_users() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1)]);
    let long = vec![b'a'; 65_536];
    let cases: [(&[u8], &str); 5] = [
        (b"no-such-user-here", "there is no user no-such-user-here: check `getent passwd`"),
        (&long, "the user name of 65536 bytes is too long: at most 255"),
        (b"ro\not\x1b[2J", r#"the user name "ro\u{a}ot\u{1b}[2J" has control characters"#),
        (b"", "the PAM host named no user"),
        (b"r\xffot", "there is no user r\u{fffd}ot"),
    ];
    for (user, reason) in cases {
        assert_eq!(bed.login(user, "").open(), SUCCESS);
        let log = bed.log();
        assert!(log.len() == 1 && log[0].starts_with(reason), "{log:?}");
        assert!(log[0].ends_with("; logging in without a session"), "{log:?}");
    }
    assert!(broker.had_no_more());
}

#[test]
fn items_that_are_too_long_are_clipped() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1)]);
    let mut login = bed.login(b"root", "");
    // If libpam writes an audit record, it refuses a much longer value itself.
    login.set(PamItemType::RHOST, "€".repeat(300).as_bytes());
    login.set(PamItemType::TTY, b"a\xff\nb");
    assert_eq!(login.open(), SUCCESS);
    let open = broker.open_request();
    assert_eq!(open.remote_host.unwrap().as_str(), "€".repeat(limits::HOST_NAME / 3));
    assert_eq!(open.tty.unwrap().as_str(), "a\u{fffd}\nb");
}

#[test]
fn a_socket_path_that_is_too_long() {
    let bed = Bed::new();
    let mut login = bed.login(b"root", &format!("socket=/{}", "x".repeat(120)));
    assert_eq!(login.open(), SUCCESS);
    let log = bed.log();
    assert!(log.len() == 1 && log[0].contains("a socket path has at most 107 bytes"), "{log:?}");
}

#[test]
fn invalid_options_do_no_harm() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1)]);
    let mut login =
        bed.login(b"root", "timeout=abc class=nonsense type= socket=relative runtime_dir=perhaps STRICT");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(broker.open_request().class, None);
    let log = bed.raw_log();
    assert!(log.len() == 6 && log.iter().all(|line| line.contains(" is ignored: ")), "{log:?}");
}

#[test]
fn a_hung_fuse_mount_on_the_runtime_directory_holds_nobody_up() {
    // This comes before the bed replaces /dev. Without FUSE in the kernel, nothing can hang.
    let Ok(fuse) = File::options().read(true).write(true).open("/dev/fuse") else { return };
    let bed = Bed::new();
    let runtime = bed.runtime_dir(daemon(), 0o700);
    let options = format!("fd={},rootmode=40700,user_id=1,group_id=1,allow_other", fuse.as_raw_fd());
    mount(Some("hung"), &runtime, Some("fuse"), MsFlags::empty(), Some(options.as_str())).unwrap();
    let _broker = bed.broker([opened_in(&runtime)]);
    let mut login = bed.login(b"daemon", "");
    // Closing the descriptor ends the mount, and with it every call that waits for an answer.
    promptly(|| assert_eq!(login.open(), SUCCESS), || drop(fuse));
    assert_eq!((login.env("XDG_SESSION_ID").as_deref(), login.env("XDG_RUNTIME_DIR")), (Some("7"), None));
    umount2(&runtime, MntFlags::MNT_DETACH).unwrap();
}
