//! Users, as people name them.

use ck_protocol::Uid;
use nix::{errno::Errno, unistd::User};

/// A name that means nobody.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The name service failed.
    #[error("cannot look up user {name}: {source}")]
    Lookup {
        /// Who.
        name: String,
        /// Why.
        source: Errno,
    },
    /// There is no such account, and it is no uid.
    #[error("there is no user {0}")]
    Unknown(String),
}

/// The uid of the user with this name, or with this uid.
///
/// # Errors
/// [`AccountError`]
pub fn uid(name: &str) -> Result<Uid, AccountError> {
    let shown = || ck_protocol::printable(name).to_string();
    let found = User::from_name(name).map_err(|source| AccountError::Lookup { name: shown(), source })?;
    let number = found.map_or_else(|| name.parse().ok(), |user| Some(user.uid.as_raw()));
    number.and_then(|number| Uid::try_from(number).ok()).ok_or_else(|| AccountError::Unknown(shown()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name_or_a_uid() {
        assert_eq!(uid("root").unwrap(), Uid::ROOT);
        // A user who is no longer in the name service may still be here.
        assert_eq!(uid("4000000001").unwrap().get(), 4_000_000_001);
        for nobody in ["", "no-such-user-here", "-1", "4294967295", "a\0b"] {
            assert!(uid(nobody).is_err(), "{nobody}");
        }
        assert!(!uid("a\u{1b}b").unwrap_err().to_string().contains('\u{1b}'));
    }
}
