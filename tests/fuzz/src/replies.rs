//! A packet as the PAM module and ckctl read it, and what ckctl then shows of it.
#![no_main]

use ck_fuzz::decode_and_back;
use ck_protocol::{Event, Reply, limits};
use ckctl::table;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packet: &[u8]| {
    if let Some(event) = decode_and_back::<Event>(packet, limits::REPLY) {
        assert_plain(&event.to_string(), 1);
    }
    match decode_and_back(packet, limits::REPLY) {
        Some(Reply::Session(session)) => {
            assert_plain(&table::session(&session), 18);
            assert_plain(&table::sessions(&[*session], true), 4);
        }
        Some(Reply::Teardown(teardown)) => assert_plain(&table::teardowns(&[*teardown], true), 4),
        Some(Reply::Status(status)) => assert_plain(&table::status(&status), 8),
        Some(Reply::Refused(refusal)) => assert_plain(&refusal.message.to_string(), 1),
        _ => {}
    }
});

/// Nothing in `shown` can steer a terminal, or make a line of its own.
fn assert_plain(shown: &str, lines: usize) {
    assert!(shown.lines().count() <= lines, "{shown:?}");
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
}
