//! Users by name or uid. `ckctl` looks them up in the user database, because the broker asks no name service.
//!
//! A user name is a string of bytes.

use ck_protocol::{Uid, printable_bytes};
use nix::{
    errno::Errno,
    unistd::{self, User, getuid},
};
use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
};

/// The user database of this machine. nix looks up names in UTF-8 only, so other names are looked up in this file.
const PASSWD: &str = "/etc/passwd";

/// Why a user was not found, or is of no use.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The user database failed.
    #[error("cannot look up user `{name}`: {source}: check the name service, or give the uid")]
    Lookup {
        /// The name, printable.
        name: String,
        /// The error of getpwnam(3) or getpwuid(3).
        source: Errno,
    },
    /// There is no such user.
    #[error("unknown user `{0}`: give the name or uid of a user")]
    Unknown(String),
    /// The entry in the user database is invalid.
    #[error("user `{0}` has an invalid uid, gid or name: correct the entry in the user database")]
    Invalid(String),
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The uid.
    pub uid: u32,
    /// The primary group. `None` if the user database has no such user.
    pub gid: Option<u32>,
    /// The name. The uid if the user database has no such user.
    pub name: OsString,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self { uid: user.uid.as_raw(), gid: Some(user.gid.as_raw()), name: user.name.into() }
    }
}

/// The user called `who`, or with the uid `who`. A uid need not be in the user database, because an account can be deleted
/// while its user has sessions.
///
/// # Errors
/// [`AccountError`]
pub fn find(who: &OsStr) -> Result<Account, AccountError> {
    let failed = |source| AccountError::Lookup { name: shown(who), source };
    let unknown = || AccountError::Unknown(shown(who));
    let Some(text) = who.to_str() else {
        let passwd = fs::read(PASSWD).unwrap_or_default();
        return entry(&passwd, who.as_bytes()).ok_or_else(unknown);
    };
    if let Some(user) = User::from_name(text).map_err(failed)? {
        return Ok(user.into());
    }
    let uid: u32 = text.parse().map_err(|_| unknown())?;
    let user = User::from_uid(unistd::Uid::from_raw(uid)).map_err(failed)?;
    Ok(user.map_or_else(|| Account { uid, gid: None, name: uid.to_string().into() }, Account::from))
}

/// The user `who`, or the user who runs this program.
///
/// # Errors
/// [`AccountError`]
pub fn find_or_self(who: Option<&OsStr>) -> Result<Account, AccountError> {
    who.map_or_else(|| find(&OsString::from(getuid().to_string())), find)
}

/// The uid of the user `who`.
///
/// # Errors
/// [`AccountError`]
pub fn uid(who: &OsStr) -> Result<Uid, AccountError> {
    Uid::try_from(find(who)?.uid).map_err(|_| AccountError::Unknown(shown(who)))
}

/// A user as a line shows it: `alice (2001)`, or `uid 2001` if the user database has no such user or fails.
#[must_use]
pub fn shown_with_uid(uid: u32) -> String {
    match User::from_uid(unistd::Uid::from_raw(uid)) {
        Ok(Some(user)) => format!("{} ({uid})", printable_bytes(user.name.as_bytes())),
        _ => format!("uid {uid}"),
    }
}

/// Keeps the items of the user `who`. `owner` returns the uid and the name of an item. The user database is asked only if no
/// item has that name or uid.
///
/// # Errors
/// [`AccountError::Unknown`] if no item belongs to `who`, and the user database does not know `who` either.
pub fn keep_items_of<T>(
    items: &mut Vec<T>,
    who: &OsStr,
    owner: impl Fn(&T) -> (u32, &[u8]),
) -> Result<(), AccountError> {
    let number = who.to_str().and_then(|text| text.parse::<u32>().ok());
    let matches = |item: &T| {
        let (uid, name) = owner(item);
        name == who.as_bytes() || number == Some(uid)
    };
    if items.iter().any(matches) {
        items.retain(matches);
        return Ok(());
    }
    let account = find(who)?;
    if account.gid.is_none() {
        return Err(AccountError::Unknown(shown(who)));
    }
    items.retain(|item| owner(item).0 == account.uid);
    Ok(())
}

/// A name as a message shows it. A byte that is not UTF-8 is written as `\xNN`, a control character as `\u{N}`.
#[must_use]
pub fn shown(name: &OsStr) -> String {
    printable_bytes(name.as_bytes()).to_string()
}

/// The entry of the user `name` in the text of passwd(5).
fn entry(passwd: &[u8], name: &[u8]) -> Option<Account> {
    let mut lines =
        passwd.split(|byte| *byte == b'\n').map(|line| line.split(|byte| *byte == b':').collect::<Vec<_>>());
    let fields = lines.find(|fields| fields.first() == Some(&name))?;
    let number = |at: usize| std::str::from_utf8(fields.get(at)?).ok()?.parse().ok();
    let name = OsStr::from_bytes(name).to_owned();
    Some(Account { uid: number(2)?, gid: Some(number(3)?), name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Uid, AccountError> {
        uid(OsStr::new(text))
    }

    #[test]
    fn a_user_is_a_name_or_a_uid() {
        assert_eq!(of("root").unwrap(), Uid::ROOT);
        // An account can be deleted while its user has sessions.
        assert_eq!(of("4000000001").unwrap().get(), 4_000_000_001);
        for unknown in ["", "no-such-user-here", "-1", "4294967295", "a\0b"] {
            assert!(of(unknown).is_err(), "{unknown}");
        }
        assert!(!of("a\u{1b}b").unwrap_err().to_string().contains('\u{1b}'));
        assert_eq!(
            (shown_with_uid(0), shown_with_uid(4_000_000_001)),
            ("root (0)".into(), "uid 4000000001".into())
        );
    }

    #[test]
    fn a_name_is_a_string_of_bytes() {
        let passwd = b"root:x:0:0::/:\nJ\xe4rg:x:1:1::/:\nJ\xf6rg:x:2010:2011::/:\nbroken:x\n";
        let account = entry(passwd, b"J\xf6rg").unwrap();
        assert_eq!(
            account,
            Account { uid: 2010, gid: Some(2011), name: OsStr::from_bytes(b"J\xf6rg").to_owned() }
        );
        assert_eq!((entry(passwd, b"broken"), entry(passwd, b"J\xffrg")), (None, None));
        assert_eq!(shown(OsStr::from_bytes(b"J\xf6r\x1bg")), r"J\xf6r\u{1b}g");
        let unknown = find(OsStr::from_bytes(b"J\xf6rg-of-no-machine")).unwrap_err().to_string();
        assert!(unknown.contains(r"`J\xf6rg-of-no-machine`"), "{unknown}");
    }

    #[test]
    fn items_are_kept_by_name_or_uid_and_an_unknown_user_is_an_error() {
        let kept = |who: &str| {
            let mut items = vec![(7, "former"), (0, "root"), (8, "eight")];
            keep_items_of(&mut items, OsStr::new(who), |item| (item.0, item.1.as_bytes())).map(|()| items)
        };
        assert_eq!(kept("former").unwrap(), [(7, "former")]);
        assert_eq!(kept("7").unwrap(), [(7, "former")]);
        assert_eq!(kept("root").unwrap(), [(0, "root")]);
        assert_eq!(kept("daemon").unwrap(), []);
        assert!(matches!(kept("no-such-user-here"), Err(AccountError::Unknown(_))));
        assert!(matches!(kept("4000000001"), Err(AccountError::Unknown(_))));
    }
}
