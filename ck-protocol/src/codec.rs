//! How the values of one type are written and read in one version.

use crate::{DecodeError, EncodeError};
use serde::{Serialize, de::DeserializeOwned};

/// Reads and writes the values of one type in one version of their postcard form.
#[derive(Clone, Copy, Debug)]
pub struct Codec<T> {
    decode: fn(&[u8]) -> Result<T, DecodeError>,
    encode: fn(&T, &mut [u8]) -> Result<usize, postcard::Error>,
}

impl<T> Codec<T> {
    /// The version in which `T` itself is written.
    #[must_use]
    pub const fn plain() -> Self
    where
        T: Serialize + DeserializeOwned,
    {
        Self { decode: read::<T>, encode: write::<T> }
    }

    /// A version in which `Frozen` is written in place of `T`: what `T` was when that version was current.
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

    /// Reads `bytes` as one value with nothing behind it. The caller checks how many bytes there may be.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] and [`DecodeError::LeftOver`].
    pub fn decode(&self, bytes: &[u8]) -> Result<T, DecodeError> {
        (self.decode)(bytes)
    }

    /// Writes `value` at the start of `buffer`, and returns how many bytes it has.
    ///
    /// # Errors
    /// [`EncodeError`] when it has more bytes than the buffer.
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
