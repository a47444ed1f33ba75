//! The facts of a login. They come from the PAM items and from the name service of the host.
//!
//! Nothing comes from the environment, which belongs to the caller of `su`.

use crate::{
    host::{Host, Item},
    options::Options,
};
use ck_protocol::{Gid, Open, OutOfRange, Text, Token, Uid, UserName, limits};
use nix::errno::Errno;

/// Why a login does not identify its user well enough for a session. The log escapes the messages.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FactsError {
    /// `PAM_USER` is not set.
    #[error("the PAM host named no user")]
    NoUser,
    /// The user name is longer than the name of any account.
    #[error("the user name of {0} bytes is too long: at most {max} are allowed", max = limits::USER_NAME)]
    LongName(usize),
    /// The user name could forge lines wherever it is shown.
    #[error("the user name \"{}\" has control characters: this is not allowed", .0.to_text())]
    ControlCharacters(UserName),
    /// The name service failed.
    #[error("cannot look up user {}: {source} (is the name service working?)", name.to_text())]
    Lookup {
        /// The user.
        name: UserName,
        /// The error.
        source: Errno,
    },
    /// The name service does not know the user.
    #[error("there is no user {}: check `getent passwd`", .0.to_text())]
    UnknownUser(UserName),
    /// The uid or gid of the account is out of range.
    #[error("the account of user {} cannot be used: {source}", name.to_text())]
    BadAccount {
        /// The user.
        name: UserName,
        /// The id that is out of range.
        source: OutOfRange,
    },
}

/// Builds the request to open a session for the login at `host`. `token` identifies the request.
///
/// The user name must be complete, because it decides whose session this is. All other texts are only shown, and are
/// clipped if they are too long.
///
/// # Errors
/// [`FactsError`] if the user is not identified.
pub(crate) fn gather(host: &impl Host, options: &Options, token: Token) -> Result<Open, FactsError> {
    let typed = usable(host.item(Item::User).filter(|name| !name.is_empty()).ok_or(FactsError::NoUser)?)?;
    let account = host
        .account(typed.as_bytes())
        .map_err(|source| FactsError::Lookup { name: typed.clone(), source })?
        .ok_or_else(|| FactsError::UnknownUser(typed.clone()))?;
    // The account's own spelling: whoever logs in by several is one user everywhere.
    let user = usable(&account.name)?;
    let bad = |source| FactsError::BadAccount { name: user.clone(), source };
    Ok(Open {
        token,
        uid: Uid::try_from(account.uid).map_err(bad)?,
        gid: Gid::try_from(account.gid).map_err(bad)?,
        user: user.clone(),
        service: item_text(host, Item::Service).unwrap_or_default(),
        class: options.class,
        session_type: options.session_type,
        tty: item_text(host, Item::Tty),
        remote_host: item_text(host, Item::RemoteHost),
        remote_user: host.item(Item::RemoteUser).filter(|name| !name.is_empty()).map(UserName::clipped),
        display: item_text(host, Item::Display),
        runtime_dir: options.runtime_dir,
    })
}

fn usable(name: &[u8]) -> Result<UserName, FactsError> {
    let user = UserName::new(name).map_err(|_| FactsError::LongName(name.len()))?;
    if user.is_usable() { Ok(user) } else { Err(FactsError::ControlCharacters(user)) }
}

