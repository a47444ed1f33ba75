//! What a peer may send that is no frame of ours.

#![allow(clippy::unwrap_used, reason = "tests may panic, also outside functions marked #[test]")]

use ck_protocol::*;
use proptest::prelude::*;

/// The value of a packet, as whoever speaks [`PROTOCOL`] reads it.
fn read<T: Framed>(packet: &[u8], limit: usize) -> Result<T, DecodeError> {
    PROTOCOL.decode(packet, limit).map(|(_, value)| value)
}

fn open_with_longest_facts() -> SessionRequest {
    SessionRequest::Open(Box::new(Open {
        token: Token::new([0xff; 16]),
        uid: Uid::try_from(u32::MAX - 1).unwrap(),
        gid: Gid::try_from(u32::MAX - 1).unwrap(),
        user: UserName::clipped("u".repeat(1 << 16)),
        service: Text::clipped(&"s".repeat(1 << 16)),
        class: Some(Class::Background),
        session_type: Some(SessionType::Web),
        tty: Some(Text::clipped(&"t".repeat(1 << 16))),
        remote_host: Some(Text::clipped(&"h".repeat(1 << 16))),
        remote_user: Some(UserName::clipped("r".repeat(1 << 16))),
        display: Some(Text::clipped(&"d".repeat(1 << 16))),
        runtime_dir: true,
    }))
}

#[test]
fn the_longest_request_fits_its_limit() {
    let mut buffer = [0; limits::REQUEST];
    let packet = PROTOCOL.newest().encode(&open_with_longest_facts(), &mut buffer).unwrap();
    assert_eq!(read::<SessionRequest>(packet, limits::REQUEST), Ok(open_with_longest_facts()));
}

#[test]
fn a_packet_over_the_limit_is_refused_before_it_is_read() {
    let packet = [1; limits::REQUEST + 1];
    assert_eq!(
        read::<AdminRequest>(&packet, limits::REQUEST),
        Err(DecodeError::TooLong(limits::REQUEST + 1))
    );
}

#[test]
fn an_empty_packet_and_a_foreign_version_are_told_apart() {
    assert_eq!(read::<AdminRequest>(&[], limits::REQUEST), Err(DecodeError::Empty));
    for found in [0, 3, 0xff] {
        let error = DecodeError::Version { found, oldest: 1, newest: 2 };
        assert_eq!(read::<AdminRequest>(&[found, 0], limits::REQUEST), Err(error));
    }
}

#[test]
fn bytes_behind_the_value_are_refused() {
    assert_eq!(read::<AdminRequest>(&[1, 0, 0], limits::REQUEST), Err(DecodeError::LeftOver(1)));
}

#[test]
fn values_that_name_nothing_do_not_decode() {
    // A uid of -1 within an otherwise good request.
    let mut buffer = [0; limits::REQUEST];
    let packet = PROTOCOL.newest().encode(&open_with_longest_facts(), &mut buffer).unwrap();
    let mut forged = packet.to_vec();
    assert_eq!(forged[18..23], [0xfe, 0xff, 0xff, 0xff, 0x0f]);
    forged[18] = 0xff;
    assert!(matches!(read::<SessionRequest>(&forged, limits::REQUEST), Err(DecodeError::Malformed(_))));
    assert!(read::<AdminRequest>(&[1, 99], limits::REQUEST).is_err());
}

#[test]
fn a_length_that_promises_more_than_the_packet_holds_takes_no_memory() {
    // Reply::Refused, code 0, a message of 2^63 bytes.
    let bomb = [1, 5, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert!(matches!(read::<Reply>(&bomb, limits::REPLY), Err(DecodeError::Malformed(_))));
}

#[test]
fn a_text_over_its_limit_does_not_decode() {
    let longest = [&[1, 5, 0, 0xff, 3][..], &[b'x'; limits::MESSAGE]].concat();
    assert!(read::<Reply>(&longest, limits::REPLY).is_ok());
    let over = [&[1, 5, 0, 0x80, 4][..], &[b'x'; limits::MESSAGE + 1]].concat();
    assert!(matches!(read::<Reply>(&over, limits::REPLY), Err(DecodeError::Malformed(_))));
}

#[test]
fn a_list_over_its_limit_does_not_decode() {
    // Reply::Fact, the key "x", counts without a name.
    let counts = |count: u8| [&[1, 16, 1, b'x', 5, count][..], &[0, 7].repeat(usize::from(count))].concat();
    let most = u8::try_from(limits::LIST).unwrap();
    assert!(read::<Reply>(&counts(most), limits::REPLY).is_ok());
    assert!(matches!(read::<Reply>(&counts(most + 1), limits::REPLY), Err(DecodeError::Malformed(_))));
}

proptest! {
    #[test]
    fn no_bytes_whatever_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read::<SessionRequest>(&bytes, limits::REQUEST);
        let _ = read::<AdminRequest>(&bytes, limits::REQUEST);
        let _ = read::<Reply>(&bytes, limits::REPLY);
    }

    #[test]
    fn a_frame_cut_anywhere_is_refused(cut in 0usize..900) {
        let mut buffer = [0; limits::REQUEST];
        let packet = PROTOCOL.newest().encode(&open_with_longest_facts(), &mut buffer).unwrap();
        let cut = cut.min(packet.len() - 1);
        prop_assert!(read::<SessionRequest>(&packet[..cut], limits::REQUEST).is_err());
    }

    #[test]
    fn printable_text_is_one_line_of_plain_characters(text in any::<String>()) {
        let shown = printable(&text).to_string();
        prop_assert!(!shown.chars().any(char::is_control));
    }
}
