//! Encodes and decodes the values of one type in one version.

use crate::{DecodeError, EncodeError};
use serde::{Serialize, de::DeserializeOwned};

/// Encodes and decodes the values of one type, in the postcard form of one version.
#[derive(Clone, Copy, Debug)]
pub struct Codec<T> {
    decode: fn(&[u8]) -> Result<T, DecodeError>,
    encode: fn(&T, &mut [u8]) -> Result<usize, postcard::Error>,
}

impl<T> Codec<T> {
    /// A codec for a version in which `T` itself is encoded.
    #[must_use]
    pub const fn plain() -> Self
    where
        T: Serialize + DeserializeOwned,
    {
        Self { decode: read::<T>, encode: write::<T> }
    }

    /// A codec for a version in which `Frozen` is encoded in place of `T`. `Frozen` is the form of `T` at the time of
    /// that version.
    #[must_use]
    pub const fn through<Frozen>() -> Self
    where
        Frozen: Serialize + DeserializeOwned + Into<T> + for<'v> From<&'v T>,
    {
        Self {
            decode: |bytes| read::<Frozen>(bytes).map(Frozen::into),
            encode: |value, buffer| write(&Frozen::from(value), buffer),
        }
    }

    /// Decodes `bytes` as one value without trailing bytes. The caller checks the length.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] and [`DecodeError::LeftOver`].
    pub fn decode(&self, bytes: &[u8]) -> Result<T, DecodeError> {
        (self.decode)(bytes)
    }

    /// Encodes `value` at the start of `buffer`. Returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] if it is longer than the buffer.
    pub fn encode(&self, value: &T, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        let room = buffer.len();
        (self.encode)(value, buffer).map_err(|source| EncodeError { room, source })
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    // `from_bytes` would ignore what follows the value.
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(DecodeError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::LeftOver(rest.len())) }
}

fn write<T: Serialize>(value: &T, buffer: &mut [u8]) -> Result<usize, postcard::Error> {
    postcard::to_slice(value, buffer).map(|written| written.len())
}
