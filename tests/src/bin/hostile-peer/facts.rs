//! Logins whose facts are meant to be read by somebody else.

use std::thread::sleep;
use std::time::Duration;

use ck_protocol::{Open, RefusalCode, Reply, SessionRequest, Text, Token, UserName};
use ck_tests::wire;

use crate::mutation::SESSION_SEEDS;
use crate::socket::Connection;

/// What a fact should not be able to do: make a line, steer a terminal, reverse what follows, leave a directory.
const HOSTILE: &str = "x\nck-broker: forged\r\x1b[2J\u{9b}31m\u{202e}../../etc/passwd\0end";

/// Opens the logins, says so on standard error, and holds them.
pub(crate) fn hold() {
    for user in [HOSTILE, "", "\u{85}"] {
        match ask(&Open { user: UserName::clipped(user), ..login(2001) }) {
            Some(Reply::Refused(refusal)) if refusal.code == RefusalCode::Invalid => {}
            reply => panic!("the user name {user:?} is answered with {reply:?}"),
        }
    }
    for frame in impossible() {
        let connection = Connection::to("session");
        connection.send(&frame);
        match connection.reply() {
            Some(Reply::Refused(refusal)) if refusal.code == RefusalCode::Malformed => {}
            reply => panic!("{frame:02x?} is answered with {reply:?}"),
        }
    }
    for uid in [2001, 1 << 31, u32::MAX - 1] {
        assert_opened(&login(uid));
    }
    let longest = "../".repeat(1 << 15);
    for text in [HOSTILE, "../../../etc", "/dev/../../etc/shadow", &longest] {
        assert_opened(&Open {
            user: UserName::clipped(if text == HOSTILE { "../x" } else { text }),
            service: Text::clipped(text),
            tty: Some(Text::clipped(text)),
            remote_host: Some(Text::clipped(text)),
            remote_user: Some(UserName::clipped(text)),
            display: Some(Text::clipped(text)),
            ..login(2002)
        });
    }
    eprintln!("held");
    sleep(Duration::from_secs(600));
}

/// What no type of the protocol can hold: the uid -1, and a user name of 64 KiB, in the login that the golden test has.
fn impossible() -> [Vec<u8>; 2] {
    let login = SESSION_SEEDS[0];
    let (uid, name) = (18..20, 22..28);
    assert_eq!((&login[uid.clone()], &login[name.clone()]), (&[0xd1, 0x0f][..], &b"\x05alice"[..]));
    let no_uid = [&login[..uid.start], &[0xff, 0xff, 0xff, 0xff, 0x0f], &login[uid.end..]].concat();
    let long = [&[0x80, 0x80, 0x04][..], &[b'a'; 1 << 16]].concat();
    let long_name = [&login[..name.start], &long, &login[name.end..]].concat();
    [no_uid, long_name]
}

fn assert_opened(open: &Open) {
    match ask(open) {
        Some(Reply::Opened(opened)) => {
            let directory = opened.runtime_dir.expect("a runtime directory");
            assert_eq!(directory.as_str(), format!("/run/user/{}", open.uid));
        }
        reply => panic!("{open:?} is answered with {reply:?}"),
    }
}

fn ask(open: &Open) -> Option<Reply> {
    Connection::to("session").ask(&SessionRequest::Open(Box::new(open.clone())))
}

/// A login of the uid, with a token that no other has.
fn login(uid: u32) -> Open {
    use std::sync::atomic::{AtomicU8, Ordering};
    static COUNTER: AtomicU8 = AtomicU8::new(0);
    wire::login(uid, Token::new([COUNTER.fetch_add(1, Ordering::Relaxed); 16]))
}
