//! Frames: a version, then one postcard value, in one packet.

use serde::{Serialize, de::DeserializeOwned};

/// The version that is sent.
pub const VERSION: u8 = 1;
/// The oldest version that is understood: the one before [`VERSION`], once there is one, so that
/// a PAM module loaded before an upgrade still reaches the broker after it.
pub const OLDEST_VERSION: u8 = 1;

/// A packet that is no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Nothing at all: on `SOCK_SEQPACKET` also how the end of a connection looks.
    #[error("an empty packet is no frame")]
    Empty,
    /// More bytes than the receiver takes.
    #[error("a packet of {0} bytes is too long for a frame")]
    TooLong(usize),
    /// A version that is not spoken here.
    #[error(
        "protocol version {0} is not spoken here, only {OLDEST_VERSION} to {VERSION}: install one release of all parts"
    )]
    Version(u8),
    /// The value could not be read.
    #[error("malformed frame: {0}")]
    Malformed(postcard::Error),
    /// The value ended before the packet did.
    #[error("malformed frame: {0} bytes are left over")]
    LeftOver(usize),
}

/// A value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame cannot be encoded in {room} bytes: {source}")]
pub struct EncodeError {
    room: usize,
    source: postcard::Error,
}

/// Writes `value` as a frame into `buffer`, and returns the part of it that is the packet.
///
/// # Errors
/// [`EncodeError`] when the frame is longer than the buffer.
pub fn encode<'b, T: Serialize>(value: &T, buffer: &'b mut [u8]) -> Result<&'b [u8], EncodeError> {
    let room = buffer.len();
    match postcard::to_slice(&(VERSION, value), buffer) {
        Ok(packet) => Ok(packet),
        Err(source) => Err(EncodeError { room, source }),
    }
}

/// Reads a packet of at most `limit` bytes as one frame with nothing behind it.
///
/// # Errors
/// [`DecodeError`]; after any of them the connection is of no more use.
pub fn decode<T: DeserializeOwned>(packet: &[u8], limit: usize) -> Result<T, DecodeError> {
    if packet.len() > limit {
        return Err(DecodeError::TooLong(packet.len()));
    }
    let (&version, body) = packet.split_first().ok_or(DecodeError::Empty)?;
    if !(OLDEST_VERSION..=VERSION).contains(&version) {
        return Err(DecodeError::Version(version));
    }
    // `from_bytes` would ignore what follows the value.
    let (value, rest) = postcard::take_from_bytes(body).map_err(DecodeError::Malformed)?;
    if !rest.is_empty() {
        return Err(DecodeError::LeftOver(rest.len()));
    }
    Ok(value)
}
