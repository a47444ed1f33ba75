//! The bytes of a session record: the number of its format, then the value.
//!
//! A broker reads the records of earlier releases: [`FORMATS`] lists each format that a release has written, with the
//! function that reads it. To add format 3: copy the contents of format 2 into a type of its own, as [`Format1`] is for
//! format 1. Change [`read_2`] to read that type, and add `read_3` at the end.

use ck_core::model::SessionRecord;
use ck_protocol::{Codec, DecodeError, EncodeError, Session, Token};
use serde::{Deserialize, Serialize};

/// The largest record, in bytes: all texts of a session at their limits take about 1.4 KiB.
pub(super) const MAX_RECORD_SIZE: usize = 4096;

/// The formats that are read: the number, and the function that reads the bytes after the number.
const FORMATS: [(u8, Read); 2] = [(1, read_1), (FORMAT, read_2)];
/// The format that is written.
const FORMAT: u8 = 2;
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
    #[error("has format {FORMAT} with a second byte of {0} in place of {FRAME_VERSION}: it is damaged")]
    Frame(u8),
    #[error(transparent)]
    Value(#[from] DecodeError),
}

/// The contents of format 1.
#[derive(Serialize, Deserialize)]
struct Format1 {
    session: Session,
    token: Token,
    leader_started: u64,
}

/// Writes the record of `entry` into `buffer`. Returns the part of the buffer that is the record.
pub(super) fn write<'b>(
    entry: &SessionRecord,
    buffer: &'b mut [u8; MAX_RECORD_SIZE],
) -> Result<&'b [u8], EncodeError> {
    let [format, frame, value @ ..] = buffer;
    (*format, *frame) = (FORMAT, FRAME_VERSION);
    let length = 2 + Codec::plain().encode(entry, value)?;
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
    Ok(SessionRecord { session, token, leader_started, leader_inode: None })
}

fn read_2(frame: &[u8]) -> Result<SessionRecord, FormatError> {
    match frame.split_first() {
        Some((&FRAME_VERSION, value)) => Ok(Codec::plain().decode(value)?),
        Some((&other, _)) => Err(FormatError::Frame(other)),
        None => Err(DecodeError::Empty.into()),
    }
}

/// The numbers of all formats, as text.
fn known() -> String {
    FORMATS.map(|(number, _)| number.to_string()).join(" and ")
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

    /// Frozen: the same session, as format 2 has it.
    #[test]
    fn the_format_that_is_written_stays() {
        let entry = SessionRecord { leader_inode: Some(300), ..read(OF_FORMAT_1).unwrap() };
        let frozen = [b"\x02", OF_FORMAT_1, b"\x01\xac\x02"].concat();
        assert_eq!(write(&entry, &mut [0; MAX_RECORD_SIZE]).unwrap(), frozen);
        assert_eq!(read(&frozen).unwrap(), entry);
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        for leader_inode in [None, Some(u64::MAX)] {
            let entry = SessionRecord { leader_inode, ..read(OF_FORMAT_1).unwrap() };
            let mut buffer = [0; MAX_RECORD_SIZE];
            assert_eq!(read(write(&entry, &mut buffer).unwrap()).unwrap(), entry);
        }
    }

    #[test]
    fn what_is_cut_short_or_of_another_release_is_no_record() {
        let entry = read(OF_FORMAT_1).unwrap();
        let mut buffer = [0; MAX_RECORD_SIZE];
        let record = write(&entry, &mut buffer).unwrap();
        for length in 0..record.len() {
            assert!(read(&record[..length]).is_err(), "{length} bytes");
        }
        for length in 0..OF_FORMAT_1.len() {
            assert!(read(&OF_FORMAT_1[..length]).is_err(), "{length} bytes of format 1");
        }
        assert!(matches!(read(b"\x03\x01"), Err(FormatError::Unknown(3))));
        let said = "has format 3, and only 1 and 2 are read: it was written by another release";
        assert_eq!(read(b"\x03").unwrap_err().to_string(), said);
        assert!(matches!(read(b"\x02\x02"), Err(FormatError::Frame(2))));
        assert!(matches!(read(&[1; MAX_RECORD_SIZE + 1]), Err(FormatError::Value(DecodeError::TooLong(_)))));
    }
}
