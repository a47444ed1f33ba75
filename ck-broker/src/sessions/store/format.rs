//! The bytes of a session record: the number of its format, then the value.
//!
//! A broker reads the records of earlier releases: [`FORMATS`] lists each format that a release has written, with the
//! function that reads it. To add format 4: copy the contents of format 3 into a type of its own, as [`Format2`] is for
//! format 2. Change [`read_3`] to read that type, and add `read_4` at the end.

use ck_core::model::SessionRecord;
use ck_protocol::{Codec, DecodeError, EncodeError, SessionWithoutAudit, Token};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// The largest record, in bytes: all texts of a session at their limits take about 1.4 KiB.
pub(super) const MAX_RECORD_SIZE: usize = 4096;

/// The formats that are read: the number, and the function that reads the bytes after the number.
const FORMATS: [(u8, Read); 3] = [(1, read_1), (2, read_2), (FORMAT, read_3)];
/// The format that is written.
const FORMAT: u8 = 3;
/// The second byte of a record of format 2, which was a frame of protocol version 1.
const FRAME_VERSION: u8 = 1;

type Read = fn(&[u8]) -> Result<SessionRecord, FormatError>;

/// Why bytes are not a record.
#[derive(Debug, thiserror::Error)]
pub(super) enum FormatError {
    #[error("is empty")]
    Empty,
    #[error("has format {0}, and only {known} are read: it was written by another release", known = known())]
    Unknown(u8),
    #[error("has format 2 with a second byte of {0} in place of {FRAME_VERSION}: it is damaged")]
    Frame(u8),
    #[error(transparent)]
    Value(#[from] DecodeError),
}

/// The contents of format 1.
#[derive(Serialize, Deserialize)]
struct Format1 {
    session: SessionWithoutAudit,
    token: Token,
    leader_started: u64,
}

/// The contents of format 2.
#[derive(Serialize, Deserialize)]
struct Format2 {
    session: SessionWithoutAudit,
    token: Token,
    leader_started: u64,
    leader_inode: Option<NonZeroU64>,
}

/// Writes the record of `entry` into `buffer`. Returns the part of the buffer that is the record.
pub(super) fn write<'b>(
    entry: &SessionRecord,
    buffer: &'b mut [u8; MAX_RECORD_SIZE],
) -> Result<&'b [u8], EncodeError> {
    let [format, value @ ..] = buffer;
    *format = FORMAT;
    let length = 1 + Codec::plain().encode(entry, value)?;
    Ok(buffer.get(..length).unwrap_or_default())
}

pub(super) fn read(record: &[u8]) -> Result<SessionRecord, FormatError> {
    if record.len() > MAX_RECORD_SIZE {
        return Err(DecodeError::TooLong(record.len()).into());
    }
    let (&format, rest) = record.split_first().ok_or(FormatError::Empty)?;
    let known = FORMATS.iter().find(|(number, _)| *number == format);
    known.map_or(Err(FormatError::Unknown(format)), |(_, read)| read(rest))
}

fn read_1(value: &[u8]) -> Result<SessionRecord, FormatError> {
    let Format1 { session, token, leader_started } = Codec::plain().decode(value)?;
    Ok(SessionRecord { session: session.into(), token, leader_started, leader_inode: None })
}

fn read_2(frame: &[u8]) -> Result<SessionRecord, FormatError> {
    let value = match frame.split_first() {
        Some((&FRAME_VERSION, value)) => value,
        Some((&other, _)) => return Err(FormatError::Frame(other)),
        None => return Err(DecodeError::Empty.into()),
    };
    let Format2 { session, token, leader_started, leader_inode } = Codec::plain().decode(value)?;
    Ok(SessionRecord { session: session.into(), token, leader_started, leader_inode })
}

fn read_3(value: &[u8]) -> Result<SessionRecord, FormatError> {
    Ok(Codec::plain().decode(value)?)
}

/// The numbers of all formats, as text.
fn known() -> String {
    let [earlier @ .., last] = FORMATS.map(|(number, _)| number.to_string());
    format!("{} and {last}", earlier.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frozen: what a broker of format 1 wrote for session 7 of alice.
    const OF_FORMAT_1: &[u8] =
        b"\x01\x07\0\xd1\x0f\x05alice\xf2&\x05login\0\x01\x01\x05pts/0\x01\0\0\0\0\0\x01\
        \x80\x80\xf2\x81\x83\x89\x85\x06\x01\x0e/run/user/2001\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\xb9`";
    /// How much of that is the session and the byte of the format.
    const SESSION: usize = OF_FORMAT_1.len() - 18;

    /// The same session, as format 2 had it: the inode came after it, and the version of a frame before it.
    fn of_format_2() -> Vec<u8> {
        [b"\x02", OF_FORMAT_1, b"\x01\xac\x02"].concat()
    }

    /// The same session with ids of the audit.
    fn entry() -> SessionRecord {
        let mut entry = read(&of_format_2()).unwrap();
        (entry.session.audit_id, entry.session.login_uid) =
            (std::num::NonZeroU32::new(300), Some(entry.session.uid));
        entry
    }

    #[test]
    fn a_record_of_an_earlier_format_is_read() {
        for (record, leader_inode) in [(OF_FORMAT_1, None), (&of_format_2(), NonZeroU64::new(300))] {
            let entry = read(record).unwrap();
            assert_eq!((entry.session.id.get(), entry.session.uid.get()), (7, 2001));
            assert_eq!((entry.session.leader_pid.get(), entry.leader_started), (2489, 12345));
            assert_eq!((entry.token, entry.leader_inode), (Token::new([9; 16]), leader_inode));
            assert_eq!((entry.session.audit_id, entry.session.login_uid), (None, None));
        }
    }

    /// Frozen: the same session, as format 3 has it.
    #[test]
    fn the_format_that_is_written_stays() {
        let (session, rest) = OF_FORMAT_1[1..].split_at(SESSION - 1);
        let frozen = [b"\x03", session, b"\x01\xac\x02\x01\xd1\x0f", rest, b"\x01\xac\x02"].concat();
        assert_eq!(write(&entry(), &mut [0; MAX_RECORD_SIZE]).unwrap(), frozen);
        assert_eq!(read(&frozen).unwrap(), entry());
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        for leader_inode in [None, Some(NonZeroU64::MAX)] {
            for written in [SessionRecord { leader_inode, ..entry() }, read(OF_FORMAT_1).unwrap()] {
                let mut buffer = [0; MAX_RECORD_SIZE];
                assert_eq!(read(write(&written, &mut buffer).unwrap()).unwrap(), written);
            }
        }
    }

    #[test]
    fn what_is_cut_short_or_of_another_release_is_no_record() {
        let mut buffer = [0; MAX_RECORD_SIZE];
        let record = write(&entry(), &mut buffer).unwrap();
        for record in [record, OF_FORMAT_1, &of_format_2()] {
            for length in 0..record.len() {
                assert!(read(&record[..length]).is_err(), "{length} bytes of {record:?}");
            }
        }
        assert!(matches!(read(b"\x04\x01"), Err(FormatError::Unknown(4))));
        let said = "has format 4, and only 1, 2 and 3 are read: it was written by another release";
        assert_eq!(read(b"\x04").unwrap_err().to_string(), said);
        assert!(matches!(read(b"\x02\x02"), Err(FormatError::Frame(2))));
        assert!(matches!(read(&[1; MAX_RECORD_SIZE + 1]), Err(FormatError::Value(DecodeError::TooLong(_)))));
    }
}
