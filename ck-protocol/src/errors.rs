//! Packets that cannot be read, and values that cannot be written.

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
