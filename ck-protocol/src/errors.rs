//! Errors of decoding a packet and of encoding a value.

/// Why a packet is not a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The packet is empty. On `SOCK_SEQPACKET`, the end of a connection looks the same.
    #[error("an empty packet is no frame")]
    Empty,
    /// The packet has more bytes than the receiver accepts.
    #[error("a packet of {0} bytes is too long for a frame")]
    TooLong(usize),
    /// The version is not supported.
    #[error(
        "protocol version {found} is not spoken here, only {oldest} to {newest}: install one release of all parts"
    )]
    Version {
        /// The version of the packet.
        found: u8,
        /// The oldest supported version.
        oldest: u8,
        /// The newest supported version.
        newest: u8,
    },
    /// The value could not be decoded.
    #[error("malformed frame: {0}")]
    Malformed(postcard::Error),
    /// The value ended before the packet did.
    #[error("malformed frame: {0} bytes are left over")]
    LeftOver(usize),
}

/// The value does not fit into the buffer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame cannot be encoded in {room} bytes: {source}")]
pub struct EncodeError {
    pub(crate) room: usize,
    pub(crate) source: postcard::Error,
}
