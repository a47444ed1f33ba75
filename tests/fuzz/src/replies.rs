//! A packet as the PAM module and ckctl read it, and what they show of it.
#![no_main]

use ck_fuzz::decode_and_back;
use ck_protocol::{Event, Reply, limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packet: &[u8]| {
    match decode_and_back(packet, limits::REPLY) {
        Some(Reply::Change(change)) => assert_plain(&change.event.to_string()),
        Some(Reply::Fact(fact)) => assert_plain(&fact.key.to_string()),
        Some(Reply::Session(session)) => assert_plain(&Event::SessionAdded(session).to_string()),
        Some(Reply::Teardown(teardown)) => assert_plain(&teardown.path.to_string()),
        Some(Reply::Refused(refusal)) => assert_plain(&refusal.message.to_string()),
        _ => {}
    }
});

/// Nothing in `shown` can steer a terminal, or make a line of its own.
fn assert_plain(shown: &str) {
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
}
