//! Frames: the number of a version, then one postcard value, in one packet.

use crate::{Framed, Protocol, Version};

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
        "protocol version {found} is not spoken here, only {oldest} to {newest}: install one release of all parts"
    )]
    Version {
        /// The version of the packet.
        found: u8,
        /// The oldest version that is spoken here.
        oldest: u8,
        /// The newest one.
        newest: u8,
    },
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
    pub(crate) room: usize,
    pub(crate) source: postcard::Error,
}

impl Version {
    /// Writes `value` as a frame of this version into `buffer`, and returns the part of it that is the packet.
    ///
    /// # Errors
    /// [`EncodeError`] when the frame is longer than the buffer.
    pub fn encode<'b, T: Framed>(self, value: &T, buffer: &'b mut [u8]) -> Result<&'b [u8], EncodeError> {
        let Some((number, body)) = buffer.split_first_mut() else {
            return Err(EncodeError { room: 0, source: postcard::Error::SerializeBufferFull });
        };
        *number = self.number();
        let length = 1 + self.codec::<T>().encode(value, body)?;
        Ok(buffer.get(..length).unwrap_or_default())
    }
}

impl Protocol {
    /// Reads a packet of at most `limit` bytes as one frame with nothing behind it. Returns the version that its sender
    /// speaks, and the value.
    ///
    /// # Errors
    /// [`DecodeError`]; after any of them the connection is of no more use.
    pub fn decode<T: Framed>(self, packet: &[u8], limit: usize) -> Result<(Version, T), DecodeError> {
        if packet.len() > limit {
            return Err(DecodeError::TooLong(packet.len()));
        }
        let (&found, body) = packet.split_first().ok_or(DecodeError::Empty)?;
        let version = self.version(found).ok_or_else(|| self.unknown(found))?;
        Ok((version, version.codec().decode(body)?))
    }

    fn unknown(self, found: u8) -> DecodeError {
        let (oldest, newest) = (self.oldest().number(), self.newest().number());
        DecodeError::Version { found, oldest, newest }
    }
}
