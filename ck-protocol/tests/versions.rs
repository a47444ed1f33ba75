//! Each version is read and written by its own codecs, whichever others are spoken.

#![allow(clippy::unwrap_used, reason = "tests may panic, also outside functions marked #[test]")]

mod invented;

use ck_protocol::*;
use invented::{BOTH, OLD, ONLY_3, login, opened, status};
use std::fmt::Debug;

fn frame<T: Framed>(version: Version, value: &T) -> Vec<u8> {
    version.encode(value, &mut [0; limits::REPLY]).unwrap().to_vec()
}

/// Asserts that the value goes and comes in both versions, and has other bytes in each.
fn differs<T: Framed + Debug + PartialEq>(value: &T) {
    let frames = [BOTH.oldest(), BOTH.newest()].map(|version| frame(version, value));
    assert_eq!(frames[0], frame(PROTOCOL.newest(), value), "version 2 is what it was");
    assert_ne!(frames[0][1..], frames[1][1..]);
    for (number, frame) in [2, 3].into_iter().zip(&frames) {
        let (version, read) = BOTH.decode::<T>(frame, limits::REPLY).unwrap();
        assert_eq!((version.number(), &read), (number, value));
    }
    let unknown = DecodeError::Version { found: 3, oldest: 1, newest: 2 };
    assert_eq!(OLD.decode::<T>(&frames[1], limits::REPLY).unwrap_err(), unknown);
    assert!(ONLY_3.decode::<T>(&frames[0], limits::REPLY).is_err());
}

#[test]
fn what_differs_in_version_3_is_the_same_value() {
    differs(&login(1));
    differs(&opened(1));
    differs(&Reply::Status(status(3)));
    differs(&Reply::Fact(Fact::new("sessions", FactValue::Number(3))));
    differs(&Reply::Refused(Refusal { code: RefusalCode::Version, message: Text::clipped("no") }));
    differs(&Reply::End);
}

#[test]
fn the_table_of_a_protocol_is_all_that_it_speaks() {
    for (protocol, numbers) in [(OLD, vec![1, 2]), (BOTH, vec![2, 3]), (ONLY_3, vec![3])] {
        assert_eq!(protocol.versions().map(Version::number).collect::<Vec<_>>(), numbers);
        assert_eq!(Some(protocol.oldest().number()), numbers.first().copied());
        assert_eq!(Some(protocol.newest().number()), numbers.last().copied());
        for number in 0..=u8::MAX {
            let version = protocol.version(number).map(Version::number);
            assert_eq!(version, Some(number).filter(|number| numbers.contains(number)));
        }
    }
}

/// A newer peer is answered in a version that it is likely to know, and may ask again in that one.
#[test]
fn a_packet_is_answered_in_its_version_or_in_the_nearest() {
    for (packet, answered) in
        [(&[2, 99][..], 2), (&[3], 3), (&[4], 3), (&[255], 3), (&[1], 2), (&[0], 2), (&[], 2)]
    {
        assert_eq!(BOTH.answer_to(packet).number(), answered, "{packet:?}");
    }
    assert_eq!((OLD.answer_to(&[3]).number(), OLD.answer_to(&[]).number()), (2, 1));
}

#[test]
fn this_release_is_what_the_invented_one_follows() {
    let numbers = |protocol: Protocol| protocol.versions().map(Version::number).collect::<Vec<_>>();
    assert_eq!(numbers(PROTOCOL), numbers(OLD));
}

#[test]
fn this_release_speaks_its_version_and_at_most_the_one_before() {
    let numbers: Vec<u8> = PROTOCOL.versions().map(Version::number).collect();
    assert!(numbers.len() <= 2 && numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
}

#[test]
fn a_version_that_is_not_spoken_is_told_with_those_that_are() {
    let error = BOTH.decode::<Reply>(&[4, 0], limits::REPLY).unwrap_err();
    let said = "protocol version 4 is not spoken here, only 2 to 3: install one release of all parts";
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_frame_that_does_not_fit_is_an_error() {
    for version in BOTH.versions() {
        for room in 0..frame(version, &opened(1)).len() {
            assert!(version.encode(&opened(1), &mut vec![0; room]).is_err(), "{room} bytes");
        }
    }
}

#[test]
fn frames_of_version_3_are_read_as_strictly() {
    let whole = frame(BOTH.newest(), &login(1));
    for length in 1..whole.len() {
        let error = BOTH.decode::<SessionRequest>(&whole[..length], limits::REQUEST).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed(_)), "{error}");
    }
    let more = [&whole[..], b"x"].concat();
    assert_eq!(BOTH.decode::<SessionRequest>(&more, limits::REQUEST).unwrap_err(), DecodeError::LeftOver(1));
}
