//! Texts by their contents, each with its limit.

use crate::{limits, text::Text};

/// A host name or address.
pub type HostName = Text<{ limits::HOST_NAME }>;
/// The name of a PAM service, a terminal, an X display or a seat.
pub type ShortName = Text<{ limits::SHORT_NAME }>;
/// An absolute path, as text.
pub type PathText = Text<{ limits::PATH }>;
/// One line for a person.
pub type Message = Text<{ limits::MESSAGE }>;
