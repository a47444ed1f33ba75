//! Frames: the number of a version, then one postcard value, in one packet.

use crate::{DecodeError, EncodeError, Framed, Protocol, Version};

impl Version {
    /// Encodes `value` as a frame of this version in `buffer`. Returns the part of the buffer that is the packet.
    ///
    /// # Errors
    /// [`EncodeError`] if the frame is longer than the buffer.
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
    /// Decodes a packet of at most `limit` bytes as one frame without trailing bytes. Returns the version of the
    /// sender, and the value.
    ///
    /// # Errors
    /// [`DecodeError`]; then the connection has to be closed.
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