/// An item as text of at most `MAX` bytes; `None` if the host has not set it, or has set it to an empty string.
fn item_text<const MAX: usize>(host: &impl Host, item: Item) -> Option<Text<MAX>> {
    /// The bytes of the longest character in UTF-8. A character that is cut off here starts after `MAX` and is clipped.
    const MAX_CHARACTER: usize = 4;
    let bytes = host.item(item).filter(|bytes| !bytes.is_empty())?;
    let head = bytes.get(..MAX + MAX_CHARACTER).unwrap_or(bytes);
    Some(Text::clipped(&String::from_utf8_lossy(head)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fake_host::FakeHost, host::Account};

    fn gathered(host: &FakeHost) -> Result<Open, FactsError> {
        gather(host, &Options::default(), Token::new([7; 16]))
    }

    #[test]
    fn items_and_account_become_the_request() {
        let host = FakeHost::of("root")
            .with(Item::Service, b"sshd")
            .with(Item::Tty, b"ssh")
            .with(Item::RemoteHost, b"2001:db8::1")
            .with(Item::RemoteUser, b"")
            .with(Item::Display, b":0");
        let open = gathered(&host).unwrap();
        assert_eq!((open.uid, open.gid.get(), open.user.to_string().as_str()), (Uid::ROOT, 0, "root"));
        assert_eq!((open.service.as_str(), open.tty.unwrap().as_str()), ("sshd", "ssh"));
        assert_eq!(open.remote_host.unwrap().as_str(), "2001:db8::1");
        assert_eq!((open.remote_user, open.display.unwrap().as_str()), (None, ":0"));
        assert!(open.runtime_dir);
    }

    #[test]
    fn a_fact_that_is_only_shown_is_clipped_not_refused() {
        let host = FakeHost::of("root")
            .with(Item::RemoteHost, "𝄞".repeat(40_000).as_bytes())
            .with(Item::Tty, b"tty\xff");
        let open = gathered(&host).unwrap();
        assert_eq!(open.remote_host.unwrap().as_str(), "𝄞".repeat(limits::HOST_NAME / 4));
        assert_eq!(open.tty.unwrap().as_str(), "tty\u{fffd}");
    }

    #[test]
    fn a_name_that_nobody_can_have_is_refused() {
        assert_eq!(gathered(&FakeHost::default()), Err(FactsError::NoUser));
        assert_eq!(gathered(&FakeHost::of("")), Err(FactsError::NoUser));
        assert_eq!(gathered(&FakeHost::of(&"a".repeat(65_536))), Err(FactsError::LongName(65_536)));
        assert_eq!(gathered(&FakeHost::of(&"a".repeat(256))), Err(FactsError::LongName(256)));
        let forged = "root\nsshd[1]: Accepted";
        assert_eq!(
            gathered(&FakeHost::of(forged)),
            Err(FactsError::ControlCharacters(UserName::clipped(forged)))
        );
        assert_eq!(
            gathered(&FakeHost::of("no-such-user-here")),
            Err(FactsError::UnknownUser(UserName::clipped("no-such-user-here")))
        );
    }

    #[test]
    fn the_name_is_that_of_the_account_and_not_what_was_typed() {
        let account = |name: &[u8]| Account { name: name.to_vec(), uid: 2001, gid: 100 };
        for typed in [&b"ALICE"[..], b"DOM\\Alice", b"alice@example.com"] {
            let host = FakeHost::default().with(Item::User, typed).with_account(typed, account(b"alice"));
            assert_eq!(gathered(&host).unwrap().user.as_bytes(), b"alice");
        }
        let host = FakeHost::of("alice").with_account(b"alice", account(b"al\nice"));
        assert!(matches!(gathered(&host), Err(FactsError::ControlCharacters(_))));
    }

    #[test]
    fn a_name_is_bytes() {
        let latin1 = b"J\xf6rg";
        let account = Account { name: latin1.to_vec(), uid: 2001, gid: 100 };
        let host = FakeHost::default()
            .with(Item::User, latin1)
            .with(Item::RemoteUser, latin1)
            .with_account(latin1, account);
        let open = gathered(&host).unwrap();
        assert_eq!((open.user.as_bytes(), open.remote_user.unwrap().as_bytes()), (&latin1[..], &latin1[..]));
        let unknown = gathered(&FakeHost::default().with(Item::User, &[0xff; 200])).unwrap_err();
        assert!(matches!(unknown, FactsError::UnknownUser(_)), "{unknown}");
    }
}
