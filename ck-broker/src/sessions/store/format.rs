//! The record of a session as bytes: first the format, then the value as a frame of the protocol.
//!
//! Format 1 was the frame alone, whose own first byte is the protocol's version, 1. It is still read: a broker
//! that takes over from the one before must know the sessions of that.

use ck_core::model::SessionRecord;
use ck_protocol::{DecodeError, EncodeError, Session, Token, decode, encode};
use serde::Deserialize;

/// The largest record, in bytes: all texts of a session at their limits take about 1.4 KiB.
pub(super) const RECORD: usize = 4096;
const FORMAT: u8 = 2;
const BEFORE: u8 = 1;

/// Bytes that are no record.
#[derive(Debug, thiserror::Error)]
pub(super) enum FormatError {
    #[error("is empty")]
    Empty,
    #[error("has format {0}, and only {BEFORE} and {FORMAT} are read: it was written by another release")]
    Unknown(u8),
    #[error(transparent)]
    Frame(DecodeError),
}

/// What format 1 held.
#[derive(Deserialize)]
struct Before {
    session: Session,
    token: Token,
    leader_started: u64,
}

/// Writes the record of `entry` into `buffer`, and returns the part of it that is the record.
pub(super) fn write<'b>(
    entry: &SessionRecord,
    buffer: &'b mut [u8; RECORD],
) -> Result<&'b [u8], EncodeError> {
    let [format, frame @ ..] = buffer;
    *format = FORMAT;
    let length = 1 + encode(entry, frame)?.len();
    Ok(buffer.get(..length).unwrap_or_default())
}

pub(super) fn read(record: &[u8]) -> Result<SessionRecord, FormatError> {
    match record.split_first() {
        None => Err(FormatError::Empty),
        Some((&FORMAT, frame)) => decode(frame, RECORD).map_err(FormatError::Frame),
        Some((&BEFORE, _)) => decode(record, RECORD).map(Before::into_entry).map_err(FormatError::Frame),
        Some((&other, _)) => Err(FormatError::Unknown(other)),
    }
}

impl Before {
    fn into_entry(self) -> SessionRecord {
        let Self { session, token, leader_started } = self;
        SessionRecord { session, token, leader_started, leader_inode: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frozen: what a broker of format 1 wrote for session 7 of alice.
    const OF_FORMAT_1: &[u8] =
        b"\x01\x07\0\xd1\x0f\x05alice\xf2&\x05login\0\x01\x01\x05pts/0\x01\0\0\0\0\0\x01\
        \x80\x80\xf2\x81\x83\x89\x85\x06\x01\x0e/run/user/2001\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\xb9`";

    #[test]
    fn a_record_of_the_format_before_is_read() {
        let entry = read(OF_FORMAT_1).unwrap();
        assert_eq!((entry.session.id.get(), entry.session.uid.get()), (7, 2001));
        assert_eq!((entry.session.leader_pid.get(), entry.leader_started), (2489, 12345));
        assert_eq!((entry.token, entry.leader_inode), (Token::new([9; 16]), None));
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        for leader_inode in [None, Some(u64::MAX)] {
            let entry = SessionRecord { leader_inode, ..read(OF_FORMAT_1).unwrap() };
            let mut buffer = [0; RECORD];
            assert_eq!(read(write(&entry, &mut buffer).unwrap()).unwrap(), entry);
        }
    }

    #[test]
    fn what_is_cut_short_or_of_another_release_is_no_record() {
        let entry = read(OF_FORMAT_1).unwrap();
        let mut buffer = [0; RECORD];
        let record = write(&entry, &mut buffer).unwrap();
        for length in 0..record.len() {
            assert!(read(&record[..length]).is_err(), "{length} bytes");
        }
        for length in 0..OF_FORMAT_1.len() {
            assert!(read(&OF_FORMAT_1[..length]).is_err(), "{length} bytes of format 1");
        }
        assert!(matches!(read(b"\x03\x01"), Err(FormatError::Unknown(3))));
    }
}
