//! A packet as the broker reads it, on either socket.
#![no_main]

use ck_fuzz::decode_and_back;
use ck_protocol::{AdminRequest, SessionRequest, limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packet: &[u8]| {
    decode_and_back::<SessionRequest>(packet, limits::REQUEST);
    decode_and_back::<AdminRequest>(packet, limits::REQUEST);
});
